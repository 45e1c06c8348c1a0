"""Reading the nodes of a log that somebody else publishes as tiles: what a witness needs to follow
it. https://c2sp.org/tlog-tiles; nothing fetched is believed before a proof built of it has held."""

import http.client
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from audit.merkle import HASH_BYTES, TILE_WIDTH, complete_root
from audit.tilepaths import TilePath

MAX_FILE: Final = 65_536
"""Bytes of a checkpoint or a tile of hashes (8 KiB) that are read at most."""

TIMEOUT_SECONDS: Final = 10.0

Fetch = Callable[[str], bytes]
"""Returns the content at a path below the log. Raises `FetchFailed`."""


class FetchFailed(Exception):
    """The log's publication cannot be reached, or lacks a file. Try again later."""


def fetcher(place: str) -> Fetch:
    """Return what reads below an http(s) address or a folder."""
    if place.startswith(("http://", "https://")):
        return lambda path: _get(place.rstrip("/"), path)
    folder = Path(place)

    def read(path: str) -> bytes:
        try:
            with (folder / path).open("rb") as file:
                return file.read(MAX_FILE)
        except OSError as error:
            raise FetchFailed(str(error)) from error

    return read


class PublishedNodes:
    """The nodes of a published tree of `size` leaves; keeps the tiles for its own lifetime."""

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch, self._size = fetch, size
        self._tiles: dict[TilePath, bytes] = {}

    def node(self, height: int, index: int) -> bytes:
        """Return the hash of a complete subtree: the `Node` of `audit.merkle`."""
        level, rest = divmod(height, 8)
        first = index << rest
        tile, place = divmod(first, TILE_WIDTH)
        width = min(TILE_WIDTH, (self._size >> 8 * level) - tile * TILE_WIDTH)
        hashes = self._tile(TilePath(level, tile, width))
        row = hashes[place * HASH_BYTES : (place + (1 << rest)) * HASH_BYTES]
        if len(row) != HASH_BYTES << rest:
            raise FetchFailed(f"no hash for the subtree of height {height} at {index}")
        return complete_root([row[i : i + HASH_BYTES] for i in range(0, len(row), HASH_BYTES)])

    def _tile(self, path: TilePath) -> bytes:
        if path not in self._tiles:
            try:
                self._tiles[path] = self._fetch(str(path))
            except FetchFailed:
                if path.width == TILE_WIDTH:
                    raise
                # A partial tile may be gone once the full one is there; tlog-tiles.
                self._tiles[path] = self._fetch(str(TilePath(path.level, path.index)))
        return self._tiles[path]


def _get(place: str, path: str) -> bytes:
    door: http.client.HTTPConnection
    try:
        parts = urlsplit(place)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise FetchFailed(f"{place}: {error}") from error
    if parts.scheme == "https":
        context = ssl.create_default_context()
        door = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
    else:
        door = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        door.request("GET", f"{parts.path}/{path}")
        answer = door.getresponse()
        content = answer.read(MAX_FILE)
    except (OSError, http.client.HTTPException) as error:
        raise FetchFailed(f"{place}/{path}: {error or type(error).__name__}") from error
    finally:
        door.close()
    if answer.status != 200:
        raise FetchFailed(f"{place}/{path}: {answer.status}")
    return content
