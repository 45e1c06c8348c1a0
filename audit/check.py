"""Verifying the real stores: the walk of `audit.verify` over database engines."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from audit.logstore import LogMissing, LogReader, StoredEntry
from audit.notes import NoteVerifier
from audit.reading import reading
from audit.secondcheck import check_second_tree
from audit.secondtree import SUFFIX, SecondTree
from audit.tables import audit_outbox, audit_stream
from audit.trust import TrustPolicy
from audit.verify import Failure, Producer, VerifyReport, WaitingEntry, verify_log


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
    second_pins = [pin for pin in pins if pin.partition("\n")[0].endswith(SUFFIX)]
    first_pins = [pin for pin in pins if pin not in second_pins]
    try:
        # The producers first: what leaves them meanwhile is then found in the log.
        seen = {name: _producer(engine) for name, engine in (producers or {}).items()}
        with reading(log) as connection:
            report = verify_log(
                _TellingReader(connection, told),
                policy,
                pins=first_pins,
                witnessed=witnessed,
                lag=lag,
                producers=seen,
                strict=strict,
            )
            check_second_tree(SecondTree(connection), policy, report, second_pins)
            _check_file(connection, report)
            return report
    except (SQLAlchemyError, LogMissing, OSError) as error:
        return VerifyReport(unreadable=str(error))


class _TellingReader(LogReader):
    """A reader that says how far it has come."""

    def __init__(self, connection: Connection, told: Callable[[int], None]) -> None:
        super().__init__(connection)
        self._told = told

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[StoredEntry]:
        for entry in super().entries(start, stop):
            yield entry
            if entry.index % 1_000 == 999:
                self._told(entry.index + 1)


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
