"""From entries of the log to events: each leaf checked, nothing of a person taken along.

Every entry of casework is one event; what is no casework (sign-ins, readings, keys) is counted and
left out. The two numbers and those outside the chosen time sum to the size of the signed head, and
the tree recomputed over all leaves has its root: that nothing is missing can be reckoned again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

import orjson

from audit.entry import utc_text
from audit.logstore import LogReader
from audit.merkle import Frontier, leaf_hash
from yichuang.event_logs.stage import Stage

CASEWORK: Final[Mapping[str, str]] = {
    "case": "case",
    "incident": "incident",
    "project": "project",
    "payment": "payment",
    "fund": "fund",
    "warning": "warning",
    "plan": "plan_report",
    "performance": "project",
    "release": "release",
}
"""Stream → type of the object that it is about."""

NOBODY: Final = "-"
"""What a stream of refusals has for an id: there is no such thing."""

LOG: Final = "log"
"""Type of the one object that is the log itself; it has the head, and what is about nothing else.
"""


class NotWhole(Exception):
    """The rows do not give the signed tree: nothing is exported. An alarm."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard with its newest signed head."""

    origin: str
    reader: LogReader
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the casework; empty or None: all."""

    since: datetime | None = None
    until: datetime | None = None
    """Instants of the events, [since, until)."""


class Rows(Protocol):
    """What the stores know of the objects, besides the log."""

    def attributes(
        self, kind: str, ids: Iterable[str]
    ) -> Mapping[str, tuple[Mapping[str, str], Iterable[tuple[str, str, str]]]]:
        """Return by id: attributes, and ties to others as (type, id, qualifier)."""
        ...

    def hidden(self, kind: str, ids: Iterable[str]) -> frozenset[str]:
        """Return those that may not be told of."""
        ...


@dataclass
class Gathered:
    """What was taken and what was not. The four sum to `entries`."""

    heads: list[tuple[str, int, str]] = field(default_factory=list)
    """Origin, size and root of each shard, the oldest first."""
    entries: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    """By the first word of the stream."""
    other: Counter[str] = field(default_factory=Counter)
    """Not casework, by the first word of the stream and the act."""
    outside: int = 0
    """Casework of another time."""
    purged: int = 0
    """Bodies that are no longer kept (docs/log.md)."""
    hidden: int = 0
    """Casework of things that may not be told of."""

    def as_json(self) -> dict[str, Any]:
        return {
            "heads": [
                {"origin": origin, "size": size, "root": root} for origin, size, root in self.heads
            ],
            "entries": self.entries,
            "events": sum(self.taken.values()),
            "by_stream": dict(sorted(self.taken.items())),
            "no_casework": sum(self.other.values()),
            "outside_the_time": self.outside,
            "purged": self.purged,
            "hidden": self.hidden,
        }


def gather(shards: Iterable[Shard], rows: Rows, stage: Stage, wanted: Wanted) -> Gathered:
    """Take the casework under the signed heads into the stage, then what the rows say of it.

    Raises `NotWhole` where a leaf or a root is not what was signed.
    """
    found = Gathered()
    for number, shard in enumerate(shards, start=1):
        _take(number, shard, rows, stage, wanted, found)
    stage.flush()
    for kind in sorted(set(CASEWORK.values())):
        for page in stage.raw_of(kind):
            _describe(stage, rows, kind, page)
    log = stage.object(LOG, "log", openly=True)
    stage.flush()
    stage.describe(log, _heads(found))
    return found


def _heads(found: Gathered) -> dict[str, str]:
    said = {"entries": str(found.entries), "events": str(sum(found.taken.values()))}
    for n, (origin, size, root) in enumerate(found.heads, start=1):
        said |= {f"origin_{n}": origin, f"size_{n}": str(size), f"root_{n}": root}
    left = {
        "no_casework": sum(found.other.values()), "outside_the_time": found.outside,
        "purged": found.purged, "hidden": found.hidden,
    }  # fmt: skip
    return said | {name: str(n) for name, n in left.items()}


def _take(
    number: int, shard: Shard, rows: Rows, stage: Stage, wanted: Wanted, found: Gathered
) -> None:
    frontier = Frontier()
    known: dict[tuple[str, str], bool] = {}
    since = utc_text(wanted.since) if wanted.since else ""
    until = utc_text(wanted.until) if wanted.until else "~"
    for place, entry in enumerate(shard.reader.entries(0, shard.size)):
        if entry.index != place or (entry.body and leaf_hash(entry.body) != entry.leaf):
            raise NotWhole(f"{shard.origin}: leaf {place} is not what was recorded")
        frontier.append(entry.leaf)
        found.entries += 1
        if not entry.body:
            found.purged += 1
            continue
        body: dict[str, Any] = orjson.loads(entry.body)
        family, _, thing = entry.stream.partition(":")
        kind = CASEWORK.get(family)
        at = str(body.get("occ", body["t"]))
        if kind is None:
            found.other[f"{family} {body['act']}"] += 1
        elif not since <= at < until:
            found.outside += 1
        elif _is_hidden(rows, kind, thing, known):
            found.hidden += 1
        else:
            found.taken[family] += 1
            _event(stage, f"e{number}-{place}", at, kind, thing, body)
    if (frontier.size, frontier.root()) != (shard.size, shard.root):
        raise NotWhole(f"{shard.origin}: the rows do not give the signed root of {shard.size}")
    found.heads.append((shard.origin, shard.size, shard.root.hex()))


MOST_KNOWN: Final = 50_000
"""Answers of policy that are remembered; then they are asked again."""


def _is_hidden(rows: Rows, kind: str, thing: str, known: dict[tuple[str, str], bool]) -> bool:
    if thing == NOBODY:
        return False
    answer = known.get((kind, thing))
    if answer is None:
        if len(known) >= MOST_KNOWN:
            known.clear()
        answer = known[kind, thing] = thing in rows.hidden(kind, [thing])
    return answer


def _event(stage: Stage, id: str, at: str, kind: str, thing: str, body: Mapping[str, Any]) -> None:
    who, said = body["who"], dict[str, str]()
    said["result"] = body["res"]
    said["actor"] = who["kind"]
    for name, value in (
        ("department", who.get("org")), ("role", who.get("role")),
        ("deputy", "true" if who.get("on_behalf") else None),
        ("door", body.get("from", {}).get("svc")),
        ("recorded", body["t"] if "occ" in body else None),
        ("refusal", _code(body.get("why", "")) if body["res"] != "ok" else None),
    ):  # fmt: skip
        if value:
            said[name] = str(value)
    stage.event(id, _type(kind, body), at, said, list(_links(stage, kind, thing, body)))


_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,60}")


def _code(why: str) -> str:
    """Return the reason of a refusal if it is a code; what else it may be stays in the house."""
    return why if _CODE.fullmatch(why) else ""


def _type(kind: str, body: Mapping[str, Any]) -> str:
    """Return the type of an event: what was done to what; a refusal is a type of its own."""
    refused = "" if body["res"] == "ok" else " refused"
    return f"{kind} {body['act']}{refused}"


def _links(
    stage: Stage, kind: str, thing: str, body: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    if thing != NOBODY:
        yield stage.object(kind, thing), "of"
    department = body["who"].get("org")
    if department:
        yield stage.object("department", department, openly=True), "by"
    document = body["obj"].get("doc")
    if document:
        yield stage.object("document", document), "issues"
    if thing == NOBODY and not department:
        yield stage.object(LOG, "log", openly=True), "in"


def _describe(stage: Stage, rows: Rows, kind: str, page: list[tuple[str, str]]) -> None:
    known = rows.attributes(kind, [raw for _, raw in page])
    for id, raw in page:
        attributes, ties = known.get(raw, ({}, ()))
        stage.describe(id, {name: value for name, value in attributes.items() if value})
        for other, other_id, qualifier in ties:
            openly = other == "department"
            target = stage.object(other, other_id, openly=openly)
            stage.tie(id, target, qualifier)
    stage.flush()
