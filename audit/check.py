"""Verifying the real stores: the walk of `audit.verify` over database engines."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from audit.logstore import LogMissing, LogReader, StoredEntry
from audit.notes import NoteVerifier
from audit.purges import PurgeCheck
from audit.reading import reading
from audit.secondcheck import check_second_tree
from audit.secondtree import SUFFIX, SecondTree
from audit.shards import closed_shards, reading_shard
from audit.tables import audit_outbox, audit_stream
from audit.trust import TrustPolicy
from audit.verify import (
    Carried,
    Failure,
    Producer,
    VerifyReport,
    WaitingEntry,
    fail_purges,
    shard_before,
    verify_log,
)


def verify_stores(
    log: Engine,
    trusted: NoteVerifier | TrustPolicy,
    *,
    producers: Mapping[str, Engine] | None = None,
    pins: Sequence[str] = (),
    witnessed: Sequence[str] = (),
    lag: timedelta | None = None,
    strict: bool = True,
    told: Callable[[int], None] = lambda _entries: None,
) -> VerifyReport:
    """Verify the log's store and what waits in the producing stores; see `verify_log`.

    `told` hears how many entries have been walked, every thousand. Never raises for a store that
    cannot be read: the report says so, with exit code 3.
    """
    policy = TrustPolicy.of(trusted) if isinstance(trusted, NoteVerifier) else trusted
    kept = _Kept(policy, pins, witnessed, strict, told)
    try:
        # The producers first: what leaves them meanwhile is then found in the log.
        seen = {name: _producer(engine) for name, engine in (producers or {}).items()}
        with reading(log) as connection:
            earlier = _closed(log, connection, kept)
            after = earlier[-1].carried if earlier else None
            report = kept.verify(connection, after, producers=seen, lag=lag)
            if after is None and report.notes and _names_a_shard_before(connection):
                report.notes.clear()
                report.fail(Failure("shard", 0, None, "the shard before", "none in this store"))
            _check_file(connection, report)
            for one in reversed(earlier):
                report.take_in(one)
            fail_purges(report, kept.purges)
            return report
    except (SQLAlchemyError, LogMissing, OSError) as error:
        return VerifyReport(unreadable=str(error))


class _TellingReader(LogReader):
    """A reader that says how far it has come."""

    def __init__(self, connection: Connection, told: Callable[[int], None], before: int) -> None:
        super().__init__(connection)
        self._told, self._before = told, before

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[StoredEntry]:
        for entry in super().entries(start, stop):
            yield entry
            if entry.index % 1_000 == 999:
                self._told(self._before + entry.index + 1)


@dataclass(slots=True)
class _Kept:
    """What all shards are verified by; a head kept elsewhere goes to the shard it names."""

    policy: TrustPolicy
    pins: Sequence[str]
    witnessed: Sequence[str]
    strict: bool
    told: Callable[[int], None]
    walked: int = 0
    purges: PurgeCheck = field(default_factory=PurgeCheck)

    def verify(
        self,
        connection: Connection,
        after: Carried | None,
        *,
        producers: Mapping[str, Producer] | None = None,
        lag: timedelta | None = None,
        of_shard: str | None = None,
    ) -> VerifyReport:
        """Verify one shard; without `of_shard` it is the open one, which gets what is left."""
        pins, self.pins = _parted(self.pins, of_shard)
        witnessed, self.witnessed = _parted(self.witnessed, of_shard)
        first = [pin for pin in pins if not _origin_of(pin).endswith(SUFFIX)]
        report = verify_log(
            _TellingReader(connection, self.told, self.walked),
            self.policy,
            pins=first,
            witnessed=witnessed,
            lag=lag,
            producers=producers,
            strict=self.strict,
            after=after,
            purges=self.purges,
        )
        self.walked += report.entries
        second = [pin for pin in pins if pin not in first]
        check_second_tree(SecondTree(connection), self.policy, report, second)
        return report


def _closed(log: Engine, connection: Connection, kept: _Kept) -> list[VerifyReport]:
    """Verify the closed shards, each against what the store says of it."""
    reports: list[VerifyReport] = []
    for shard in closed_shards(connection):
        after = reports[-1].carried if reports else None
        with reading_shard(log, shard) as archive:
            # Its final head may be unwitnessed for good, which the next shard's first entry says.
            report = kept.verify(archive, after, lag=timedelta.max, of_shard=shard.origin)
        carried: Carried = report.carried
        found = (carried.origin, carried.size, carried.root)
        if found != (shard.origin, shard.size, shard.root):
            wanted = f"{shard.origin} {shard.size} {shard.root.hex()}"
            said = f"{carried.origin} {carried.size} {carried.root.hex()}"
            report.fail(Failure("shard", None, None, wanted, said))
        reports.append(report)
    return reports


def _parted(notes: Sequence[str], origin: str | None) -> tuple[list[str], list[str]]:
    """Return the heads of a shard and the rest; all of them for no origin."""
    if origin is None:
        return list(notes), []
    names = (origin, f"{origin}{SUFFIX}")
    mine = [note for note in notes if _origin_of(note) in names]
    return mine, [note for note in notes if note not in mine]


def _origin_of(note: str) -> str:
    return note.partition("\n")[0]


def _names_a_shard_before(connection: Connection) -> bool:
    first = next(LogReader(connection).entries(0, 1), None)
    return first is not None and shard_before(first.body) is not None


def _producer(engine: Engine) -> Producer:
    with reading(engine) as connection:
        return read_producer(connection)


def read_producer(connection: Connection) -> Producer:
    """Return heads and waiting rows of one store, best in one transaction's view."""
    # Heads before rows: what commits in between has its row, never a head without one.
    head = audit_stream.c
    heads = {
        stream: (seq, bytes(leaf))
        for stream, seq, leaf in connection.execute(select(head.stream, head.seq, head.head))
    }
    waiting: dict[str, list[WaitingEntry]] = {}
    row = audit_outbox.c
    outbox = select(row.stream, row.entry_id, row.seq, row.leaf, row.body).order_by(row.pos)
    for stream, entry_id, seq, leaf, body in connection.execute(outbox):
        entry = WaitingEntry(entry_id, seq, bytes(leaf), bytes(body))
        waiting.setdefault(stream, []).append(entry)
    return Producer(heads, waiting)


def _check_file(connection: Connection, report: VerifyReport) -> None:
    """SQLite's own check of its pages: damage in an index is in no row the walk reads."""
    if connection.dialect.name != "sqlite":
        return
    for (said,) in connection.exec_driver_sql("PRAGMA integrity_check(20)"):
        if said != "ok":
            report.fail(Failure("file", None, None, "ok", str(said)))
