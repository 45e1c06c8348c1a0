"""Half-year shards: closing the open one into an archive and opening the next in its place.

A shard is one log. The open one lies in the log's store; a closed one is an archive of the same
tables: a SQLite file beside the store's, a schema of the same PostgreSQL database. The turn is one
transaction of the store; before it nothing has changed, after it the signer is told (again, if we
crash before it heard). The streams go on: a late row of an outbox goes into the open shard.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, create_engine, delete, insert, select
from sqlalchemy.pool import NullPool

from audit.entry import LOG_STREAM, SHARD_CLOSED, SHARD_OPENED, EntryDraft, What, Who, entry_id
from audit.logstore import (
    LogMoved,
    LogReader,
    LogState,
    StoredCheckpoint,
    StoredEntry,
    append,
    leads,
)
from audit.notes import Checkpoint
from audit.origins import Origin
from audit.outbox import record
from audit.reading import reading
from audit.secondtree import SecondTree
from audit.shard_archive import MOVING, Archive, folder_of
from audit.sm3 import SM3
from audit.tables import (
    audit_outbox,
    audit_shard,
    audit_state,
)

_SYSTEM = Who("system", "system")


class TurnRefused(Exception):
    """The shard that shall be opened is no later one of this log. Nothing was touched."""


class NoSuchShard(Exception):
    """No shard of this log has that name."""


@dataclass(frozen=True, slots=True)
class ClosedShard:
    """A shard that is closed: its name, final head, and where its rows are."""

    origin: str
    place: int
    size: int
    root: bytes
    archive: str


class Sequencing(Protocol):
    """What the turn asks of the sequencer."""

    def drain(self) -> object:
        """Append all that waits."""

    def seal(self) -> Checkpoint | None:
        """Have the newest head signed."""


def closed_shards(connection: Connection) -> list[ClosedShard]:
    """Return the closed shards of the log in this store, oldest first."""
    table = audit_shard.c
    query = select(table.origin, table.place, table.size, table.root, table.archive)
    rows = connection.execute(query.where(table.closed_at.is_not(None)).order_by(table.place))
    return [ClosedShard(r.origin, r.place, r.size, bytes(r.root), r.archive) for r in rows]


def shard_engine(log: Engine, shard: ClosedShard) -> Engine:
    """Return an engine that reads a closed shard; the caller disposes of it.

    Raises `FileNotFoundError` where its file is not.
    """
    if log.dialect.name != "sqlite":
        options = f"-csearch_path={log.dialect.identifier_preparer.quote(shard.archive)}"
        return create_engine(log.url, connect_args={"options": options}, poolclass=NullPool)
    path = archive_path(log, shard)
    address = path.absolute().as_uri()

    def open_file() -> sqlite3.Connection:
        return sqlite3.connect(
            f"{address}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )

    return create_engine("sqlite://", creator=open_file, poolclass=NullPool)


def archive_path(log: Engine, shard: ClosedShard) -> Path:
    """Return the file of a closed shard (SQLite). Raises `FileNotFoundError` where it is not."""
    path = folder_of(log) / shard.archive
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the archive of {shard.origin} is not there")
    return path


def log_engines(log: Engine) -> list[Engine]:
    """Return an engine per shard, oldest first, `log` itself last."""
    with reading(log) as connection:
        shards = closed_shards(connection)
    return [*(shard_engine(log, shard) for shard in shards), log]


@contextmanager
def reading_shard(log: Engine, shard: ClosedShard) -> Iterator[Connection]:
    """Yield a connection that reads a closed shard. Raises `FileNotFoundError`."""
    engine = shard_engine(log, shard)
    try:
        with reading(engine) as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def reading_all(log: Engine) -> Iterator[list[Connection]]:
    """Yield a connection per shard, oldest first and the open one last, all of one moment."""
    with ExitStack() as stack:
        opened = stack.enter_context(reading(log))
        shards = closed_shards(opened)
        closed = [stack.enter_context(reading_shard(log, shard)) for shard in shards]
        yield [*closed, opened]


def all_entries(log: Engine) -> Iterator[StoredEntry]:
    """Yield the entries of all shards in order; an index is that of its own shard."""
    with reading_all(log) as connections:
        for connection in connections:
            yield from LogReader(connection).entries()


def stream_of(log: Engine, stream: str) -> list[StoredEntry]:
    """Return a stream's entries in its own order, through all shards."""
    with reading_all(log) as connections:
        return [entry for one in connections for entry in LogReader(one).stream(stream)]


@contextmanager
def reading_named(log: Engine, name: str) -> Iterator[Connection]:
    """Yield a connection to the shard of this origin, or whose origin ends with this half-year.

    Raises `NoSuchShard`.
    """
    with reading_all(log) as connections:
        for connection in connections:
            origin = LogReader(connection).state().origin
            if name in (origin, origin.rpartition("/")[2]):
                yield connection
                return
    raise NoSuchShard(name)


@contextmanager
def holding(log: Engine, wanted: str) -> Iterator[Connection]:
    """Yield a connection to the shard that holds an entry id; to the open one if none does."""
    with reading_all(log) as connections:
        for connection in reversed(connections):
            if LogReader(connection).entry(wanted) is not None:
                yield connection
                return
        yield connections[-1]


def turn(
    log: Engine,
    sequencer: Sequencing,
    opening: Origin,
    now: Callable[[], datetime],
    *,
    lacking: Callable[[StoredCheckpoint], Sequence[str]] = lambda _head: (),
    observe: Callable[[str], None] = lambda _step: None,
) -> LogState:
    """Close the open shard and open the next, and return the next one's state.

    `lacking` is told the final head, may wait for its cosignatures and its token, and returns what
    it lacks (`unwitnessed`, `untokened`). Cut short anywhere, it is called again: until the one
    transaction nothing but an entry has been added. Raises `TurnRefused`, `LogMoved` (an entry came
    meanwhile; call again), and what the sequencer raises.
    """
    with reading(log) as connection:
        before = LogReader(connection).state()
    if not Origin.parse(before.origin).is_before(opening):
        raise TurnRefused(f"{opening} is no later shard of {before.origin}")
    sequencer.drain()
    with log.begin() as connection:
        record(connection, _draft(SHARD_CLOSED, What("shard", before.origin), now()))
    observe("recorded")
    sequencer.drain()
    sequencer.seal()
    observe("sealed")
    head = _final(log, before.origin)
    marks = lacking(head)
    observe("marked")
    archive = Archive.of(log, before.origin)
    archive.copy()
    observe("copied")
    with log.begin() as connection:
        state = _still(connection, before.origin, head)
        second = SecondTree(connection).begun()
        archive.finish(connection)
        observe("archived")
        for table in MOVING:
            table.create(connection)
        _note(connection, state, head, archive.name, now())
        obj = What("shard", str(opening), f"{head.size} {before.origin}")
        opened = _draft(
            SHARD_OPENED,
            obj,
            now(),
            why=",".join(marks) or None,
            before=head.root.hex(),
            after=second.frontier(SM3).root().hex() if second else None,
        )
        fresh = _open(connection, str(opening), opened)
        observe("opened")
    observe("turned")
    sequencer.seal()
    observe("founded")
    return fresh


def _draft(
    act: str,
    obj: What,
    at: datetime,
    *,
    why: str | None = None,
    before: str | None = None,
    after: str | None = None,
) -> EntryDraft:
    return EntryDraft(
        id=entry_id(f"shard:{obj.id}", act),
        stream=LOG_STREAM,
        at=at,
        who=_SYSTEM,
        act=act,
        obj=obj,
        why=why,
        before=before,
        after=after,
    )


def _final(log: Engine, origin: str) -> StoredCheckpoint:
    with reading(log) as connection:
        reader = LogReader(connection)
        state, head = reader.state(), reader.last_checkpoint()
        second = SecondTree(connection)
        begun, second_head = second.begun(), second.last_checkpoint()
    if state.origin != origin or head is None or head.size != state.size:
        raise LogMoved(f"{origin} is not sealed at {state.size}")
    if begun is not None and (second_head is None or second_head.size != state.size):
        raise LogMoved(f"the second tree of {origin} is not sealed at {state.size}")
    return head


def _still(connection: Connection, origin: str, head: StoredCheckpoint) -> LogState:
    """Keep every appender out and return the log's state.

    Raises `LogMoved` if it is not at the final head any more.
    """
    if not leads(connection):
        raise LogMoved(f"another sequencer appends to {origin}")
    state = LogReader(connection).state()
    if (state.origin, state.size) != (origin, head.size):
        raise LogMoved(f"{origin} grew to {state.size} while it was closed")
    return state


def _note(
    connection: Connection, state: LogState, head: StoredCheckpoint, archive: str, now: datetime
) -> None:
    row = {
        "origin": state.origin,
        "place": len(closed_shards(connection)) + 1,
        "size": head.size,
        "root": head.root,
        "archive": archive,
        "closed_at": now.astimezone(UTC),
    }
    connection.execute(insert(audit_shard).values(row))


def _open(connection: Connection, origin: str, opened: EntryDraft) -> LogState:
    """Found the next shard in the emptied tables, its first entry in it."""
    connection.execute(insert(audit_state).values(id=1, origin=origin, size=0, peaks=b""))
    place = record(connection, opened)
    row = audit_outbox.c
    body = connection.scalar(select(row.body).where(row.entry_id == place.id))
    assert body is not None
    first = (place.id, place.stream, place.seq, place.leaf, bytes(body))
    state = append(connection, LogState(origin, 0, b""), [first])
    connection.execute(delete(audit_outbox).where(row.entry_id == place.id))
    return state
