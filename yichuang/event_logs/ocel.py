"""OCEL 2.0: object-centric event logs as JSON and as a SQLite database.

https://www.ocel-standard.org, "OCEL (Object-Centric Event Log) 2.0 Specification", 2023: chapter 5
(relational form: names and keys of tables), chapter 7 (JSON). The JSON schema wants every value as
text, so every attribute is declared a string.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from yichuang.event_logs.stage import Stage

FROM_THE_BEGINNING: Final = "1970-01-01T00:00:00Z"
"""Instant of attributes that never change (section 3)."""
_ODD = re.compile(r"[^A-Za-z0-9]+")


def write_ocel_json(stage: Stage, out: BinaryIO) -> None:
    """Write the stage as OCEL 2.0 JSON; an event or object a line, never all in memory."""
    out.write(b'{"objectTypes":')
    out.write(orjson.dumps(_declared(stage.object_types())))
    out.write(b',"eventTypes":')
    out.write(orjson.dumps(_declared(stage.event_types())))
    out.write(b',"objects":[')
    _listed(out, _objects(stage))
    out.write(b'],"events":[')
    _listed(out, _events(stage))
    out.write(b"]}\n")


def _listed(out: BinaryIO, values: Iterable[Mapping[str, Any]]) -> None:
    before = b"\n"
    for one in values:
        out.write(before + orjson.dumps(one))
        before = b",\n"


def _declared(types: Mapping[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    return [
        {"name": kind, "attributes": [{"name": name, "type": "string"} for name in names]}
        for kind, names in types.items()
    ]


def _objects(stage: Stage) -> Iterator[dict[str, Any]]:
    for one in stage.staged_objects():
        yield {
            "id": one.id,
            "type": one.type,
            "attributes": [
                {"name": name, "time": FROM_THE_BEGINNING, "value": value}
                for name, value in sorted(one.attributes.items())
            ],
            "relationships": [
                {"objectId": target, "qualifier": qualifier} for target, qualifier in one.ties
            ],
        }


def _events(stage: Stage) -> Iterator[dict[str, Any]]:
    for one in stage.staged_events():
        yield {
            "id": one.id,
            "type": one.type,
            "time": one.at,
            "attributes": [
                {"name": name, "value": value} for name, value in sorted(one.attributes.items())
            ],
            "relationships": [
                {"objectId": object, "qualifier": qualifier} for object, qualifier in one.links
            ],
        }


# --- SQLite --------------------------------------------------------------------------------------

_FIXED: Final = """
CREATE TABLE event_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT);
CREATE TABLE object_map_type (ocel_type TEXT PRIMARY KEY, ocel_type_map TEXT);
CREATE TABLE event (ocel_id TEXT PRIMARY KEY,
    ocel_type TEXT REFERENCES event_map_type (ocel_type));
CREATE TABLE object (ocel_id TEXT PRIMARY KEY,
    ocel_type TEXT REFERENCES object_map_type (ocel_type));
CREATE TABLE event_object (ocel_event_id TEXT REFERENCES event (ocel_id),
    ocel_object_id TEXT REFERENCES object (ocel_id), ocel_qualifier TEXT,
    PRIMARY KEY (ocel_event_id, ocel_object_id, ocel_qualifier));
CREATE TABLE object_object (ocel_source_id TEXT REFERENCES object (ocel_id),
    ocel_target_id TEXT REFERENCES object (ocel_id), ocel_qualifier TEXT,
    PRIMARY KEY (ocel_source_id, ocel_target_id, ocel_qualifier));
"""


def write_ocel_sqlite(stage: Stage, path: Path) -> None:
    """Write the stage as an OCEL 2.0 SQLite database into a new file."""
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA foreign_keys=ON")
        database.execute("PRAGMA synchronous=OFF")  # a file that is whole or not handed out
        database.execute("BEGIN")
        for statement in _FIXED.split(";"):
            database.execute(statement)
        _write_objects(stage, database)
        _write_events(stage, database)
        database.execute("COMMIT")
    finally:
        database.close()


def _write_objects(stage: Stage, database: sqlite3.Connection) -> None:
    tables = _tables(database, "object", stage.object_types(), ", ocel_changed_field TEXT")
    for one in stage.staged_objects():
        name, columns = tables[one.type]
        values = [one.attributes.get(column) for column in columns]
        marks = ", ?" * len(columns)
        database.execute("INSERT INTO object VALUES (?, ?)", (one.id, one.type))
        database.execute(
            f'INSERT INTO "{name}" VALUES (?, ?, NULL{marks})',  # noqa: S608 # sanitized below
            (one.id, FROM_THE_BEGINNING, *values),
        )
    for one in stage.staged_objects():
        rows = [(one.id, target, qualifier) for target, qualifier in one.ties]
        database.executemany("INSERT INTO object_object VALUES (?, ?, ?)", rows)


def _write_events(stage: Stage, database: sqlite3.Connection) -> None:
    tables = _tables(database, "event", stage.event_types(), "")
    for one in stage.staged_events():
        name, columns = tables[one.type]
        values = [one.attributes.get(column) for column in columns]
        marks = ", ?" * len(columns)
        database.execute("INSERT INTO event VALUES (?, ?)", (one.id, one.type))
        database.execute(
            f'INSERT INTO "{name}" VALUES (?, ?{marks})',  # noqa: S608 # sanitized below
            (one.id, one.at, *values),
        )
        rows = [(one.id, object, qualifier) for object, qualifier in one.links]
        database.executemany("INSERT INTO event_object VALUES (?, ?, ?)", rows)


def _tables(
    database: sqlite3.Connection, what: str, types: Mapping[str, tuple[str, ...]], more: str
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Make the table of each type; return its name and columns."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    taken: set[str] = set()
    for kind, names in types.items():
        short = _ODD.sub("_", kind).strip("_")
        while short.lower() in taken:
            short += "_"
        taken.add(short.lower())
        columns = "".join(f', "{_ODD.sub("_", name)}" TEXT' for name in names)
        database.execute(
            f'CREATE TABLE "{what}_{short}" (ocel_id TEXT PRIMARY KEY REFERENCES {what} (ocel_id), '
            f"ocel_time TIMESTAMP{more}{columns})"
        )
        database.execute(f"INSERT INTO {what}_map_type VALUES (?, ?)", (kind, short))  # noqa: S608
        found[kind] = f"{what}_{short}", names
    return found
