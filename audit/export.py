"""Writing a log as static files that any web server, disc or stranger can carry: C2SP tlog-tiles.

https://c2sp.org/tlog-tiles: `checkpoint`, hash tiles and entry bundles, with the partial ones of
the right edge. An export into the same folder adds to it and never changes what is there: the
folder is itself a witness of what the log once said.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from audit.logstore import LogDamaged, LogReader
from audit.merkle import TILE_WIDTH, Frontier, complete_root, leaf_hash
from audit.notes import NoteInvalid, parse_checkpoint
from audit.tilepaths import CHECKPOINT, TilePath

LENGTH_BYTES = 2
"""Before each entry of a bundle, big-endian; tlog-tiles, "Log Entries"."""


class ExportConflict(Exception):
    """The folder holds something else at that place: another log, or another history of this one.
    Nothing there was changed. An alarm."""


class NothingSealed(Exception):
    """There is no signed head to export under. Seal first."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What now lies in the folder, and how many files this export added."""

    folder: Path
    origin: str
    size: int
    root: bytes
    added: int
    kept: int


def export_log(reader: LogReader, folder: Path, note: str | None = None) -> Exported:
    """Write everything under the newest signed head, the head last, and return what lies there.

    `note` is that head with further signature lines (cosignatures), where there are some. A crash
    leaves the former checkpoint, true of all that it covers. Raises `NothingSealed`,
    `LogDamaged` where the rows do not give the signed root, `ExportConflict`.
    """
    head = reader.last_checkpoint()
    if head is None:
        raise NothingSealed
    signed = parse_checkpoint(_text_of(note or head.note))
    writer = _Writer(folder)
    writer.refuse_another(signed.origin, signed.size)
    row = _Row(writer)
    for body, leaf in _checked(reader, signed.size):
        row.append(body, leaf)
    row.finish()
    if (row.frontier.size, row.frontier.root()) != (signed.size, signed.root):
        found = row.frontier.root().hex()
        raise LogDamaged(f"the head of {signed.size} says {signed.root.hex()}, the rows {found}")
    writer.replace(CHECKPOINT, (note or head.note).encode())
    return Exported(folder, signed.origin, signed.size, signed.root, writer.added, writer.kept)


def bundled(body: bytes) -> bytes:
    """Return an entry as it stands in a bundle: its length in two bytes, then itself."""
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def _checked(reader: LogReader, size: int) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    for entry in reader.entries(0, size):
        if entry.index != place or leaf_hash(entry.body) != entry.leaf:
            raise LogDamaged(f"leaf {place} is not what was recorded")
        yield entry.body, entry.leaf
        place += 1


@dataclass(slots=True)
class _Row:
    """The right edge of every level, written out as it fills."""

    writer: "_Writer"
    frontier: Frontier = field(default_factory=Frontier)
    bodies: list[bytes] = field(default_factory=list)
    levels: list[list[bytes]] = field(default_factory=lambda: [[]])
    done: list[int] = field(default_factory=lambda: [0])

    def append(self, body: bytes, leaf: bytes) -> None:
        self.frontier.append(leaf)
        self.bodies.append(bundled(body))
        if len(self.bodies) == TILE_WIDTH:
            self._bundle()
        self._add(0, leaf)

    def finish(self) -> None:
        """Write the partial tiles."""
        if self.bodies:
            self._bundle()
        for level, hashes in enumerate(self.levels):
            if hashes:
                path = TilePath(level, self.done[level], len(hashes))
                self.writer.add(path, b"".join(hashes))

    def _bundle(self) -> None:
        index, width = (self.frontier.size - 1) // TILE_WIDTH, len(self.bodies)
        self.writer.add(TilePath(None, index, width), b"".join(self.bodies))
        self.bodies = []

    def _add(self, level: int, value: bytes) -> None:
        if level == len(self.levels):
            self.levels.append([])
            self.done.append(0)
        hashes = self.levels[level]
        hashes.append(value)
        if len(hashes) == TILE_WIDTH:
            self.writer.add(TilePath(level, self.done[level]), b"".join(hashes))
            self.levels[level] = []
            self.done[level] += 1
            self._add(level + 1, complete_root(hashes))


class _Writer:
    """Adds files to a folder; each is whole and on the disk when it bears its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.added = self.kept = 0

    def refuse_another(self, origin: str, size: int) -> None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        try:
            there = parse_checkpoint(_text_of(path.read_text(encoding="utf-8")))
        except (NoteInvalid, UnicodeDecodeError) as error:
            raise ExportConflict(f"{path}: {error}") from error
        if there.origin != origin:
            raise ExportConflict(f"{path} is a head of {there.origin}, not of {origin}")
        if there.size > size:
            raise ExportConflict(f"{path} has {there.size} entries, the log's head only {size}")

    def add(self, tile: TilePath, content: bytes) -> None:
        path = self.folder / str(tile)
        if path.exists():
            if path.read_bytes() != content:
                raise ExportConflict(f"{path} holds another history")
            self.kept += 1
            return
        self.replace(str(tile), content)
        self.added += 1

    def replace(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)


def _text_of(note: str) -> str:
    return note.partition("\n\n")[0] + "\n"
