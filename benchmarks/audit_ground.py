"""Stores, drafts and a signer for `bench audit`, and the ordinary table that it is held against."""

from __future__ import annotations

import json
import multiprocessing
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Engine, create_engine, text
from sqlmodel import Field, Session, SQLModel

from audit.entry import EntryDraft, PolicyRef, RuleRef, What, Where, Who, WorkflowRef, facts_of
from audit.logstore import found_log
from audit.sequencer import Sequencer
from audit.signer import Signer, SignerUnavailable, init_signer
from audit.signer_door import SignerClient, serve
from audit.tables import log_metadata, outbox_metadata
from cases.database import open_engine

ORIGIN = "bench.yichuang.invalid/log"
BEGAN = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
STREAM_LENGTH = 50
"""Entries of one case."""


class AuditRow(SQLModel, table=True):
    """An audit table as a SQLModel application has one: a row per event, its facts as JSON."""

    __tablename__ = "audit_row"

    id: int | None = Field(default=None, primary_key=True)
    event_id: str = Field(unique=True, max_length=36)
    stream: str = Field(index=True, max_length=200)
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    who: str = Field(max_length=80)
    act: str = Field(max_length=64)
    body: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


def drafts(count: int, batch: int) -> list[list[EntryDraft]]:
    """Return entries of about 780 bytes in batches of one stream each."""
    made: list[list[EntryDraft]] = []
    for first in range(0, count, batch):
        stream = f"case:{uuid.uuid4()}" if batch > 1 else f"case:{first // STREAM_LENGTH}-{count}"
        made.append([_draft(n, stream) for n in range(first, min(first + batch, count))])
    return made


def _draft(number: int, stream: str) -> EntryDraft:
    return EntryDraft(
        id=str(uuid.uuid4()),
        stream=stream,
        at=BEGAN + timedelta(milliseconds=number),
        who=Who("account:" + "ab" * 32, "human", org="住建局", role="clerk", auth="password"),
        act="case.decide",
        obj=What("case", stream[5:], "decide", "00" * 32),
        where=Where(ip="192.0.2.7", svc="web", ver="0.1.0"),
        pol=PolicyRef(f"warrant-{number}", "allow", "ab" * 32),
        rule=RuleRef("routing", "3", "cd" * 32),
        wf=WorkflowRef("default", "case-1", "run-1", 12, "settle", 1),
    )


@dataclass
class Stores:
    """The producing store, the log, and a signer in a process of its own."""

    cases: Engine
    log: Engine
    signer: SignerClient
    urls: tuple[str, str]
    """Of both, for processes of their own."""
    sync: str
    """How a commit reaches the disk, in the database's own words."""

    def sequencer(self) -> Sequencer:
        return Sequencer(self.log, {"cases": self.cases}, self.signer)


@contextmanager
def sqlite_stores(folder: Path) -> Iterator[Stores]:
    """Yield stores as the embedded city has them: a file each, WAL, full sync."""
    urls = (f"sqlite:///{folder / 'cases.sqlite'}", f"sqlite:///{folder / 'log.sqlite'}")
    with _signed(folder, urls, "SQLite WAL, synchronous=FULL") as stores:
        yield stores


@contextmanager
def postgres_stores(folder: Path, address: str) -> Iterator[Stores]:
    """Yield stores as the large form has them: schemas of one PostgreSQL."""
    admin = create_engine(address.replace("postgresql://", "postgresql+psycopg://", 1))
    mark = uuid.uuid4().hex[:8]
    with admin.begin() as connection:
        for name in ("cases", "log"):
            connection.exec_driver_sql(f"CREATE SCHEMA {name}_{mark}")
        fsync, commit, version = (
            connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("fsync", "synchronous_commit", "server_version")
        )
    joint = "&" if "?" in address else "?"
    urls = (f"{address}{joint}schema=cases_{mark}", f"{address}{joint}schema=log_{mark}")
    sync = f"PostgreSQL {version}, fsync={fsync}, synchronous_commit={commit}"
    with _signed(folder, urls, sync) as stores:
        yield stores


@contextmanager
def _signed(folder: Path, urls: tuple[str, str], sync: str) -> Iterator[Stores]:
    cases, log = open_engine(urls[0]), open_engine(urls[1])
    outbox_metadata.create_all(cases)
    SQLModel.metadata.create_all(cases, tables=[SQLModel.metadata.tables["audit_row"]])
    with cases.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE business (id INTEGER PRIMARY KEY, n INTEGER)")
        rows = ", ".join(f"({number}, 0)" for number in range(1, 101))
        connection.exec_driver_sql(f"INSERT INTO business VALUES {rows}")  # noqa: S608 # numbers
    log_metadata.create_all(log)
    found_log(log, ORIGIN)
    key, state = folder / f"{uuid.uuid4().hex}.pem", folder / f"{uuid.uuid4().hex}.json"
    init_signer(key, state, ORIGIN)
    address = f"unix:{folder / uuid.uuid4().hex[:8]}"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_serve, args=(address, key, state), daemon=True)
    process.start()
    signer = SignerClient(address)
    try:
        _until_there(signer)
        yield Stores(cases, log, signer, urls, sync)
    finally:
        process.terminate()
        process.join()
        cases.dispose()
        log.dispose()


def _serve(address: str, key: Path, state: Path) -> None:
    serve(address, [Signer(key, state)])


def _until_there(signer: SignerClient) -> None:
    for _ in range(400):
        try:
            signer.last()
        except SignerUnavailable:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the signer did not start")


Facts = Sequence[dict[str, Any]]


def facts_in(batch: Sequence[EntryDraft]) -> list[dict[str, Any]]:
    """Return what a batch says, made beforehand for the tables that check nothing."""
    return [{**facts_of(draft, ()), "stream": draft.stream} for draft in batch]


def write_table(engine: Engine, batch: Facts) -> None:
    """Write a batch into the ordinary table as a SQLModel application does, and commit."""
    with Session(engine) as session:
        for facts in batch:
            session.add(
                AuditRow(
                    event_id=facts["id"],
                    stream=facts["stream"],
                    at=datetime.fromisoformat(facts["t"]),
                    who=facts["who"]["id"],
                    act=facts["act"],
                    body=facts,
                )
            )
        session.commit()


def write_plain(engine: Engine, batch: Facts) -> None:
    """Write a batch into the same table by the driver's `executemany`, and commit."""
    marks = ", ".join(["?" if engine.dialect.name == "sqlite" else "%s"] * 6)
    rows = [
        (f["id"], f["stream"], f["t"], f["who"]["id"], f["act"], json.dumps(f, ensure_ascii=False))
        for f in batch
    ]
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO audit_row (event_id, stream, at, who, act, body) VALUES ({marks})",  # noqa: S608
            rows,
        )
