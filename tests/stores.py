"""Stores with their tables, made quickly: SQLite's are laid out once and then copied."""

from __future__ import annotations

import sqlite3
from functools import cache

from sqlalchemy import Engine, MetaData, create_engine, inspect


@cache
def _laid_out(metadatas: tuple[MetaData, ...]) -> bytes:
    engine = create_engine("sqlite://")
    for metadata in metadatas:
        metadata.create_all(engine)
    raw = engine.raw_connection()
    try:
        assert raw.driver_connection is not None
        whole: bytes = raw.driver_connection.serialize()
        return whole
    finally:
        raw.close()
        engine.dispose()


def lay_out(engine: Engine, *metadatas: MetaData) -> None:
    """Make the tables that a store lacks. `create_all` asks and compiles anew for every test, which
    takes ten times as long (60 ms for the cases, 2026-11): only a store with tables is asked."""
    if engine.dialect.name != "sqlite" or inspect(engine).get_table_names():
        for metadata in metadatas:
            metadata.create_all(engine)
        return
    template = sqlite3.connect(":memory:")
    template.deserialize(_laid_out(metadatas))
    raw = engine.raw_connection()
    try:
        assert raw.driver_connection is not None
        template.backup(raw.driver_connection)
    finally:
        raw.close()
        template.close()
