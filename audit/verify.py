"""Verification: recompute every leaf, tile, root, chain and signature, and name what is wrong.

Needs no database library: it reads through `LogSource`, so the same walk checks a live store, a
copy and an export. Memory grows with the number of streams and by eight bytes per entry.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol

from audit.canonical import NotCanonical
from audit.entry import (
    CLOCK_SLACK_SECONDS,
    NO_PREVIOUS,
    SHARD_OPENED,
    EntryInvalid,
    parse_entry,
)
from audit.headcheck import WITNESS, HeadCheck
from audit.merkle import HASH_BYTES, Frontier, leaf_hash
from audit.notes import NoteVerifier
from audit.purges import PurgeCheck
from audit.report import (
    CLEAN,
    INCOMPLETE,
    TAMPERED,
    UNREADABLE,
    Failure,
    LogSource,
    VerifyReport,
)
from audit.tilecheck import TileCheck
from audit.trust import TrustPolicy

__all__ = [
    "CLEAN",
    "INCOMPLETE",
    "TAMPERED",
    "UNREADABLE",
    "Carried",
    "Failure",
    "LogSource",
    "Producer",
    "VerifyReport",
    "WaitingEntry",
    "verify_log",
]

_CLOCK_SLACK = timedelta(seconds=CLOCK_SLACK_SECONDS)
_WIDEST_GAP = 4_096


class _State(Protocol):
    origin: str
    size: int
    peaks: bytes


class _Entry(Protocol):
    index: int
    entry_id: str
    stream: str
    stream_seq: int
    leaf: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class WaitingEntry:
    """A row of a producing store's outbox that the log may not have yet."""

    entry_id: str
    seq: int
    leaf: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Producer:
    """A producing store at one moment, read *before* the log: each stream's last position and
    leaf, and the rows that waited, in order."""

    heads: Mapping[str, tuple[int, bytes]]
    waiting: Mapping[str, Sequence[WaitingEntry]]


def verify_log(
    log: LogSource,
    trusted: NoteVerifier | TrustPolicy,
    *,
    pins: Sequence[str] = (),
    witnessed: Sequence[str] = (),
    lag: timedelta | None = None,
    producers: Mapping[str, Producer] | None = None,
    strict: bool = True,
    after: "Carried | None" = None,
    purges: PurgeCheck | None = None,
) -> VerifyReport:
    """Verify a whole log against the log's public key or a policy, and return what was found.

    `pins` are checkpoint notes kept elsewhere (an auditor's), `witnessed` what witnesses themselves
    remember: the log must contain each. Without them a truncation to an older checkpoint looks
    clean, and without them and a quorum a history re-signed by whoever has the key does; that is
    not claimed. A quorum must have cosigned the newest head, or, with a `lag`, any head not longer
    ago than that; else the log is incomplete. `strict=False` leaves out the re-spelling of bodies
    (four fifths of the time), and with it the chains inside them.

    A log that is a later shard begins with the entry that holds the last head of the shard before:
    with `after` (`VerifyReport.carried` of that one) it must be just that head and the streams must
    go on; without, the shards before are said to be unchecked.

    A body that was purged is empty; just those that entries `retention.purged` speak of may be.
    The entries stand in later shards, too: with `purges` it collects, and the caller compares.
    """
    policy = TrustPolicy.of(trusted) if isinstance(trusted, NoteVerifier) else trusted
    kept = {"pin": pins, WITNESS: witnessed}
    return _Walk(log, policy, kept, producers or {}, strict, after, purges).run(lag)


@dataclass(slots=True)
class _Tail:
    """The last entry seen of a stream."""

    seq: int
    leaf: bytes
    index: int
    at: str


@dataclass(frozen=True, slots=True)
class Carried:
    """What the next shard begins from: this one's name, size and root, the ends of the streams and
    the ids (the first eight bytes of each)."""

    origin: str
    size: int
    root: bytes
    tails: Mapping[str, _Tail]
    ids: "array[int]"


class _Walk:
    def __init__(
        self,
        log: LogSource,
        policy: TrustPolicy,
        kept: Mapping[str, Sequence[str]],
        producers: Mapping[str, Producer],
        strict: bool,
        after: Carried | None,
        purges: PurgeCheck | None,
    ) -> None:
        self.purges = purges or PurgeCheck()
        self.purges_are_mine = purges is None
        self.after = after
        self.alone = False
        self.log, self.policy, self.kept, self.strict = log, policy, kept, strict
        self.report = VerifyReport()
        self.producers = producers
        self.frontier = Frontier()
        # An end in a shard before is told at this one's beginning.
        before = after.tails.items() if after else ()
        self.tails = {name: replace(tail, index=0) for name, tail in before}
        self.ids = array("Q")
        self.heads: dict[str, list[tuple[int, bytes, str]]] = {}
        for name, producer in producers.items():
            for stream, (seq, leaf) in producer.heads.items():
                self.heads.setdefault(stream, []).append((seq, leaf, name))

    def run(self, lag: timedelta | None) -> VerifyReport:
        state: _State = self.log.state()
        report = self.report
        report.origin = state.origin
        self._check_origin(state)
        tiles = TileCheck(self.log, report)
        heads = HeadCheck(self.log, report, self.frontier, self.policy, self.kept)
        heads.reach(0)
        for entry in self.log.entries(0, state.size):
            self._take(entry, tiles)
            heads.reach(self.frontier.size)
        tiles.finish(state.size)
        heads.finish(state.size)
        heads.check_quorum(lag, datetime.now(UTC))
        self._check_state(state)
        self._check_behind_the_back()
        self._check_ids()
        self._check_producers()
        if self.purges_are_mine:
            fail_purges(report, self.purges)
        report.entries = self.frontier.size
        report.streams = len(self.tails)
        report.root = self.frontier.root().hex()
        root, ids = self.frontier.root(), self.ids + (self.after.ids if self.after else array("Q"))
        report.carried = Carried(state.origin, self.frontier.size, root, self.tails, ids)
        return report

    # ── one entry ──

    def _take(self, entry: _Entry, tiles: TileCheck) -> None:
        place = self.frontier.size
        if entry.index != place:
            self._fail("sequence", place, entry.entry_id, str(place), str(entry.index))
            self._fill(min(entry.index, place + _WIDEST_GAP), tiles)
        gone = not entry.body
        if gone:
            self.purges.meets_gone(self.report.origin, entry)
            self.report.purged += 1
        elif (computed := leaf_hash(entry.body)) != entry.leaf:
            self._fail("leaf", entry.index, entry.entry_id, entry.leaf.hex(), computed.hex())
        self.purges.meets(entry.stream, entry.entry_id, entry.index, entry.body)
        # The stored leaf goes into the tree: it was just compared, and a wrong body then does
        # not make every later root wrong as well.
        self.frontier.append(entry.leaf)
        tiles.append(entry.leaf)
        self.ids.append(_short(entry.entry_id))
        body = self._parsed(entry) if self.strict and not gone else None
        if place == 0:
            self._check_opening(entry)
        self._check_chain(entry, body)
        self._check_head(entry)

    def _fill(self, until: int, tiles: TileCheck) -> None:
        while self.frontier.size < until:  # so that the rows after a gap stand at their own place
            self.frontier.append(bytes(HASH_BYTES))
            tiles.append(bytes(HASH_BYTES))

    def _parsed(self, entry: _Entry) -> dict[str, Any] | None:
        try:
            body = parse_entry(entry.body)
        except (NotCanonical, EntryInvalid) as error:
            self._fail("spelling", entry.index, entry.entry_id, "a canonical v1 entry", str(error))
            return None
        said = (body["id"], body["s"]["id"], body["s"]["seq"])
        stored = (entry.entry_id, entry.stream, entry.stream_seq)
        if said != stored:
            self._fail("columns", entry.index, entry.entry_id, repr(said), repr(stored))
        return body

    def _check_opening(self, entry: _Entry) -> None:
        opened = shard_before(entry.body)
        if self.after is None:
            self.alone = opened is not None
            if opened is not None:
                self.report.notes.append(f"what stands before {self.report.origin}: {opened[0]}")
            return
        last = (self.after.origin, self.after.size, self.after.root.hex())
        if opened != last:
            self._fail("shard", 0, entry.entry_id, f"opened after {last}", repr(opened))

    def _check_chain(self, entry: _Entry, body: dict[str, Any] | None) -> None:
        tail = self.tails.get(entry.stream)
        if tail is None and self.alone:  # its earlier entries stand in shards that are not here
            at = str(body["t"]) if body else ""
            self.tails[entry.stream] = _Tail(entry.stream_seq, entry.leaf, entry.index, at)
            return
        seq = tail.seq + 1 if tail else 1
        at = str(body["t"]) if body else ""
        if entry.stream_seq != seq:
            where = f"{entry.stream} {seq}"
            found = f"{entry.stream} {entry.stream_seq}"
            self._fail("stream", entry.index, entry.entry_id, where, found)
        elif body is not None:
            before = tail.leaf if tail else NO_PREVIOUS
            linked = str(body["s"]["prev"])
            if linked != before.hex():
                # The later entry holds what the earlier one was: the earlier is the altered one.
                index = tail.index if tail else entry.index
                self._fail(
                    "chain", index, entry.entry_id if not tail else None, linked, before.hex()
                )
        if tail and at and at < tail.at and _moment(at) < _moment(tail.at) - _CLOCK_SLACK:
            self._fail("time", entry.index, entry.entry_id, f"not before {tail.at}", at)
        latest = max(at, tail.at) if tail else at
        self.tails[entry.stream] = _Tail(entry.stream_seq, entry.leaf, entry.index, latest)

    def _check_head(self, entry: _Entry) -> None:
        for seq, leaf, name in self.heads.get(entry.stream, ()):
            if entry.stream_seq == seq and entry.leaf != leaf:
                check = f"head of {name}"
                self._fail(check, entry.index, entry.entry_id, leaf.hex(), entry.leaf.hex())

    # ── the whole ──

    def _check_origin(self, state: _State) -> None:
        if state.origin not in self.policy.origins:
            self._fail("origin", None, None, ", ".join(self.policy.origins), state.origin)

    def _check_state(self, state: _State) -> None:
        if self.frontier.size != state.size:
            self._fail("size", self.frontier.size, None, str(state.size), str(self.frontier.size))
        elif self.frontier.packed() != state.peaks:
            self._fail("frontier", None, None, state.peaks.hex(), self.frontier.packed().hex())

    def _check_behind_the_back(self) -> None:
        # The log may have grown since; rows beyond its size of *now* were put there by no one.
        now: _State = self.log.state()
        for entry in self.log.entries(now.size):
            self._fail("surplus", entry.index, entry.entry_id, f"{now.size} rows", "one more")
            return

    def _check_ids(self) -> None:
        known = sorted(self.ids + self.after.ids if self.after else self.ids)
        twice = {a for a, b in pairwise(known) if a == b}
        if not twice:
            return
        before = set(self.after.ids) if self.after else set()
        seen: dict[str, int] = {}
        for entry in self.log.entries(0, self.frontier.size):
            if _short(entry.entry_id) in twice:
                if _short(entry.entry_id) in before:
                    self._fail("identity", entry.index, entry.entry_id, "a shard before", "again")
                if entry.entry_id in seen:
                    first = f"once, at {seen[entry.entry_id]}"
                    self._fail("identity", entry.index, entry.entry_id, first, "again")
                seen.setdefault(entry.entry_id, entry.index)

    def _check_producers(self) -> None:
        for name, producer in self.producers.items():
            waiting = 0
            for stream, (seq, leaf) in producer.heads.items():
                rows = producer.waiting.get(stream, ())
                waiting += self._check_waiting(name, stream, rows, (seq, leaf))
            for stream in producer.waiting.keys() - producer.heads.keys():
                self._fail(f"head of {name}", None, None, f"a head of {stream}", "none")
            if waiting:
                self.report.incomplete.append(f"{name}: {waiting} entries wait for the sequencer")

    def _check_waiting(
        self, name: str, stream: str, rows: Sequence[WaitingEntry], head: tuple[int, bytes]
    ) -> int:
        tail = self.tails.get(stream)
        seq, leaf = (tail.seq, tail.leaf) if tail else (0, NO_PREVIOUS)
        waiting = 0
        for row in rows:
            if leaf_hash(row.body) != row.leaf:
                found = leaf_hash(row.body).hex()
                self._fail(f"outbox of {name}", None, row.entry_id, row.leaf.hex(), found)
            if row.seq <= seq:
                continue  # committed in the log, not yet deleted here: a crash between the two
            if row.seq != seq + 1:
                where, found = f"{stream} {seq + 1}", f"{stream} {row.seq}"
                self._fail(f"outbox of {name}", None, row.entry_id, where, found)
            seq, leaf = row.seq, row.leaf
            waiting += 1
        if seq < head[0] or (seq == head[0] and leaf != head[1]):
            expected, found = f"{stream} {head[0]} {head[1].hex()}", f"{stream} {seq} {leaf.hex()}"
            self._fail(f"head of {name}", tail.index if tail else None, None, expected, found)
        return waiting

    def _fail(
        self, check: str, index: int | None, entry_id: str | None, expected: str, found: str
    ) -> None:
        self.report.fail(Failure(check, index, entry_id, expected, found))


def shard_before(body: bytes) -> tuple[str, int, str] | None:
    """Return name, size and root (hex) of the shard before, if this is an entry that opens one."""
    try:
        said = parse_entry(body)
        if said["act"] != SHARD_OPENED:
            return None
        size, _, origin = str(said["obj"].get("step", "")).partition(" ")
        return origin, int(size), str(said.get("before", ""))
    except (NotCanonical, EntryInvalid, ValueError):
        return None


def fail_purges(report: VerifyReport, purges: PurgeCheck) -> None:
    """Add to the report whatever is purged otherwise than entries say."""
    for check, index, expected, found in purges.faults():
        report.fail(Failure(check, index, None, expected, found))


def _short(entry_id: str) -> int:
    try:
        return int(entry_id[:18].replace("-", ""), 16)
    except ValueError:
        return 0  # not an id at all: `columns` names it


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
