"""XES: a trace for each thing, for programs that know no objects.

IEEE 1849-2016; extensions concept, time, organizational and lifecycle by their published addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import BinaryIO, Final

from yichuang.event_logs.stage import Stage, StagedEvent, StagedObject

EXTENSIONS: Final = (
    ("Concept", "concept"), ("Time", "time"), ("Organizational", "org"), ("Lifecycle", "lifecycle"),
)  # fmt: skip
_HEAD: Final = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="">
{extensions}
<global scope="trace"><string key="concept:name" value=""/></global>
<global scope="event"><string key="concept:name" value=""/>\
<date key="time:timestamp" value="1970-01-01T00:00:00.000Z"/>\
<string key="lifecycle:transition" value="complete"/></global>
<classifier name="Activity" scope="event" keys="concept:name"/>
"""
RENAMED: Final = {"department": "org:group", "role": "org:role"}
"""Attributes that the standard has a name for."""


def write_xes(stage: Stage, out: BinaryIO, kind: str) -> int:
    """Write a trace for each object of a kind; return how many events that were.

    What stands beside the things of this kind is told in the log's own attributes, from the head.
    """
    lines = "\n".join(
        f'<extension name="{name}" prefix="{prefix}" '
        f'uri="http://www.xes-standard.org/{prefix}.xesext"/>'
        for name, prefix in EXTENSIONS
    )
    out.write(_HEAD.format(extensions=lines).encode())
    out.write(_string("concept:name", f"yichuang {kind}"))
    for head in stage.staged_objects("log"):
        for name, value in sorted(head.attributes.items()):
            out.write(_string(name, value))
    events = 0
    for one, of_it in stage.traces(kind):
        out.write(b"<trace>" + b"".join(_trace(one)))
        for each in of_it:
            events += 1
            out.write(b"<event>" + b"".join(_event(each)) + b"</event>\n")
        out.write(b"</trace>\n")
    out.write(b"</log>\n")
    return events


def _trace(one: StagedObject) -> Iterator[bytes]:
    yield _string("concept:name", one.id)
    for name, value in sorted(one.attributes.items()):
        yield _string(name, value)


def _event(one: StagedEvent) -> Iterator[bytes]:
    yield _string("concept:name", one.type)
    yield f'<date key="time:timestamp" value="{one.at}"/>'.encode()
    yield _string("lifecycle:transition", "complete")
    yield _string("leaf", one.id)
    for name, value in sorted(one.attributes.items()):
        yield _string(RENAMED.get(name, name), value)


def _string(key: str, value: str) -> bytes:
    return f'<string key="{key}" value="{escape(value, quote=True)}"/>'.encode()
