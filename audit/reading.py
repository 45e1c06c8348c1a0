"""Connections that only read: on SQLite they begin without the write lock."""

from sqlalchemy import Connection, Engine

READING = "yichuang_reading"
"""The execution option by which the house's SQLite engines tell a reader from a writer (a writer
takes the write lock at BEGIN). Elsewhere it means nothing and does nothing."""


def reading(engine: Engine) -> Connection:
    """Return a connection, for a `with`, whose transaction sees one moment and blocks nobody."""
    connection = engine.connect().execution_options(**{READING: True})
    if engine.dialect.name == "postgresql":
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
    return connection
