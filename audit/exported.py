"""Checking a log that lies as static files, with nothing but the files and the log's public key.

The same walk as over a living store (`audit.verify`), so that it names the same things; and what
only files can have wrong: one missing, one cut short, an old partial tile that says otherwise.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from audit.merkle import HASH_BYTES, TILE_WIDTH, complete_root, leaf_hash
from audit.notes import NoteInvalid, NoteVerifier, parse_checkpoint
from audit.report import Failure, VerifyReport
from audit.tilepaths import CHECKPOINT, TILES, TilePath, purged_path, tiles_of
from audit.trust import TrustPolicy
from audit.verify import Carried, verify_log

_LENGTH_BYTES = 2
_SEQ_OF_NONE = -1


@dataclass(frozen=True, slots=True)
class ExportedEntry:
    """An entry of a bundle; its columns are what its own body says."""

    index: int
    entry_id: str
    stream: str
    stream_seq: int
    leaf: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class _State:
    origin: str
    size: int
    peaks: bytes


@dataclass(frozen=True, slots=True)
class _Head:
    size: int
    root: bytes
    note: str


def fsck_shards(
    folders: Sequence[Path], trusted: NoteVerifier | TrustPolicy, *, pins: Sequence[str] = ()
) -> VerifyReport:
    """Verify the exports of several shards of one log, oldest first, each as going on from the one
    before, and return what was found; a pin goes to the shard that it names, else to the last."""
    reports: list[VerifyReport] = []
    left = list(pins)
    for folder in folders:
        mine = left if folder == folders[-1] else [p for p in left if _origin(p) == _named(folder)]
        left = [pin for pin in left if pin not in mine]
        after: Carried | None = reports[-1].carried if reports else None
        reports.append(fsck(folder, trusted, pins=mine, after=after))
    whole = reports.pop()
    for one in reversed(reports):
        whole.take_in(one)
    return whole


def _origin(note: str) -> str:
    return note.partition("\n")[0]


def _named(folder: Path) -> str:
    try:
        return _origin((folder / CHECKPOINT).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""


def fsck(
    folder: Path,
    trusted: NoteVerifier | TrustPolicy,
    *,
    pins: Sequence[str] = (),
    after: Carried | None = None,
) -> VerifyReport:
    """Verify an exported log against a key or a policy, and return what was found.

    `after`: what the shard before carries on, see `verify_log`. Never raises for what the files
    hold. Without a checkpoint nothing can be said (exit code 3).
    """
    try:
        note = (folder / CHECKPOINT).read_text(encoding="utf-8")
        head = parse_checkpoint(note.partition("\n\n")[0] + "\n")
    except OSError as error:
        return VerifyReport(unreadable=str(error))
    except (NoteInvalid, UnicodeDecodeError) as error:
        report = VerifyReport()
        report.fail(Failure("signature", None, None, "a signed tree head", str(error)))
        return report
    source = _Folder(folder, _Head(head.size, head.root, note), head.origin)
    report = verify_log(source, trusted, pins=pins, after=after)
    if head.size > source.size:  # the walk never came as far as the head
        _open(note, trusted, report)
    for fault in source.faults():
        report.fail(fault)
    _compare_the_rest(source, report)
    return report


class _Folder:
    """An exported log as the verifier's walk reads it."""

    def __init__(self, folder: Path, head: _Head, origin: str) -> None:
        self._folder, self._head, self._origin = folder, head, origin
        self._faults: dict[TilePath, Failure] = {}
        self._kept: tuple[TilePath, bytes] | None = None
        # A forged head may claim any size; the walk goes no farther than the files do.
        self._size = min(head.size, self._reach())

    @property
    def size(self) -> int:
        return self._size

    def faults(self) -> list[Failure]:
        """Return what was wrong with the files themselves, in order."""
        return sorted(self._faults.values(), key=lambda one: one.index or 0)

    def state(self) -> _State:
        return _State(self._origin, self._size, self._peaks())

    def checkpoints(self) -> Iterator[_Head]:
        yield self._head

    def cosignatures(self) -> Iterator[Any]:
        """Yield nothing: in an export they stand in the checkpoint itself."""
        return iter(())

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[ExportedEntry]:
        end = self._size if stop is None else min(stop, self._size)
        for index in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            first = index * TILE_WIDTH
            leaves, path = self.tile(self._path(0, index)), self._path(None, index)
            bodies = self.bodies(path)
            purged = self._purged(path) if b"" in bodies else {}
            for place, body in enumerate(bodies):
                if start <= first + place < end:
                    leaf = leaves[place * HASH_BYTES : (place + 1) * HASH_BYTES]
                    said = purged.get(first + place) or _columns(body)
                    yield ExportedEntry(first + place, *said, leaf or leaf_hash(body), body)

    def tile_levels(self) -> list[int]:
        return [level for level in range(64) if self._size >> 8 * level]

    def tiles(self, level: int) -> Iterator[tuple[int, bytes]]:
        count = self._size >> 8 * level
        # Of level 0 the walk compares full tiles only: the partial one gives the entries' leaves.
        for index in range(count // TILE_WIDTH if level == 0 else -(-count // TILE_WIDTH)):
            hashes = self.tile(self._path(level, index))
            if hashes:
                yield index, hashes

    def tile(self, path: TilePath) -> bytes:
        """Return the hashes of a tile; what is missing or of another length is noted, as is."""
        if self._kept is not None and self._kept[0] == path:
            return self._kept[1]
        hashes = self.read(path)
        if hashes is not None and len(hashes) != path.width * HASH_BYTES:
            self._note(path, f"{path.width * HASH_BYTES} bytes", f"{len(hashes)} bytes")
        self._kept = path, hashes or b""
        return hashes or b""

    def bodies(self, path: TilePath) -> list[bytes]:
        """Return the entries of a bundle, as many as can be told apart."""
        content = self.read(path)
        if content is None:
            return []
        bodies: list[bytes] = []
        at = 0
        while at + _LENGTH_BYTES <= len(content) and len(bodies) < path.width:
            begin = at + _LENGTH_BYTES
            at = begin + int.from_bytes(content[at:begin], "big")
            bodies.append(content[begin:at])
        if at != len(content) or len(bodies) != path.width:
            self._note(path, f"{path.width} whole entries", f"{len(bodies)}, {at} bytes of them")
        return bodies

    def read(self, path: TilePath) -> bytes | None:
        try:
            return (self._folder / str(path)).read_bytes()
        except OSError as error:
            self._note(path, "a file", str(error))
            return None

    def there(self) -> Iterator[TilePath]:
        """Yield every tile that lies in the folder, expected or not."""
        for place, _, names in os.walk(self._folder / TILES):
            for name in names:
                found = TilePath.parse((Path(place) / name).relative_to(self._folder).as_posix())
                if found is not None:
                    yield found

    def _purged(self, bundle: TilePath) -> dict[int, tuple[str, str, int]]:
        """Return what the folder says of a bundle's purged entries; the walk checks it against the
        entry that tells of the purge."""
        try:
            content = (self._folder / purged_path(bundle)).read_bytes()
            lines = [orjson.loads(line) for line in content.splitlines()]
            return {int(n): (str(key), str(stream), int(seq)) for n, key, stream, seq in lines}
        except (OSError, ValueError, TypeError) as error:
            self._note(bundle, f"lines of {purged_path(bundle)}", str(error))
            return {}

    def _path(self, level: int | None, index: int) -> TilePath:
        count = self._size >> 8 * (level or 0)
        return TilePath(level, index, min(TILE_WIDTH, count - index * TILE_WIDTH))

    def _reach(self) -> int:
        return max((tile.until for tile in self.there()), default=0)

    def _peaks(self) -> bytes:
        peaks, first = [], 0
        for height in reversed(range(self._size.bit_length())):
            if self._size >> height & 1:
                peaks.append(self._node(height, first))
                first += 1 << height
        return b"".join(peaks)

    def _node(self, height: int, first: int) -> bytes:
        level, rest = divmod(height, 8)
        index, place = divmod(first >> 8 * level, TILE_WIDTH)
        hashes = self.tile(self._path(level, index))
        width = 1 << rest
        row = [hashes[i * HASH_BYTES : (i + 1) * HASH_BYTES] for i in range(place, place + width)]
        return complete_root(row)

    def _note(self, path: TilePath, expected: str, found: str) -> None:
        fault = Failure("file", path.first, None, f"{path}: {expected}", found, until=path.until)
        self._faults.setdefault(path, fault)


def _open(note: str, trusted: NoteVerifier | TrustPolicy, report: VerifyReport) -> None:
    policy = TrustPolicy.of(trusted) if isinstance(trusted, NoteVerifier) else trusted
    try:
        policy.open(note)
    except NoteInvalid as error:
        whose = f"a head signed by {', '.join(policy.origins)}"
        report.fail(Failure("signature", None, None, whose, str(error)))


def _columns(body: bytes) -> tuple[str, str, int]:
    said = _said(body)
    place = said.get("s")
    place = place if isinstance(place, dict) else {}
    seq = place.get("seq")
    number = seq if isinstance(seq, int) else _SEQ_OF_NONE
    return str(said.get("id", "")), str(place.get("id", "")), number


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}  # the walk names its spelling
    return said if isinstance(said, dict) else {}


def _compare_the_rest(source: _Folder, report: VerifyReport) -> None:
    """Partial tiles of former exports are beginnings of today's; tiles beyond the head are told."""
    expected = {(tile.level, tile.index): tile for tile in tiles_of(source.size)}
    beyond = 0
    for tile in source.there():
        known = expected.get((tile.level, tile.index))
        if known is None or tile.width > known.width:
            beyond += 1
        elif tile != known:
            whole, part = source.read(known), source.read(tile)
            if whole is not None and part is not None and not whole.startswith(part):
                said = f"the beginning of {known}"
                report.fail(Failure("file", tile.first, None, said, str(tile), until=tile.until))
    if beyond:
        report.incomplete.append(
            f"{beyond} tiles lie beyond the head of {source.size}: an export that was cut short, "
            "or an older checkpoint put in the place of a newer one"
        )
