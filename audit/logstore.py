"""The log's store: reading it for proofs and verification, appending to it under a fence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, text, tuple_, update

from audit.inserting import Insert
from audit.merkle import HASH_BYTES, SHA256, TILE_WIDTH, Frontier, TreeHash, complete_root
from audit.tables import (
    audit_anchor,
    audit_checkpoint,
    audit_cosignature,
    audit_entry,
    audit_state,
    audit_tile,
)

LEADER_LOCK = 0x59434155  # "YCAU": the advisory lock of PostgreSQL that makes one leader

_PAGE = 2_000
_VOUCHED_AMONG = 100
"""Cosigned heads among which the best vouched one is sought: minutes of a busy city."""
_INSERT_ENTRY = Insert(
    "audit_entry", seq="bigint", entry_id="varchar", stream="varchar", stream_seq="bigint",
    leaf="bytea", body="bytea",
)  # fmt: skip


class LogFounded(Exception):
    """The store holds a log already; a second one is never founded over it."""


class LogMissing(Exception):
    """The store holds no log: `found_log` was never called here."""


class LogDamaged(Exception):
    """A row that must be there is missing or short."""


class LogMoved(Exception):
    """Another sequencer appended meanwhile; nothing was written. Try again."""


@dataclass(frozen=True, slots=True)
class LogState:
    """The log's name and the frontier of its tree."""

    origin: str
    size: int
    peaks: bytes

    def frontier(self, tree: TreeHash = SHA256) -> Frontier:
        """Return the frontier, to append to; `tree` is the hash it was built over."""
        return Frontier.unpack(self.size, self.peaks, tree)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One row of the log; `index` is the leaf's, from 0."""

    index: int
    entry_id: str
    stream: str
    stream_seq: int
    leaf: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class StoredCosignature:
    """One witness's line on the head of a size."""

    size: int
    name: str
    line: str


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """One signed tree head as stored."""

    size: int
    root: bytes
    note: str


@dataclass(frozen=True, slots=True)
class StoredAnchor:
    """A time that an authority vouches for: `token` over the head of `size`, at `at` (UTC)."""

    size: int
    kind: str
    at: datetime
    token: bytes


_SELECT = "SELECT seq, entry_id, stream, stream_seq, leaf, body FROM audit_entry WHERE "
_SELECT_SQLITE = _SELECT.replace("entry_id", "CAST(entry_id AS BLOB)").replace(
    "stream,", "CAST(stream AS BLOB),"
)

NewEntry = tuple[str, str, int, bytes, bytes]
"""Entry id, stream, position in the stream, leaf hash, body."""


def found_log(engine: Engine, origin: str) -> None:
    """Found an empty log of this name, once. Raises `LogFounded` if there is one.

    `origin` is `<org>/audit/<yyyyH1|H2>` and becomes the first line of every checkpoint.
    """
    if not origin or any(c.isspace() or c == "+" for c in origin):
        raise ValueError(f"{origin!r} cannot name a log: no white space, no plus sign")
    with engine.begin() as connection:
        there = connection.scalar(select(audit_state.c.origin))
        if there is not None:
            raise LogFounded(f"this store holds the log {there}")
        connection.execute(insert(audit_state).values(id=1, origin=origin, size=0, peaks=b""))


class LogReader:
    """Reads the log over one connection; keeps the tiles it has read for its own lifetime."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tiles: dict[tuple[int, int], bytes] = {}

    def state(self) -> LogState:
        """Return name and frontier. Raises `LogMissing`."""
        row = self._connection.execute(select(audit_state)).one_or_none()
        if row is None:
            raise LogMissing("no log was founded in this store")
        return LogState(row.origin, row.size, bytes(row.peaks))

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[StoredEntry]:
        """Yield rows with start ≤ index < stop in order, a page at a time; gaps stay gaps.

        Reads what is there even where a column holds another type or no UTF-8 at all: that is
        for the verifier to name, not to fall over.
        """
        end = 2**63 - 1 if stop is None else stop
        while start < end:
            page = self._rows("seq >= ? AND seq < ? ORDER BY seq LIMIT ?", (start, end, _PAGE))
            yield from page
            if len(page) < _PAGE:
                return
            start = page[-1].index + 1

    def entry(self, entry_id: str) -> StoredEntry | None:
        """Return one entry by its id."""
        found = self._rows("entry_id = ?", (entry_id,))
        return found[0] if found else None

    def stream(self, stream: str) -> list[StoredEntry]:
        """Return all entries of one stream in its own order."""
        return self._rows("stream = ? ORDER BY stream_seq", (stream,))

    def _rows(self, condition: str, values: tuple[object, ...]) -> list[StoredEntry]:
        on_sqlite = self._connection.dialect.name == "sqlite"
        query = (_SELECT_SQLITE if on_sqlite else _SELECT) + condition
        rows = self._connection.exec_driver_sql(
            query if on_sqlite else query.replace("?", "%s"), values
        )
        return [
            StoredEntry(r[0], _text(r[1]), _text(r[2]), _number(r[3]), _blob(r[4]), _blob(r[5]))
            for r in rows
        ]

    def checkpoints(self) -> Iterator[StoredCheckpoint]:
        """Yield the signed heads, smallest first."""
        table = audit_checkpoint.c
        last = -1
        while True:
            query = select(table.size, table.root, table.note).where(table.size > last)
            page = self._connection.execute(query.order_by(table.size).limit(_PAGE)).fetchall()
            for row in page:
                yield StoredCheckpoint(row.size, bytes(row.root), row.note)
            if len(page) < _PAGE:
                return
            last = page[-1].size

    def last_checkpoint(self) -> StoredCheckpoint | None:
        """Return the largest signed head."""
        table = audit_checkpoint.c
        query = select(table.size, table.root, table.note).order_by(table.size.desc()).limit(1)
        row = self._connection.execute(query).one_or_none()
        return StoredCheckpoint(row.size, bytes(row.root), row.note) if row else None

    def vouched_checkpoint(self, least: int) -> StoredCheckpoint | None:
        """Return the head of at least `least` entries that says most about itself: of the newest
        hundred that were cosigned the one with the most witnesses, else the newest of all.

        A second after a seal the witnesses have not answered yet, and a proof need not wait.
        """
        table, line = audit_checkpoint.c, audit_cosignature.c
        said = func.count().label("said")
        newest = (
            select(line.size, said)
            .where(line.size >= least)
            .group_by(line.size)
            .order_by(line.size.desc())
            .limit(_VOUCHED_AMONG)
            .subquery()
        )
        best = (
            select(table.size, table.root, table.note)
            .join(newest, newest.c.size == table.size)
            .order_by(newest.c.said.desc(), table.size.desc())
            .limit(1)
        )
        row = self._connection.execute(best).one_or_none()
        if row is not None:
            return StoredCheckpoint(row.size, bytes(row.root), row.note)
        head = self.last_checkpoint()
        return head if head is not None and head.size >= least else None

    def cosigned_note(self, size: int) -> str:
        """Return the signed head of a size with the lines of the witnesses. Raises `LogDamaged`."""
        table = audit_checkpoint.c
        note = self._connection.scalar(select(table.note).where(table.size == size))
        if note is None:
            raise LogDamaged(f"no head of {size} entries was signed")
        line = audit_cosignature.c
        query = select(line.line).where(line.size == size).order_by(line.name)
        return "".join([note, *(f"{said}\n" for said in self._connection.scalars(query))])

    def cosignatures(self) -> Iterator[StoredCosignature]:
        """Yield the lines of the witnesses, in order of the heads."""
        table = audit_cosignature.c
        last = (-1, "")
        while True:
            after = tuple_(table.size, table.name) > last
            query = select(table.size, table.name, table.line).where(after)
            page = self._connection.execute(
                query.order_by(table.size, table.name).limit(_PAGE)
            ).fetchall()
            for row in page:
                yield StoredCosignature(row.size, row.name, row.line)
            if len(page) < _PAGE:
                return
            last = (page[-1].size, page[-1].name)

    def anchors(self) -> list[StoredAnchor]:
        """Return the tokens, in order of the heads they are over and of their times."""
        table = audit_anchor.c
        query = select(table.size, table.kind, table.at, table.token)
        rows = self._connection.execute(query.order_by(table.size, table.at))
        return [StoredAnchor(r.size, r.kind, _aware(r.at), bytes(r.token)) for r in rows]

    def anchor_over(self, size: int) -> StoredAnchor | None:
        """Return the earliest token over a head of at least this size."""
        table = audit_anchor.c
        query = select(table.size, table.kind, table.at, table.token).where(table.size >= size)
        row = self._connection.execute(query.order_by(table.at, table.size).limit(1)).one_or_none()
        return StoredAnchor(row.size, row.kind, _aware(row.at), bytes(row.token)) if row else None

    def tiles(self, level: int) -> Iterator[tuple[int, bytes]]:
        """Yield (index, hashes) of the stored tiles of a level in order."""
        table = audit_tile.c
        last = -1
        while True:
            query = select(table.idx, table.hashes).where(table.level == level, table.idx > last)
            page = self._connection.execute(query.order_by(table.idx).limit(100)).fetchall()
            for row in page:
                yield row.idx, bytes(row.hashes)
            if len(page) < 100:
                return
            last = page[-1].idx

    def tile_levels(self) -> list[int]:
        """Return the levels of which tiles are stored."""
        query = select(audit_tile.c.level).distinct().order_by(audit_tile.c.level)
        return list(self._connection.scalars(query))

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of a complete subtree: the `Node` of `audit.merkle`.

        Raises `LogDamaged` if the tiles do not hold it.
        """
        level, rest = divmod(height, 8)
        first = index << rest
        offset = first % TILE_WIDTH * HASH_BYTES
        width = (1 << rest) * HASH_BYTES
        hashes = self._tile(level, first // TILE_WIDTH)[offset : offset + width]
        if len(hashes) != width:
            raise LogDamaged(f"no hash for the subtree of height {height} at {index}")
        return complete_root([hashes[i : i + HASH_BYTES] for i in range(0, width, HASH_BYTES)])

    def _tile(self, level: int, index: int) -> bytes:
        found = self._tiles.get((level, index))
        if found is None:
            table = audit_tile.c
            query = select(table.hashes).where(table.level == level, table.idx == index)
            stored = self._connection.scalar(query)
            if stored is None and level == 0:
                stored = self.leaves(index * TILE_WIDTH, (index + 1) * TILE_WIDTH)
            found = self._tiles[level, index] = bytes(stored or b"")
        return found

    def leaves(self, start: int, stop: int) -> bytes:
        """Return the stored leaf hashes of start ≤ index < stop, joined."""
        table = audit_entry.c
        query = select(table.leaf).where(table.seq >= start, table.seq < stop).order_by(table.seq)
        return b"".join(bytes(leaf) for leaf in self._connection.scalars(query))


def leads(connection: Connection) -> bool:
    """Return whether this transaction may append: one at a time, whoever runs."""
    if connection.dialect.name != "postgresql":
        return True  # SQLite: BEGIN IMMEDIATE and the fence
    locked = connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LEADER_LOCK})
    return bool(locked)


def append(connection: Connection, state: LogState, entries: Sequence[NewEntry]) -> LogState:
    """Append entries, tiles and frontier in the caller's transaction, and return the new state.

    Raises `LogMoved` if the log is no longer at `state` (the caller rolls back).
    """
    frontier = state.frontier()
    leaves = [leaf for _, _, _, leaf, _ in entries]
    _insert_entries(connection, state.size, entries)
    frontier.extend(leaves)
    _write_tiles(connection, state.size, leaves)
    moved = connection.execute(
        update(audit_state)
        .where(audit_state.c.origin == state.origin, audit_state.c.size == state.size)
        .values(size=frontier.size, peaks=frontier.packed())
    )
    if moved.rowcount != 1:
        raise LogMoved(f"the log is no longer at {state.size}")
    return LogState(state.origin, frontier.size, frontier.packed())


def _insert_entries(connection: Connection, size: int, entries: Sequence[NewEntry]) -> None:
    rows = [(size + place, *entry) for place, entry in enumerate(entries)]
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_INSERT_ENTRY.sqlite, rows)
    else:
        connection.exec_driver_sql(_INSERT_ENTRY.many, Insert.arrays(rows))


def _write_tiles(connection: Connection, size: int, leaves: Sequence[bytes]) -> None:
    first_tile, end_tile = size // TILE_WIDTH, (size + len(leaves)) // TILE_WIDTH
    if first_tile == end_tile:
        return
    # The partial tile's leaves come from the rows, never from memory: a restart changes nothing.
    row = LogReader(connection).leaves(first_tile * TILE_WIDTH, size)
    if len(row) != size % TILE_WIDTH * HASH_BYTES:
        raise LogDamaged(f"the leaves from {first_tile * TILE_WIDTH} to {size} are not all there")
    row += b"".join(leaves)
    for tile in range(first_tile, end_tile):
        start = (tile - first_tile) * TILE_WIDTH * HASH_BYTES
        hashes = row[start : start + TILE_WIDTH * HASH_BYTES]
        connection.execute(insert(audit_tile).values(level=0, idx=tile, hashes=hashes))
        _grow(connection, 1, tile, _tile_root(hashes))


def _grow(connection: Connection, level: int, place: int, root: bytes) -> None:
    """Write the root of a filled tile into the level above; a tile filled by it goes on up."""
    index, offset = divmod(place, TILE_WIDTH)
    if offset == 0:
        connection.execute(insert(audit_tile).values(level=level, idx=index, hashes=root))
        return
    table = audit_tile.c
    here = (table.level == level, table.idx == index)
    hashes: Any = connection.scalar(select(table.hashes).where(*here))
    grown = bytes(hashes or b"") + root
    if len(grown) != (offset + 1) * HASH_BYTES:
        raise LogDamaged(f"tile {level}/{index} holds {len(grown) // HASH_BYTES - 1}, not {offset}")
    connection.execute(update(audit_tile).where(*here).values(hashes=grown))
    if offset == TILE_WIDTH - 1:
        _grow(connection, level + 1, index, _tile_root(grown))


def _tile_root(hashes: bytes) -> bytes:
    return complete_root([hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)])


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1


def _blob(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode(errors="surrogateescape")
    return bytes(value) if isinstance(value, bytes | memoryview) else b""
