"""What a file of events must look like, told again from the published schemas.

OCEL 2.0: the JSON schema and the relational form of its specification (2023). XES: the grammar of
IEEE 1849-2016, which has no namespace; attributes come first, in any order.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

_TEXT: Final = {"type": "string"}
_NAMED: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": _TEXT,
            "attributes": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": _TEXT, "type": _TEXT},
                    "required": ["name", "type"],
                },
            },
        },
        "required": ["name", "attributes"],
    },
}
_RELATED: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"objectId": _TEXT, "qualifier": _TEXT},
        "required": ["objectId", "qualifier"],
    },
}
_MOMENT: Final = {"type": "string", "format": "date-time"}


def _valued(**more: Any) -> dict[str, Any]:
    properties = {"name": _TEXT, "value": _TEXT, **more}
    return {
        "type": "array",
        "items": {"type": "object", "properties": properties, "required": sorted(properties)},
    }


OCEL_JSON: Final[dict[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "eventTypes": _NAMED,
        "objectTypes": _NAMED,
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": _TEXT, "type": _TEXT, "time": _MOMENT, "attributes": _valued(),
                    "relationships": _RELATED,
                },
                "required": ["id", "type", "time"],
            },
        },
        "objects": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": _TEXT, "type": _TEXT, "relationships": _RELATED,
                    "attributes": _valued(time=_MOMENT),
                },
                "required": ["id", "type"],
            },
        },
    },
    "required": ["eventTypes", "objectTypes", "events", "objects"],
}  # fmt: skip


_KINDS: Final = {
    "string": "string", "date": "dateTime", "int": "long", "float": "double",
    "boolean": "boolean", "id": "string",
}  # fmt: skip
_CHOICES: Final = "".join(f'<xs:element name="{name}" type="{name}"/>' for name in _KINDS)
_ATTRIBUTES: Final = "".join(
    f'<xs:complexType name="{name}"><xs:group ref="described"/>'
    '<xs:attribute name="key" type="xs:Name" use="required"/>'
    f'<xs:attribute name="value" type="xs:{kind}" use="required"/></xs:complexType>'
    for name, kind in _KINDS.items()
)


def _element(name: str, content: str) -> str:
    return (
        f'<xs:element name="{name}" minOccurs="0" maxOccurs="unbounded">'
        f"<xs:complexType>{content}</xs:complexType></xs:element>"
    )


_EXTENSION: Final = _element(
    "extension",
    '<xs:attribute name="name" type="xs:NCName" use="required"/>'
    '<xs:attribute name="prefix" type="xs:NCName" use="required"/>'
    '<xs:attribute name="uri" type="xs:anyURI" use="required"/>',
)
_GLOBAL: Final = _element(
    "global", '<xs:group ref="described"/><xs:attribute name="scope" type="xs:NCName"/>'
)
_CLASSIFIER: Final = _element(
    "classifier",
    '<xs:attribute name="name" type="xs:NCName" use="required"/>'
    '<xs:attribute name="scope" type="xs:NCName"/>'
    '<xs:attribute name="keys" type="xs:token" use="required"/>',
)
_EVENT: Final = _element("event", '<xs:group ref="described"/>')
_TRACE: Final = _element("trace", f'<xs:sequence><xs:group ref="described"/>{_EVENT}</xs:sequence>')
XES_XSD: Final = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">'
    '<xs:group name="described"><xs:sequence><xs:choice minOccurs="0" maxOccurs="unbounded">'
    f"{_CHOICES}</xs:choice></xs:sequence></xs:group>{_ATTRIBUTES}"
    '<xs:element name="log"><xs:complexType><xs:sequence>'
    f'{_EXTENSION}{_GLOBAL}{_CLASSIFIER}<xs:group ref="described"/>{_TRACE}{_EVENT}'
    '</xs:sequence><xs:attribute name="xes.version" type="xs:decimal" use="required"/>'
    '<xs:attribute name="xes.features" type="xs:token"/></xs:complexType></xs:element>'
    "</xs:schema>"
)


def relational_faults(database: sqlite3.Connection) -> list[str]:
    """Return what of the relational form of OCEL 2.0 is not kept: tables, columns, keys."""
    tables = {name for (name,) in database.execute("SELECT tbl_name FROM sqlite_master "
                                                   "WHERE type = 'table'")}  # fmt: skip
    faults = [
        f"{table} does not refer to {to} by {column}"
        for table, column, to in _REFERENCES
        if (column, to) not in _references(database, table)
    ]
    for what in ("event", "object"):
        maps = dict(database.execute(f"SELECT ocel_type, ocel_type_map FROM {what}_map_type"))
        own = {f"{what}_{short}" for short in maps.values()}
        rest = {one for one in tables if one.startswith(f"{what}_")} - own
        faults += [f"{one} is not there" for one in own - tables]
        other = {f"{what}_map_type", f"{what}_object"}
        faults += [f"{one} belongs to no type" for one in rest - other]
        for table in sorted(own & tables):
            columns = _columns(database, table)
            if (
                columns.get("ocel_id") != ("TEXT", 1)
                or columns.get("ocel_time", ("", 0))[0] != "TIMESTAMP"
            ):
                faults.append(f"{table} has no key or no time")
            if ("ocel_id", what) not in _references(database, table):
                faults.append(f"{table} does not refer to {what}")
    return faults + [str(one) for one in database.execute("PRAGMA foreign_key_check")]


_REFERENCES: Final = (
    ("event", "ocel_type", "event_map_type"), ("object", "ocel_type", "object_map_type"),
    ("event_object", "ocel_event_id", "event"), ("event_object", "ocel_object_id", "object"),
    ("object_object", "ocel_source_id", "object"), ("object_object", "ocel_target_id", "object"),
)  # fmt: skip


def _columns(database: sqlite3.Connection, table: str) -> dict[str, tuple[str, int]]:
    return {row[1]: (row[2], row[5]) for row in database.execute(f'PRAGMA table_info("{table}")')}


def _references(database: sqlite3.Connection, table: str) -> set[tuple[str, str]]:
    rows = database.execute(f'PRAGMA foreign_key_list("{table}")')
    return {(row[3], row[2]) for row in rows}
