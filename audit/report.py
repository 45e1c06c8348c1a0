"""What a verification found: the failures, the first wrong leaf, the exit code."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

CLEAN, TAMPERED, INCOMPLETE, UNREADABLE = 0, 1, 2, 3
"""Exit codes of `audit verify`; audit.md §6.6."""

REPORTED_PER_CHECK = 20
"""Failures of one kind that are named one by one; the rest are counted."""


class LogSource(Protocol):
    """What is verified. `audit.logstore.LogReader` is one."""

    def state(self) -> Any:
        """Return origin, size and peaks."""

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Any]:
        """Yield the rows in order of index."""

    def checkpoints(self) -> Iterator[Any]:
        """Yield the signed heads in order of size."""

    def cosignatures(self) -> Iterator[Any]:
        """Yield the witnesses' lines in order of the heads they stand on."""

    def tile_levels(self) -> list[int]:
        """Return the levels that have tiles."""

    def tiles(self, level: int) -> Iterator[tuple[int, bytes]]:
        """Yield index and hashes of the tiles of a level in order."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One check that failed. `index` is the leaf (from 0) it points at; with `until`, the leaf
    lies somewhere in index ≤ leaf < until."""

    check: str
    index: int | None
    entry_id: str | None
    expected: str
    found: str
    until: int | None = None


@dataclass(slots=True)
class VerifyReport:
    """What was found. `failures` names up to twenty per check, `counts` counts all."""

    origin: str = ""
    entries: int = 0
    streams: int = 0
    checkpoints: int = 0
    sealed: int = 0
    root: str = ""
    cosigned: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """Of each witness the largest head it has cosigned, and when, newest line."""
    witnessed: int = 0
    """Entries under a head that the quorum has cosigned."""
    witnessed_at: datetime | None = None
    failures: list[Failure] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    incomplete: list[str] = field(default_factory=list)
    unreadable: str | None = None
    notes: list[str] = field(default_factory=list)
    """What was not checked, and does not count against the log."""
    shards: int = 1
    """How many shards were walked, the open one too."""
    first_before: Failure | None = None
    """The first wrong leaf of the shards before, if there is one."""
    carried: Any = None
    """What a later shard begins from (`audit.verify.Carried`); not told in JSON."""
    purged: int = 0
    """Entries whose body is gone after its period; their leaves stand."""
    void: int = 0
    """Heads under a revoked key that vouch for nothing."""
    anchored: int = 0
    """Entries under the newest head with a time-stamp token that holds."""
    anchored_at: datetime | None = None
    second: "VerifyReport | None" = None
    """What the tree over SM3 says of itself, where there is one; its failures stand above too."""

    def fail(self, failure: Failure) -> None:
        """Note a failure."""
        self.counts[failure.check] += 1
        if self.counts[failure.check] <= REPORTED_PER_CHECK:
            self.failures.append(failure)

    def take_in(self, earlier: "VerifyReport") -> None:
        """Add what was found in a shard before this one; its faults bear its name. Of several the
        oldest comes last, so that the first wrong leaf is that of the oldest shard that has one."""
        first = earlier.first_wrong
        if first is not None:
            self.first_before = replace(first, check=f"{earlier.origin}: {first.check}")
        for failure in earlier.failures:
            self.failures.append(replace(failure, check=f"{earlier.origin}: {failure.check}"))
        for check, count in earlier.counts.items():
            self.counts[f"{earlier.origin}: {check}"] += count
        for said, told in ((earlier.incomplete, self.incomplete), (earlier.notes, self.notes)):
            told += [f"{earlier.origin}: {one}" for one in said]
        self.entries += earlier.entries
        self.checkpoints += earlier.checkpoints
        self.sealed += earlier.sealed
        self.void += earlier.void
        self.purged += earlier.purged
        self.shards += 1
        self.unreadable = self.unreadable or earlier.unreadable

    @property
    def first_wrong(self) -> Failure | None:
        """The failure that points at the first wrong leaf; a range only if it ends before any
        leaf that is named exactly; in the oldest shard that has one."""
        if self.first_before is not None:
            return self.first_before
        exact = [f for f in self.failures if f.index is not None and f.until is None]
        ranges = [f for f in self.failures if f.index is not None and f.until is not None]
        first = min(exact, key=_where, default=None)
        earlier = [f for f in ranges if first is None or (f.until or 0) <= _where(first)]
        return min(earlier, key=_where, default=first)

    @property
    def exit_code(self) -> int:
        """0 clean, 1 tampered, 2 incomplete, 3 unreadable; the gravest that can be said."""
        if self.counts:
            return TAMPERED
        if self.unreadable is not None:
            return UNREADABLE
        return INCOMPLETE if self.incomplete else CLEAN

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values, `first_wrong` first."""
        first = self.first_wrong
        return {
            "first_wrong": _spelled(first) if first else None,
            "failures": [_spelled(failure) for failure in self.failures],
            "failed": dict(self.counts),
            "incomplete": list(self.incomplete),
            "unreadable": self.unreadable,
            "origin": self.origin,
            "entries": self.entries,
            "streams": self.streams,
            "checkpoints": self.checkpoints,
            "sealed": self.sealed,
            "root": self.root,
            "cosigned": {
                name: {"size": size, "at": at.isoformat()}
                for name, (size, at) in self.cosigned.items()
            },
            "witnessed": self.witnessed,
            "witnessed_at": self.witnessed_at.isoformat() if self.witnessed_at else None,
            "shards": self.shards,
            "purged": self.purged,
            "void": self.void,
            "notes": list(self.notes),
            "anchored": self.anchored,
            "anchored_at": self.anchored_at.isoformat() if self.anchored_at else None,
            "second": self._said_of_second(),
            "exit_code": self.exit_code,
        }

    def _said_of_second(self) -> dict[str, Any] | None:
        names = ("origin", "entries", "checkpoints", "sealed", "root")
        return {name: getattr(self.second, name) for name in names} if self.second else None


def _where(failure: Failure) -> int:
    return -1 if failure.index is None else failure.index


def _spelled(failure: Failure) -> dict[str, Any]:
    return {name: getattr(failure, name) for name in failure.__slots__}
