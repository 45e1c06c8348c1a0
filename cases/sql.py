"""Statements on the path of every step, through the driver's own cursor.

SQLAlchemy writes each statement once per database and set of columns; after that a row goes
straight to the driver. Its result and execution machinery took half of what settling a step costs
(12 statements a step; benchmarks/README.md). Transactions, pools and errors stay SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Engine
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from cases.database import raise_if_unwritable

Row = Mapping[str, Any]
Found = tuple[Any, ...]
_Processor = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Written:
    """A statement as one database wants it, and how each value goes into it."""

    text: str
    values: tuple[tuple[str, _Processor | None], ...]
    positional: bool

    def bound(self, row: Row) -> Any:
        if self.positional:
            return tuple(row[n] if p is None else p(row[n]) for n, p in self.values)
        return {n: row[n] if p is None else p(row[n]) for n, p in self.values}


class Prepared:
    """A statement that is written once per database and set of names given, then only run."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._written: dict[tuple[str, tuple[str, ...]], _Written] = {}

    def written(self, dialect: Dialect, names: tuple[str, ...]) -> _Written:
        key = (dialect.name, names)
        known = self._written.get(key)
        if known is None:
            known = self._written[key] = _write(self._statement, dialect, names)
        return known


def _write(statement: ClauseElement, dialect: Dialect, names: tuple[str, ...]) -> _Written:
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(names))
    order = compiled.positiontup if compiled.positional else tuple(compiled.binds)
    processors = ((name, _processor(compiled.binds[name].type, dialect)) for name in order)
    return _Written(str(compiled), tuple(processors), compiled.positional)


def _processor(kind: Any, dialect: Dialect) -> _Processor | None:
    found: _Processor | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return found


class Statements:
    """The caller's open transaction. Errors leave as SQLAlchemy's own, or `StoreUnwritable`."""

    def __init__(self, connection: Connection) -> None:
        self._dialect = connection.dialect
        self._engine = connection.engine
        self._cursor = connection.connection.cursor()

    def __enter__(self) -> Statements:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._cursor.close()
        if error is not None:
            _raise_ours(self._engine, error)

    def run(self, statement: Prepared, row: Row) -> int:
        """Return how many rows it met."""
        written = statement.written(self._dialect, tuple(row))
        self._cursor.execute(written.text, written.bound(row))
        return self._cursor.rowcount

    def each(self, statement: Prepared, rows: Sequence[Row]) -> None:
        """Run it for each row, in order; an empty sequence does nothing."""
        for row in rows:
            self.run(statement, row)

    def value(self, statement: Prepared, row: Row) -> Any:
        """Return the first column of the first row, None where there is none."""
        self.run(statement, row)
        found = self._cursor.fetchall()
        return found[0][0] if found else None


def look_up(engine: Engine, statement: Prepared, row: Row) -> list[Found]:
    """Return the rows of one query, as the driver gives them; it sees one moment of the store.

    Takes no write lock. For columns that both databases keep as they are read: text and numbers.
    """
    with _borrowed(engine) as cursor:
        written = statement.written(engine.dialect, tuple(row))
        cursor.execute(written.text, written.bound(row))
        return list(cursor.fetchall())


@contextmanager
def _borrowed(engine: Engine) -> Iterator[DBAPICursor]:
    connection = engine.raw_connection()  # the pool rolls back when it gets it again
    try:
        yield connection.cursor()
    except engine.dialect.loaded_dbapi.Error as error:
        connection.invalidate(error)
        _raise_ours(engine, error)
        raise
    finally:
        connection.close()


def _raise_ours(engine: Engine, error: BaseException) -> None:
    driver = engine.dialect.loaded_dbapi
    if isinstance(error, driver.Error):
        raise_if_unwritable(engine, error)
        raise DBAPIError.instance(
            None, None, error, driver.Error, dialect=engine.dialect
        ) from error
