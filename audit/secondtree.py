"""The second tree: the same bodies, in the same order, under SM3 (YICHUANG_LOG_PROFILE=national).

It grows in the transaction that appends to the first, so that neither can be ahead. Its heads have
the origin `<origin>/sm3` and are signed with SM2. It keeps nothing but hashes: tiles of every level
that grow, and the frontier.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from audit.logstore import (
    LogDamaged,
    LogMoved,
    LogReader,
    LogState,
    StoredCheckpoint,
    StoredCosignature,
    StoredEntry,
)
from audit.merkle import HASH_BYTES, TILE_WIDTH, complete_root
from audit.sm3 import SM3
from audit.tables import audit_entry, audit_sm3_checkpoint, audit_sm3_state, audit_sm3_tile

SUFFIX = "/sm3"
"""Ends the origin of a second tree: it is another log to whoever knows only C2SP."""

_PAGE = 2_000
_TILE_BYTES = TILE_WIDTH * HASH_BYTES


class SecondTree:
    """Reads the second tree over one connection; keeps the tiles it has read for its lifetime."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tiles: dict[tuple[int, int], bytes] = {}

    def begun(self) -> LogState | None:
        """Return name and frontier, None if the tree was never begun."""
        row = self._connection.execute(select(audit_sm3_state)).one_or_none()
        return LogState(row.origin, row.size, bytes(row.peaks)) if row else None

    def state(self) -> LogState:
        """Return name and frontier. Raises `LogDamaged` if the tree was never begun."""
        found = self.begun()
        if found is None:
            raise LogDamaged("no tree over SM3 was begun in this store")
        return found

    def checkpoints(self) -> Iterator[StoredCheckpoint]:
        """Yield the signed heads, smallest first."""
        table = audit_sm3_checkpoint.c
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
        table = audit_sm3_checkpoint.c
        query = select(table.size, table.root, table.note).order_by(table.size.desc()).limit(1)
        row = self._connection.execute(query).one_or_none()
        return StoredCheckpoint(row.size, bytes(row.root), row.note) if row else None

    def cosignatures(self) -> Iterator[StoredCosignature]:
        """Yield nothing: witnesses cosign the first tree, which holds the same bodies."""
        return iter(())

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[StoredEntry]:
        """Yield the rows of the log, whose bodies this tree hashes too."""
        return LogReader(self._connection).entries(start, stop)

    def tiles(self, level: int) -> Iterator[tuple[int, bytes]]:
        """Yield (index, hashes) of the stored tiles of a level in order."""
        table = audit_sm3_tile.c
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
        query = select(audit_sm3_tile.c.level).distinct().order_by(audit_sm3_tile.c.level)
        return list(self._connection.scalars(query))

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of a complete subtree. Raises `LogDamaged` if the tiles lack it."""
        level, rest = divmod(height, 8)
        first = index << rest
        offset = first % TILE_WIDTH * HASH_BYTES
        width = (1 << rest) * HASH_BYTES
        hashes = self._tile(level, first // TILE_WIDTH)[offset : offset + width]
        if len(hashes) != width:
            raise LogDamaged(f"no SM3 hash for the subtree of height {height} at {index}")
        return complete_root(_split(hashes), SM3)

    def _tile(self, level: int, index: int) -> bytes:
        found = self._tiles.get((level, index))
        if found is None:
            found = self._tiles[level, index] = _stored_tile(self._connection, level, index)
        return found


def extend_second(
    connection: Connection, origin: str, size: int, bodies: Sequence[bytes]
) -> LogState:
    """Add the bodies of the entries from `size` on, in the caller's transaction.

    `origin` is that of the first tree. Begins the tree at its first call, at size 0. Raises
    `LogMoved` if it does not stand at `size` (the caller rolls back).
    """
    state = SecondTree(connection).begun()
    if state is None:
        state = LogState(f"{origin}{SUFFIX}", 0, b"")
        row = {"id": 1, "origin": state.origin, "size": 0, "peaks": b""}
        connection.execute(insert(audit_sm3_state).values(row))
    if state.size != size:
        raise LogMoved(f"the tree over SM3 stands at {state.size}, not at {size}")
    leaves = [SM3.leaf(body) for body in bodies]
    frontier = state.frontier(SM3)
    frontier.extend(leaves)
    if leaves:
        _grow(connection, 0, size, leaves)
    moved = connection.execute(
        update(audit_sm3_state)
        .where(audit_sm3_state.c.id == 1, audit_sm3_state.c.size == size)
        .values(size=frontier.size, peaks=frontier.packed())
    )
    if moved.rowcount != 1:
        raise LogMoved(f"the tree over SM3 is no longer at {size}")
    return LogState(state.origin, frontier.size, frontier.packed())


def catch_up(connection: Connection, state: LogState, most: int = _PAGE) -> int:
    """Add up to `most` of the entries that the first tree (at `state`) has and this one has not,
    in the caller's transaction, and return how many it still lacks.

    Whoever is killed in between goes on where the last committed page ended.
    """
    begun = SecondTree(connection).begun()
    size = begun.size if begun else 0
    if begun is not None and size >= state.size:
        return 0
    table = audit_entry.c
    query = select(table.seq, table.body).where(table.seq >= size, table.seq < state.size)
    rows = connection.execute(query.order_by(table.seq).limit(most)).fetchall()
    if [row.seq for row in rows] != list(range(size, min(size + most, state.size))):
        raise LogDamaged(f"the entries from {size} on are not all there")
    extended = extend_second(connection, state.origin, size, [bytes(row.body) for row in rows])
    return state.size - extended.size


def _grow(connection: Connection, level: int, place: int, hashes: Sequence[bytes]) -> None:
    """Append hashes to a level from `place` on; the roots of filled tiles go to the one above."""
    first, roots = place // TILE_WIDTH, []
    while hashes:
        index, offset = divmod(place, TILE_WIDTH)
        taken, hashes = hashes[: TILE_WIDTH - offset], hashes[TILE_WIDTH - offset :]
        row = b"".join(taken)
        if offset:
            before = _stored_tile(connection, level, index)
            if len(before) != offset * HASH_BYTES:
                held = len(before) // HASH_BYTES
                raise LogDamaged(f"SM3 tile {level}/{index} holds {held}, not {offset}")
            row = before + row
        _write_tile(connection, level, index, row, grown=bool(offset))
        if len(row) == _TILE_BYTES:
            roots.append(complete_root(_split(row), SM3))
        place += len(taken)
    if roots:
        _grow(connection, level + 1, first, roots)


def _write_tile(connection: Connection, level: int, index: int, row: bytes, *, grown: bool) -> None:
    table = audit_sm3_tile
    if grown:
        here = (table.c.level == level, table.c.idx == index)
        connection.execute(update(table).where(*here).values(hashes=row))
    else:
        connection.execute(insert(table).values(level=level, idx=index, hashes=row))


def _stored_tile(connection: Connection, level: int, index: int) -> bytes:
    table = audit_sm3_tile.c
    query = select(table.hashes).where(table.level == level, table.idx == index)
    stored: Any = connection.scalar(query)
    return bytes(stored or b"")


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)]
