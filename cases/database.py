"""One way to open every store: SQLite in the embedded form, PostgreSQL in the large one.

A transaction that may write takes the write lock when it begins, so two writers queue instead of
one of them failing in the middle (SQLite's BUSY_SNAPSHOT, which no timeout waits for). What only
reads opens its engine with `read_only=True`, or its connection with `reading(engine)`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    DateTime,
    Dialect,
    Engine,
    ExceptionContext,
    TypeDecorator,
    create_engine,
    event,
    make_url,
)

BUSY_SECONDS = 15
"""How long a writer waits for another one's transaction; ours last milliseconds."""

POOL = 8
"""Connections kept per engine. Each thread that works holds one for the time of a transaction."""

_READING = "yichuang_reading"
_BOUNDS = "yichuang_bounds"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What PostgreSQL itself lets one reader see of cases, incidents and projects, whatever the
    query says (row-level security, migrations/cases/0014, 0022 and 0028): never less than policy's
    condition, which stays the judge."""

    reach: str
    """Codes of departments, `|` between; `*`: all."""
    persons: str
    clearance: int
    compartments: str
    incidents: str = ""
    """Codes of the units, `|` between, whose incidents may be seen; `*`: all; empty: none."""
    projects: str = ""
    """Codes of who carries out or operates projects that may be seen, likewise."""


_UNWRITABLE = {
    "database or disk is full": "磁盘已满",
    "readonly database": "磁盘或文件只读",
    "disk i/o error": "磁盘读写出错",
    "unable to open database file": "打不开文件（文件夹不存在、只读或无权限）",
    "could not extend file": "磁盘已满",
    "no space left on device": "磁盘已满",
}


class StoreUnwritable(OSError):
    """The disk under a store is full, read-only or broken. Nothing of the transaction was kept;
    try again once the sentence's cause is removed."""


class Instant(TypeDecorator[datetime]):
    """An aware moment, kept in UTC with microseconds; sorts as time does in both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def open_engine(url: str, *, read_only: bool = False) -> Engine:
    """Return the engine of a store.

    `sqlite:///path`: WAL, a commit is on the disk when it returns (synchronous=FULL), foreign keys
    on. `postgresql://…?schema=cases`: psycopg, with that schema as the only search path. Opening
    connects to nothing; `StoreUnwritable` comes with the first statement that needs the disk.
    """
    parsed = make_url(url)
    engine = _sqlite(parsed, read_only) if _is_sqlite(parsed) else _postgresql(parsed, read_only)
    event.listen(engine, "handle_error", _say_unwritable)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that sees one moment of the store and takes no write lock."""
    with engine.connect().execution_options(**{_READING: True}) as connection:
        yield connection


@contextmanager
def one_moment(engine: Engine) -> Iterator[Connection]:
    """Yield a connection as `reading`, of which all statements see the same moment on PostgreSQL
    too: for what is read in parts that must fit together."""
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with reading(engine) as connection:
        yield connection


def bounded(engine: Engine, role: str, bounds: Bounds) -> Engine:
    """Return the engine for one reader: each transaction runs as `role`, within these bounds.

    The pool is the same. Without a role, and on SQLite, which knows neither, the engine as it is.
    """
    if not role or engine.dialect.name != "postgresql":
        return engine
    return engine.execution_options(**{_BOUNDS: (role, bounds)})


def is_reading(connection: Connection) -> bool:
    """Whether the connection is one of `reading`, which writes nothing."""
    return bool(connection.get_execution_options().get(_READING, False))


def intend(connection: Connection, *, to_write: bool) -> None:
    """Say what the connection's next transaction is for; one that reads takes no write lock.

    For who keeps one connection for both, because temporary tables live in it.
    """
    connection.execution_options(**{_READING: not to_write})


def schema_of(url: str) -> str:
    """Return the PostgreSQL schema named in the URL's `schema`, or an empty string."""
    named = make_url(url).query.get("schema", "")
    return named if isinstance(named, str) else named[-1]


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _sqlite(url: URL, read_only: bool) -> Engine:
    engine = create_engine(
        url,
        pool_size=POOL,
        max_overflow=-1,
        pool_use_lifo=True,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )

    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # sqlite3 must not begin by itself: `begin` below does
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        # REPLACE deletes; only so does it ask the triggers of DELETE.
        connection.execute("PRAGMA recursive_triggers=ON")
        if read_only:
            connection.execute("PRAGMA query_only=ON")

    def begin(connection: Connection) -> None:
        deferred = read_only or connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql("BEGIN DEFERRED" if deferred else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    return engine


def _postgresql(url: URL, read_only: bool) -> Engine:
    options = ["-c timezone=UTC"]
    schema = url.query.get("schema", "")
    if schema:
        options.append(f"-c search_path={schema}")
    if read_only:
        options.append("-c default_transaction_read_only=on")
    bare = url.difference_update_query(["schema"]).set(drivername="postgresql+psycopg")
    engine = create_engine(
        bare,
        pool_size=POOL,
        max_overflow=-1,
        pool_use_lifo=True,
        pool_pre_ping=True,
        connect_args={"options": " ".join(options)},
    )
    event.listen(engine, "begin", _bind)
    return engine


_BIND = "SELECT " + ", ".join(
    f"set_config('{name}', %s, true)"
    for name in ("yichuang.reach", "yichuang.persons", "yichuang.clearance",
                 "yichuang.compartments", "yichuang.incidents", "yichuang.projects", "role")
)  # fmt: skip
"""For this transaction alone: what the next one on this connection does starts from nothing."""


def _bind(connection: Connection) -> None:
    found = connection.get_execution_options().get(_BOUNDS)
    if found is None:
        return
    role, bounds = found
    connection.exec_driver_sql(
        _BIND,
        (
            bounds.reach, bounds.persons, str(bounds.clearance), bounds.compartments,
            bounds.incidents, bounds.projects, role,
        ),
    )  # fmt: skip


def raise_if_unwritable(engine: Engine | None, error: BaseException) -> None:
    """Raise `StoreUnwritable` where a driver's error says that of the disk under the store."""
    said = str(error).lower()
    for sign, sentence in _UNWRITABLE.items():
        if sign in said:
            where = ""
            if engine is not None:
                place = engine.url.database or ""
                where = Path(place).name if _is_sqlite(engine.url) else place
            raise StoreUnwritable(
                f"数据库 {where} 写不进去：{sentence}。请腾出空间或恢复写权限后重试"
            ) from error


def _say_unwritable(context: ExceptionContext) -> None:
    raise_if_unwritable(context.engine, context.original_exception)
