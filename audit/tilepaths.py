"""Where a tile lies in a static log: https://c2sp.org/tlog-tiles, "Merkle Tree" and "Log Entries".

`tile/<level>/<index>[.p/<width>]` and `tile/entries/<index>[.p/<width>]`, the index in groups of
three digits of which all but the last begin with an x.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from audit.merkle import TILE_WIDTH

CHECKPOINT: Final = "checkpoint"
TILES: Final = "tile"
ENTRIES: Final = "entries"
PURGED: Final = "purged"
"""Folder of what is left of purged entries: index, id, stream, position; in the bundle they are
empty, and their leaves stand in the tiles."""

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-5][0-9]?|[6-9])/"
    r"(?P<groups>(?:x[0-9]{3}/)*)(?P<last>[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class TilePath:
    """A tile of hashes (`level` 0…63) or of entries (`level` None), `width` of 256 wide."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    def __str__(self) -> str:
        level = ENTRIES if self.level is None else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"{TILES}/{level}/{_grouped(self.index)}{partial}"

    @property
    def first(self) -> int:
        """Index of the first leaf below it."""
        return self.index * TILE_WIDTH << self._shift

    @property
    def until(self) -> int:
        """Index of the first leaf no longer below it."""
        return self.first + (self.width << self._shift)

    @property
    def _shift(self) -> int:
        return 8 * (self.level or 0)

    @classmethod
    def parse(cls, path: str) -> "TilePath | None":
        """Return what the path names; None if it is no tile's, or spelled in another way."""
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        level = None if found["level"] == ENTRIES else int(found["level"])
        index = int((found["groups"] + found["last"]).replace("x", "").replace("/", ""))
        width = int(found["width"] or TILE_WIDTH)
        named = cls(level, index, width)
        return named if width <= TILE_WIDTH and str(named) == path else None


def tiles_of(size: int) -> Iterator[TilePath]:
    """Yield every tile that a log of this size has, the entries' first, then level by level."""
    for level in (None, *range(64)):
        count = size >> 8 * (level or 0)
        if count == 0:
            return
        full, rest = divmod(count, TILE_WIDTH)
        for index in range(full):
            yield TilePath(level, index)
        if rest:
            yield TilePath(level, full, rest)


def purged_path(bundle: TilePath) -> str:
    """Return where the lines lie of a bundle's entries whose bodies were purged."""
    return str(bundle).replace(f"{TILES}/{ENTRIES}", PURGED, 1)


def _grouped(index: int) -> str:
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups)
