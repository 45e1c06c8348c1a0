"""Real stores for the audit room's tests: SQLite files as the house opens them, and PostgreSQL."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event

from audit.check import verify_stores
from audit.entry import EntryDraft, PolicyRef, RuleRef, What, Where, Who, WorkflowRef, entry_id
from audit.logstore import LogReader, found_log
from audit.outbox import Recorded, record
from audit.reading import READING
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.tables import keys_metadata, log_metadata, outbox_metadata
from audit.vault import SubjectVault
from audit.verify import VerifyReport
from tests.postgres.running import running
from tests.stores import lay_out

REPOSITORY = Path(__file__).resolve().parents[2]
VECTORS = REPOSITORY.parent / "shared" / "data" / "audit_vectors"

START = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)


def make_draft(number: int = 0, stream: str = "case:C-1", **changes: Any) -> EntryDraft:
    """Return the entry of the `number`th command, one second after the one before."""
    fields: dict[str, Any] = {
        "id": entry_id(f"command-{number}", "decide"),
        "stream": stream,
        "at": START + timedelta(seconds=number),
        "who": Who("account:" + "ab" * 32, "human", org="住建局", role="clerk", auth="password"),
        "act": "case.decide",
        "obj": What("case", stream.partition(":")[2], "decide", "00" * 32),
        "where": Where(ip="192.0.2.7", svc="web", ver="0.1.0"),
        "pol": PolicyRef(f"warrant-{number}", "allow", "ab" * 32),
        "rule": RuleRef("routing", "3", "cd" * 32),
        "wf": WorkflowRef("default", "case-1", "run-1", 12, "settle", 1),
    }
    return EntryDraft(**{**fields, **changes})


@pytest.fixture(scope="session")
def draft() -> Callable[..., EntryDraft]:
    """The maker of drafts: `draft(number, stream, **changed_fields)`."""
    return make_draft


def sqlite_engine(path: Path, **connect_args: Any) -> Engine:
    """Open a SQLite file in WAL with full sync, each transaction begun by SQLAlchemy."""
    engine = create_engine(f"sqlite:///{path}", connect_args=connect_args)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA busy_timeout=10000")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        reads = connection.get_execution_options().get(READING, False)
        connection.exec_driver_sql("BEGIN DEFERRED" if reads else "BEGIN IMMEDIATE")

    return engine


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[[str], Engine]]:
    """Open (and at the end close) SQLite stores by name."""
    opened: dict[str, Engine] = {}

    def open_named(name: str) -> Engine:
        if name not in opened:
            opened[name] = sqlite_engine(tmp_path / f"{name}.db")
        return opened[name]

    yield open_named
    for engine in opened.values():
        engine.dispose()


@pytest.fixture
def cases_store(open_store: Callable[[str], Engine]) -> Engine:
    """A producing store with the outbox tables."""
    engine = open_store("cases")
    lay_out(engine, outbox_metadata)
    return engine


@pytest.fixture
def log_store(open_store: Callable[[str], Engine]) -> Engine:
    """The log's store, its tables made, no log founded."""
    engine = open_store("log")
    lay_out(engine, log_metadata)
    return engine


@pytest.fixture
def vault(open_store: Callable[[str], Engine]) -> SubjectVault:
    """A vault over a fresh keys store."""
    engine = open_store("keys")
    keys_metadata.create_all(engine)
    return SubjectVault(engine, bytes(range(32)))


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of published vectors, or a skip that says where it was sought."""
    if not VECTORS.is_dir():
        pytest.skip("no published vectors at ../shared/data/audit_vectors beside the checkout")
    return VECTORS


ORIGIN = "city.example/audit/2026H2"


@dataclass
class House:
    """Two producing stores, a founded log and a signer in this process."""

    cases: Engine
    web: Engine
    log: Engine
    signer: Signer
    sequencer: Sequencer
    keys: Engine | None = None

    @property
    def sources(self) -> dict[str, Engine]:
        """The producing stores by name."""
        return {"cases": self.cases, "web": self.web}

    def record(self, *drafts: EntryDraft, store: str = "cases") -> list[Recorded]:
        """Record each draft in a transaction of its own."""
        places = []
        for draft in drafts:
            with self.sources[store].begin() as connection:
                places.append(record(connection, draft))
        return places

    def verify(self, *pins: str) -> VerifyReport:
        """Verify the log and both stores."""
        return verify_stores(self.log, self.signer.verifier, producers=self.sources, pins=pins)

    def head(self) -> str:
        """Return the newest signed note."""
        with self.log.connect() as connection:
            head = LogReader(connection).last_checkpoint()
        assert head is not None
        return head.note


@pytest.fixture
def house(
    tmp_path: Path, open_store: Callable[[str], Engine], cases_store: Engine, log_store: Engine
) -> Iterator[House]:
    """An empty log of the second half of 2026, ready to take entries."""
    web = open_store("web")
    outbox_metadata.create_all(web)
    found_log(log_store, ORIGIN)
    init_signer(tmp_path / "signer.pem", tmp_path / "signer.json", ORIGIN)
    signer = Signer(tmp_path / "signer.pem", tmp_path / "signer.json")
    sources = {"cases": cases_store, "web": web}
    sequencer = Sequencer(log_store, sources, signer, trusted=signer.verifier)
    yield House(cases_store, web, log_store, signer, sequencer)
    signer.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a real PostgreSQL that ends with the session."""
    with running() as address:
        yield address.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture
def postgres_house(postgres: str, tmp_path: Path) -> Iterator[House]:
    """The same house in the large form: a schema per store on one PostgreSQL."""
    admin = create_engine(postgres)
    names = {name: f"{name}_{uuid.uuid4().hex[:8]}" for name in ("cases", "web", "log", "keys")}
    engines = {}
    with admin.begin() as connection:
        for name, schema in names.items():
            connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
            options = {"options": f"-csearch_path={schema}"}
            engines[name] = create_engine(postgres, connect_args=options)
    for name, metadata in (
        ("cases", outbox_metadata),
        ("web", outbox_metadata),
        ("log", log_metadata),
        ("keys", keys_metadata),
    ):
        metadata.create_all(engines[name])
    found_log(engines["log"], ORIGIN)
    init_signer(tmp_path / "pg.pem", tmp_path / "pg.json", ORIGIN)
    signer = Signer(tmp_path / "pg.pem", tmp_path / "pg.json")
    sources = {"cases": engines["cases"], "web": engines["web"]}
    sequencer = Sequencer(engines["log"], sources, signer, trusted=signer.verifier)
    house = House(engines["cases"], engines["web"], engines["log"], signer, sequencer)
    house.keys = engines["keys"]
    yield house
    signer.close()
    for engine in engines.values():
        engine.dispose()
    with admin.begin() as connection:
        for schema in names.values():
            connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    admin.dispose()
