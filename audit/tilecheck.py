"""Comparing the stored tiles with the leaves, as the verifier's walk passes them."""

from collections.abc import Iterator, Sequence

from audit.merkle import HASH_BYTES, SHA256, TILE_WIDTH, TreeHash, complete_root
from audit.report import Failure, LogSource, VerifyReport


class TileCheck:
    """Compares stored tiles with the leaves, a tile of each level at a time."""

    def __init__(
        self, log: LogSource, report: VerifyReport, tree: TreeHash = SHA256, lowest_partial: int = 1
    ) -> None:
        """`lowest_partial`: the lowest level of which tiles are stored before they are full."""
        self._log, self._report, self._tree = log, report, tree
        self._lowest_partial = lowest_partial
        self._rows: list[list[bytes]] = [[]]
        self._done: list[int] = [0]
        self._stored: list[Iterator[tuple[int, bytes]]] = [log.tiles(0)]

    def append(self, leaf: bytes) -> None:
        self._add(0, leaf)

    def finish(self, size: int) -> None:
        """Check the partial tiles of the upper levels, and that no level has a tile too many."""
        for level in range(self._lowest_partial, len(self._rows)):
            if self._rows[level]:
                self._compare(level, self._rows[level], partial=True)
        grown = self._log.state().size
        for level, stored in enumerate(self._stored):
            held = grown >> 8 * level
            partial = level >= self._lowest_partial
            allowed = -(-held // TILE_WIDTH) if partial else held // TILE_WIDTH
            self._refuse_surplus(level, stored, allowed)
        for level in self._log.tile_levels():
            if level >= len(self._rows) and grown >> 8 * level == 0:
                self._fail(level, 0, "no tile", "a tile")

    def _refuse_surplus(
        self, level: int, stored: Iterator[tuple[int, bytes]], allowed: int
    ) -> None:
        for index, _ in stored:
            if index >= allowed:
                self._fail(level, index, f"{allowed} tiles", "one more")
                return

    def _add(self, level: int, value: bytes) -> None:
        if level == len(self._rows):
            self._rows.append([])
            self._done.append(0)
            self._stored.append(self._log.tiles(level))
        row = self._rows[level]
        row.append(value)
        if len(row) == TILE_WIDTH:
            self._compare(level, row, partial=False)
            self._rows[level] = []
            self._done[level] += 1
            self._add(level + 1, complete_root(row, self._tree))

    def _compare(self, level: int, row: Sequence[bytes], *, partial: bool) -> None:
        index = self._done[level]
        found = next(self._stored[level], None)
        if found is None or found[0] != index:
            self._fail(level, index, "a tile", "none")
            return
        stored = found[1]
        if partial:
            held = (self._log.state().size >> 8 * level) - index * TILE_WIDTH
            if len(stored) > held * HASH_BYTES:
                self._fail(level, index, f"{held} hashes", f"{len(stored) / HASH_BYTES} hashes")
            stored = stored[: len(row) * HASH_BYTES]
        if stored == b"".join(row):
            return
        for place, value in enumerate(row):
            there = stored[place * HASH_BYTES : (place + 1) * HASH_BYTES]
            if there != value:
                self._fail(level, index, there.hex(), value.hex(), place)
                return
        self._fail(level, index, f"{len(row)} hashes", f"{len(stored) / HASH_BYTES} hashes")

    def _fail(
        self, level: int, index: int, expected: str, found: str, place: int | None = None
    ) -> None:
        # A level-0 hash is one leaf; a hash above it stands for 256^level of them.
        width = TILE_WIDTH**level
        first = (index * TILE_WIDTH + (place or 0)) * width
        exact = level == 0 and place is not None
        until = first + (width if place is not None else width * TILE_WIDTH)
        self._report.fail(
            Failure("tile", first, None, expected, found, until=None if exact else until)
        )
