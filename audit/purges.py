"""What a lawful purge leaves, and whether what is gone went so. Needs no database library.

A purged row keeps its place, id, stream and leaf; its body is empty. The entry `retention.purged`
names the shard (`obj.id`), the ranges of leaves (`obj.step`, `0-9,12`, both ends included), the
digest of what the rows still say (`obj.doc`), and the article (`why`). The tree, the chains and all
proofs of other entries rest on leaves alone and go on holding.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Protocol

from audit.entry import LOG_STREAM

PURGED: Final = "retention.purged"
"""Act of the entry without which an empty body is a tampering."""

MOST_RANGES = 1_000
"""Ranges of one entry: at most about 40 KB of the 65,535 that an entry may have."""

_RANGE = re.compile(r"(0|[1-9][0-9]{0,18})(?:-(0|[1-9][0-9]{0,18}))?")

PurgedAt = tuple[str, int]
"""Shard and index."""


class Row(Protocol):
    """What is left of a purged row, and what an entry about it is bound to."""

    @property
    def index(self) -> int: ...
    @property
    def entry_id(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def stream_seq(self) -> int: ...
    @property
    def leaf(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Purge:
    """One entry `retention.purged`."""

    entry_id: str
    index: int | None
    """Its own leaf; None while it waits for the sequencer."""
    origin: str
    ranges: tuple[tuple[int, int], ...]
    digest: str


@dataclass(slots=True)
class PurgeCheck:
    """Collects while shards are walked, and compares at the end."""

    rows: dict[PurgedAt, bytes] = field(default_factory=dict)
    entries: list[Purge] = field(default_factory=list)

    def meets_gone(self, origin: str, row: Row) -> None:
        """Note a row whose body is empty."""
        self.rows[origin, row.index] = line(row)

    def meets(self, stream: str, entry_id: str, index: int, body: bytes) -> None:
        """Note an entry, if it is one about a purge."""
        if stream == LOG_STREAM and PURGED.encode() in body:
            found = parse_purge(entry_id, index, body)
            if found is not None:
                self.entries.append(found)

    def faults(self) -> list[tuple[str, int | None, str, str]]:
        """Return check, index, expected and found of whatever does not fit exactly."""
        wrong: list[tuple[str, int | None, str, str]] = []
        covered: set[PurgedAt] = set()
        for entry in self.entries:
            places = [(entry.origin, n) for first, last in entry.ranges
                      for n in range(first, last + 1)]  # fmt: skip
            twice = covered.intersection(places)
            if twice:
                said = f"{PURGED} {entry.entry_id} says again what another says"
                wrong.append(("purge", min(twice)[1], "each leaf purged once", said))
            covered.update(places)
            there = [place for place in places if place not in self.rows]
            if there:
                said = f"{len(there)} bodies that {PURGED} {entry.entry_id} says are gone"
                wrong.append(("purge", there[0][1], "no body", said))
            elif digest_of_lines(self.rows[place] for place in places) != entry.digest:
                said = "other rows than the entry was written about"
                wrong.append(("purge", places[0][1], entry.digest, said))
        for origin, index in sorted(self.rows.keys() - covered):
            wrong.append(("purge", index, f"an entry {PURGED} about it", f"none; {origin}"))
        return wrong


def line(row: Row) -> bytes:
    """Return the digest of what a row says without its body."""
    said = f"{row.index} {row.entry_id} {row.stream} {row.stream_seq} {row.leaf.hex()}\n"
    return sha256(said.encode()).digest()


def digest_of_lines(lines: Iterable[bytes]) -> str:
    """Return the hex digest that the entry holds: of the lines' digests, by index."""
    whole = sha256()
    for one in lines:
        whole.update(one)
    return whole.hexdigest()


def ranges_of(indexes: Sequence[int]) -> list[tuple[int, int]]:
    """Return ascending indexes as ranges, both ends included."""
    found: list[tuple[int, int]] = []
    for index in indexes:
        if found and index == found[-1][1] + 1:
            found[-1] = (found[-1][0], index)
        else:
            found.append((index, index))
    return found


def spell_ranges(ranges: Sequence[tuple[int, int]]) -> str:
    """Return the text of `obj.step`."""
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def parse_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """Return ranges as spelled. Raises `ValueError` for anything that is not ascending."""
    found = []
    least = 0
    for one in text.split(","):
        match = _RANGE.fullmatch(one)
        if match is None:
            raise ValueError(f"{one!r} is no range")
        first, last = int(match[1]), int(match[2] or match[1])
        if first < least or last < first:
            raise ValueError(f"{one} does not ascend")
        found.append((first, last))
        least = last + 1
    return tuple(found)


def parse_purge(entry_id: str, index: int | None, body: bytes) -> Purge | None:
    """Return what an entry says of a purge; None for another entry, or one that says nothing."""
    try:
        said: Any = json.loads(body)
        if said["act"] != PURGED:
            return None
        thing = said["obj"]
        return Purge(entry_id, index, thing["id"], parse_ranges(thing["step"]), thing["doc"])
    except (ValueError, KeyError, TypeError):
        return None
