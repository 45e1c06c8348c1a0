"""The sequencer: takes what the stores have recorded, numbers it, appends it, has it sealed.

One per log. A second one loses at the fence and writes nothing. The source stores and the log are
different databases, so the order is: commit in the log, then delete in the source; a crash in
between leaves rows that the log already has, and they are recognised by entry id.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from sqlalchemy import Connection, Engine, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from audit.logstore import LogMoved, LogReader, LogState, NewEntry, append, leads
from audit.merkle import SHA256, TreeHash, consistency_proof, leaf_hash
from audit.notes import Checkpoint, NoteVerifier, open_checkpoint
from audit.reading import reading
from audit.secondtree import SecondTree, catch_up, extend_second
from audit.signer import SignedHead, SignerRefused, SignerUnavailable
from audit.sm3 import SM3
from audit.tables import audit_checkpoint, audit_entry, audit_outbox, audit_sm3_checkpoint

BATCH = 2_000
"""Rows taken at once; p95 of a 1,000-row transaction was 35 ms on PostgreSQL (audit.md §3.4)."""

SEAL_SECONDS = 1.0
SEAL_ENTRIES = 1_000
"""A head is signed when this much time or this many entries have passed since the last."""

POLL_SECONDS = 0.05
IDLE_SECONDS = 0.4
"""Between two looks at the stores: while entries come, and at most when none do. Entries that come
together are appended together, for each round costs the stores two commits."""

_LOOKED_UP = 500

Step = Literal["caught up", "taken", "appended", "committed", "forgotten", "signed", "sealed"]

_logger = logging.getLogger(__name__)


class OutboxAltered(Exception):
    """A waiting row is not what was recorded: its hash differs, or the log has its id with another
    body. The source stands still until someone has looked."""


class LogBehindSigner(Exception):
    """The signer has vouched for more entries than the log holds: a backup was restored, or this
    is not its log. Nothing is signed until someone has looked."""


class CheckpointSigner(Protocol):
    """What the sequencer asks of a signer; `audit.signer.SignerClient` is the real one."""

    def last(self) -> SignedHead:
        """Return the head it last signed."""

    def sign(self, origin: str, size: int, root: bytes, proof: Sequence[bytes]) -> str:
        """Return the signed note of a head that extends it."""

    def found(self, body: bytes) -> None:
        """Begin the next shard, whose first entry this is."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What one `drain` did: rows appended, rows the log had already, and the log's size after."""

    appended: int
    known: int
    size: int


class Sequencer:
    """Drains the producing stores into the log and has its heads signed."""

    def __init__(
        self,
        log: Engine,
        sources: Mapping[str, Engine],
        signer: CheckpointSigner,
        *,
        trusted: NoteVerifier | None = None,
        second: CheckpointSigner | None = None,
        batch: int = BATCH,
        observe: Callable[[Step], None] = lambda _step: None,
    ) -> None:
        """`trusted` is the key a returned note must bear; with `second`, who signs its heads, the
        log has a second tree under SM3. `observe` hears of each step done."""
        self._log = log
        self._sources = dict(sources)
        self._signer = signer
        self._trusted = trusted
        self._second = second
        self._batch = batch
        self._observe = observe
        self._sealed_at = float("-inf")

    def drain(self) -> Drained:
        """Append all that waits, source after source, and return the count.

        Raises `OutboxAltered`, `audit.logstore.LogMoved`, `audit.logstore.LogMissing`; a source
        that is in order is drained before the fault of another is raised.
        """
        self.catch_up()
        appended = known = 0
        fault: OutboxAltered | None = None
        for name in self._sources:
            try:
                added, met = self._drain_source(name)
            except OutboxAltered as error:
                fault = error
                continue
            appended += added
            known += met
        if fault is not None:
            raise fault
        return Drained(appended, known, self.size())

    def size(self) -> int:
        """Return the number of entries in the log."""
        with reading(self._log) as connection:
            return LogReader(connection).state().size

    def catch_up(self) -> None:
        """Bring the second tree to the size of the log: a log that gets one later has its earlier
        entries hashed once, page by page. Killed in between, it goes on where it was."""
        while self._second is not None:
            with self._log.begin() as connection:
                if not leads(connection):
                    return
                lacking = catch_up(connection, LogReader(connection).state(), self._batch)
            if not lacking:
                return
            self._observe("caught up")

    def seal(self) -> Checkpoint | None:
        """Have the committed head signed and stored, that of the second tree too; None if the
        first is sealed already, or empty.

        Asks the signer where it stands, so that a crash between its memory and our row heals
        itself. Raises `LogBehindSigner`, `audit.signer.SignerRefused`, `SignerUnavailable`.
        """
        head = self._seal(self._signer, SHA256)
        if self._second is not None:
            self._seal(self._second, SM3)
        return head

    def _seal(self, signer: CheckpointSigner, tree: TreeHash) -> Checkpoint | None:
        last = signer.last()  # before the log is read, so that it is never ahead in health
        with reading(self._log) as connection:
            reader = LogReader(connection) if tree is SHA256 else SecondTree(connection)
            if isinstance(reader, SecondTree) and reader.begun() is None:
                return None
            state = reader.state()
            sealed = reader.last_checkpoint()
            if last.origin != state.origin and state.size:
                # The shard was turned and the signer has not heard of it: a crash in between. It
                # refuses whatever does not hold the last head it signed.
                signer.found(next(iter(reader.entries(0, 1))).body)
                last = signer.last()
            if last.size > state.size:
                raise LogBehindSigner(f"signed {last.size} entries, the log holds {state.size}")
            if state.size == 0 or (sealed is not None and sealed.size >= state.size):
                return None
            proof = consistency_proof(last.size, state.size, reader.node, tree)
        root = state.frontier(tree).root()
        try:
            note = signer.sign(state.origin, state.size, root, proof)
        except SignerRefused:
            now = signer.last()
            same = now.size == state.size and now.root == root
            if last.size < state.size and (same or now.size > state.size):
                return None  # another sequencer had this head, or a later one, signed meanwhile
            if last.size < now.size < state.size:
                return self._seal(signer, tree)  # it had an earlier one signed: ours extends that
            raise
        self._observe("signed")
        if self._trusted is not None and tree is SHA256:
            open_checkpoint(note, self._trusted)
        self._store(audit_checkpoint if tree is SHA256 else audit_sm3_checkpoint, state, root, note)
        self._observe("sealed")
        return Checkpoint(state.origin, state.size, root)

    def run(self, stop: threading.Event, between: Callable[[], None] = lambda: None) -> None:
        """Drain and seal until `stop` is set; then once more. `between` is called after each round
        but the last: in this thread, so that nothing is appended meanwhile. Errors of the signer
        being away are logged and outlived; every other one is raised, `LogBehindSigner` before any
        append."""
        self._try_seal()
        pause = POLL_SECONDS
        while True:
            stopping = stop.is_set()
            drained = self.drain()
            self._seal_if_due(drained.size, stopping)
            if stopping:
                return
            between()
            pause = POLL_SECONDS if drained.appended else min(2 * pause, IDLE_SECONDS)
            stop.wait(pause)

    def _seal_if_due(self, size: int, now: bool) -> None:
        tables = (audit_checkpoint, audit_sm3_checkpoint) if self._second else (audit_checkpoint,)
        with reading(self._log) as connection:
            heads = [connection.scalar(select(func.max(table.c.size))) for table in tables]
        sealed = min(head or 0 for head in heads)
        waited = time.monotonic() - self._sealed_at >= SEAL_SECONDS
        if size == sealed or not (now or waited or size - sealed >= SEAL_ENTRIES):
            return
        self._sealed_at = time.monotonic()
        self._try_seal()

    def _try_seal(self) -> None:
        try:
            self.seal()
        except SignerUnavailable as error:
            _logger.warning("the signer is away, so entries stay unsealed: %s", error)

    def _drain_source(self, name: str) -> tuple[int, int]:
        appended = known = 0
        while True:
            # Read before the rows: what another sequencer has put into a shard that it then closed
            # is not known in the next one, and must not go there.
            origin = self._origin()
            rows = self._take(name)
            if not rows:
                return appended, known
            self._observe("taken")
            added = self._append(name, origin, rows)
            if added is None:  # another sequencer leads, or has turned the shard
                return appended, known
            self._observe("committed")
            self._forget(name, [entry_id for entry_id, *_ in rows])
            self._observe("forgotten")
            appended += added
            known += len(rows) - added

    def _take(self, name: str) -> list[NewEntry]:
        # All visible rows, never "beyond the last seen": positions become visible out of order.
        # Within a stream they do not, because its head was locked until commit.
        table = audit_outbox.c
        query = select(table.entry_id, table.stream, table.seq, table.leaf, table.body)
        with reading(self._sources[name]) as connection:
            rows = connection.execute(query.order_by(table.pos).limit(self._batch)).fetchall()
        taken = [(r[0], r[1], r[2], bytes(r[3]), bytes(r[4])) for r in rows]
        for entry_id, stream, seq, leaf, body in taken:
            if leaf_hash(body) != leaf:
                raise OutboxAltered(
                    f"{name}: entry {entry_id} ({stream} {seq}) was recorded with leaf "
                    f"{leaf.hex()}, its body now gives {leaf_hash(body).hex()}"
                )
        return taken

    def _origin(self) -> str:
        with reading(self._log) as connection:
            return LogReader(connection).state().origin

    def _append(self, name: str, origin: str, rows: Sequence[NewEntry]) -> int | None:
        with self._log.begin() as connection:
            if not leads(connection):
                return None
            state = LogReader(connection).state()
            if state.origin != origin:
                return None
            known = _known(connection, [row[0] for row in rows])
            for entry_id, _, _, leaf, _ in rows:
                if known.get(entry_id, leaf) != leaf:
                    raise OutboxAltered(f"{name}: the log has entry {entry_id} with another body")
            fresh = [row for row in rows if row[0] not in known]
            if fresh:
                self._write(name, connection, state, fresh)
            self._observe("appended")
        return len(fresh)

    def _write(
        self, name: str, connection: Connection, state: LogState, fresh: Sequence[NewEntry]
    ) -> None:
        try:
            append(connection, state, fresh)
            if self._second is not None:
                extend_second(connection, state.origin, state.size, [body for *_, body in fresh])
        except IntegrityError as error:
            connection.rollback()
            with reading(self._log) as afresh:
                if LogReader(afresh).state().size != state.size:
                    raise LogMoved(f"the log is no longer at {state.size}") from error
            raise OutboxAltered(
                f"{name}: the log has an entry at the place of one of these; do two stores use "
                f"the same stream? {error.orig}"
            ) from error

    def _forget(self, name: str, ids: Sequence[str]) -> None:
        # By id, not by position: SQLite gives a freed position out again.
        source = self._sources[name]
        with source.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql(
                    "DELETE FROM audit_outbox WHERE entry_id = ?",
                    [(entry_id,) for entry_id in ids],
                )
            else:  # one statement: each of a thousand would be a message to the server
                connection.exec_driver_sql(
                    "DELETE FROM audit_outbox WHERE entry_id = ANY(%s)", (list(ids),)
                )

    def _store(self, table: Table, state: LogState, root: bytes, note: str) -> None:
        dialect = sqlite if self._log.dialect.name == "sqlite" else postgresql
        row = {"size": state.size, "root": root, "note": note, "sealed_at": datetime.now(UTC)}
        with self._log.begin() as connection:
            connection.execute(dialect.insert(table).values(row).on_conflict_do_nothing())


def _known(connection: Connection, ids: Sequence[str]) -> dict[str, bytes]:
    if connection.dialect.name == "postgresql":  # one parameter instead of hundreds
        rows = connection.exec_driver_sql(
            "SELECT entry_id, leaf FROM audit_entry WHERE entry_id = ANY(%s)", (list(ids),)
        )
        return {row.entry_id: bytes(row.leaf) for row in rows}
    found: dict[str, bytes] = {}
    table = audit_entry.c
    for start in range(0, len(ids), _LOOKED_UP):
        chosen = ids[start : start + _LOOKED_UP]
        query = select(table.entry_id, table.leaf).where(table.entry_id.in_(chosen))
        found |= {row.entry_id: bytes(row.leaf) for row in connection.execute(query)}
    return found
