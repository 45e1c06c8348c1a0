"""Writing a log as static files that any web server, disc or stranger can carry: C2SP tlog-tiles.

https://c2sp.org/tlog-tiles: `checkpoint`, hash tiles and entry bundles, with the partial ones of
the right edge. An export into the same folder adds to it and never changes what is there: the
folder is itself a witness of what the log once said.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from audit.logstore import LogDamaged, LogReader, StoredEntry
from audit.merkle import TILE_WIDTH, Frontier, complete_root, leaf_hash
from audit.notes import NoteInvalid, parse_checkpoint
from audit.tilepaths import CHECKPOINT, TilePath, purged_path
from audit.trust import TrustedHead, TrustPolicy

LENGTH_BYTES = 2
"""Before each entry of a bundle, big-endian; tlog-tiles, "Log Entries"."""


ANCHORS = "anchor"
"""Folder of the tokens, by the size of the head that they are over."""

UNWITNESSED = "UNWITNESSED"
"""A file of this name says that no quorum stands behind the exported head."""


_UNWITNESSED = (
    "未经见证：{size} 条的树头没有足够见证人的联署；单凭这份导出不能排除另有一段历史示人。\n"
    "Unwitnessed: no quorum has cosigned the head of {size} entries; this export alone does not\n"
    "exclude that another history was shown to others.\n"
)


class ExportConflict(Exception):
    """The folder holds something else at that place: another log, or another history of this one.
    Nothing there was changed. An alarm."""


class NothingSealed(Exception):
    """There is no signed head to export under. Seal first."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What now lies in the folder, how many files this export added, and who cosigned the head."""

    folder: Path
    origin: str
    size: int
    root: bytes
    added: int
    kept: int
    head: TrustedHead


def export_log(reader: LogReader, folder: Path, policy: TrustPolicy) -> Exported:
    """Write everything under the newest signed head, the head last, and return what lies there.

    A head that no quorum of the policy has cosigned is exported too, for the work goes on without a
    witness, and the folder is marked (`UNWITNESSED`). Tokens of time-stamp authorities lie beside,
    each with the text that it is over. A crash leaves the former checkpoint, true of all that it
    covers. Raises `NothingSealed`, `LogDamaged` where the rows do not give the signed root,
    `ExportConflict`, `audit.notes.NoteInvalid` where the policy does not believe the head.
    """
    newest = reader.last_checkpoint()
    if newest is None:
        raise NothingSealed
    note = reader.cosigned_note(newest.size)
    head = policy.open(note)
    signed = head.checkpoint
    writer = _Writer(folder)
    writer.refuse_another(signed.origin, signed.size)
    row = _Row(writer)
    for entry in _checked(reader, signed.size):
        row.append(entry)
    row.finish()
    if (row.frontier.size, row.frontier.root()) != (signed.size, signed.root):
        found = row.frontier.root().hex()
        raise LogDamaged(f"the head of {signed.size} says {signed.root.hex()}, the rows {found}")
    _add_anchors(writer, reader, signed.size)
    _mark(folder / UNWITNESSED, head)
    writer.replace(CHECKPOINT, note.encode())
    return Exported(
        folder, signed.origin, signed.size, signed.root, writer.added, writer.kept, head
    )


def _add_anchors(writer: "_Writer", reader: LogReader, size: int) -> None:
    heads = {anchor.size for anchor in reader.anchors() if anchor.size <= size}
    for stamped in sorted(heads):
        text = _text_of(reader.cosigned_note(stamped))
        writer.add(f"{ANCHORS}/{stamped}/head", text.encode())
    for anchor in reader.anchors():
        if anchor.size in heads:
            name = f"{anchor.kind}-{anchor.at:%Y%m%dT%H%M%SZ}.tsr"
            writer.add(f"{ANCHORS}/{anchor.size}/{name}", anchor.token)


def _mark(path: Path, head: TrustedHead) -> None:
    if head.witnessed:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_UNWITNESSED.format(size=head.checkpoint.size), encoding="utf-8")


def bundled(body: bytes) -> bytes:
    """Return an entry as it stands in a bundle: its length in two bytes, then itself."""
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def spelled_purged(entry: StoredEntry) -> bytes:
    """Return the line that keeps what is left of an entry whose body was purged."""
    said = [entry.index, entry.entry_id, entry.stream, entry.stream_seq]
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"


def _checked(reader: LogReader, size: int) -> Iterator[StoredEntry]:
    place = 0
    for entry in reader.entries(0, size):
        is_other = bool(entry.body) and leaf_hash(entry.body) != entry.leaf
        if entry.index != place or is_other:
            raise LogDamaged(f"leaf {place} is not what was recorded")
        yield entry
        place += 1


@dataclass(slots=True)
class _Row:
    """The right edge of every level, written out as it fills."""

    writer: "_Writer"
    frontier: Frontier = field(default_factory=Frontier)
    bodies: list[bytes] = field(default_factory=list)
    purged: list[bytes] = field(default_factory=list)
    levels: list[list[bytes]] = field(default_factory=lambda: [[]])
    done: list[int] = field(default_factory=lambda: [0])

    def append(self, entry: StoredEntry) -> None:
        leaf = entry.leaf
        self.frontier.append(leaf)
        self.bodies.append(bundled(entry.body))
        if not entry.body:
            self.purged.append(spelled_purged(entry))
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
        path = TilePath(None, index, width)
        self.writer.add(path, b"".join(self.bodies))
        if self.purged:
            self.writer.add(purged_path(path), b"".join(self.purged))
        self.bodies, self.purged = [], []

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

    def add(self, name: TilePath | str, content: bytes) -> None:
        path = self.folder / str(name)
        if path.exists():
            if path.read_bytes() != content:
                raise ExportConflict(f"{path} holds another history")
            self.kept += 1
            return
        self.replace(str(name), content)
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
