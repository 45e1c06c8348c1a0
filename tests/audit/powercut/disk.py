"""What a disk may hold after the power went: everything that was synced, and of the rest whatever
it likes.

The model is that of POSIX with the habits of ext4: a synced file keeps its bytes and its name; a
write that was not synced may be there, not be there, or be there in some of its 512-byte sectors;
a rename or an unlink is certain once its folder was synced, and may have happened before.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

SECTOR = 512
"""Bytes that reach a disk whole."""

Loss = Literal["all", "some", "torn"]
"""What of the unsynced is lost: everything; some operations; some sectors of some writes."""


@dataclass(frozen=True)
class Asked:
    """One thing that was asked of the disk. `number`: an offset or a size."""

    what: str
    path: str
    number: int
    data: bytes


def read_record(path: Path) -> list[Asked]:
    """Return what `recorder.c` wrote down, in order."""
    content, place, found = path.read_bytes(), 0, []
    while place < len(content):
        end = content.index(b"\n", place)
        what, name, number, length = content[place:end].decode().split("\t")
        data = content[end + 1 : end + 1 + int(length)]
        found.append(Asked(what, name, int(number), data))
        place = end + 1 + int(length)
    return found


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Asked] = field(default_factory=list)

    def sync(self) -> None:
        for one in self.pending:
            _apply(self.durable, one)
        self.pending.clear()

    def after(self, chance: random.Random, loss: Loss) -> bytes:
        """Return the bytes that may stand there when the power comes back."""
        content = bytearray(self.durable)
        for one in self.pending:
            if loss == "all" or chance.random() < 0.5:
                continue
            if one.what == "write" and loss == "torn":
                for part in _sectors(one):
                    if chance.random() < 0.5:
                        _apply(content, part)
            else:
                _apply(content, one)
        return bytes(content)


class Disk:
    """A folder's files, as they are and as far as they are certain."""

    def __init__(self, folder: Path, known_as: Path) -> None:
        """Begin with what lies in the folder, all of it certain; it was recorded as `known_as`."""
        self._certain = {
            str(known_as / path.name): _File(bytearray(path.read_bytes()))
            for path in folder.iterdir()
            if path.is_file()
        }
        self._now = dict(self._certain)

    def ask(self, one: Asked) -> None:
        """Take one operation."""
        name = one.path
        if name.endswith("-shm"):
            return  # mapped memory: made anew
        if one.what == "open":
            file = self._now.setdefault(name, _File())
            if one.number:
                file.pending.append(Asked("truncate", name, 0, b""))
        elif one.what == "sync" and name in self._now:
            self._now[name].sync()
            self._certain[name] = self._now[name]
        elif one.what == "sync":
            self._certain = {**self._certain, **self._now}
            self._certain = {n: f for n, f in self._certain.items() if n in self._now}
        elif one.what == "rename":
            self._now[one.data.decode()] = self._now.pop(name)
        elif one.what == "unlink":
            self._now.pop(name, None)
        else:
            self._now[name].pending.append(one)

    def cut(self, chance: random.Random, loss: Loss, into: Path) -> None:
        """Write what may stand there after a power cut now into a folder."""
        into.mkdir()
        for name in sorted(self._now.keys() | self._certain.keys()):
            now, certain = self._now.get(name), self._certain.get(name)
            happened = loss != "all" and chance.random() < 0.5
            file = now if happened or now is certain else certain
            if file is not None:
                (into / Path(name).name).write_bytes(file.after(chance, loss))


def _sectors(one: Asked) -> Iterator[Asked]:
    place = 0
    while place < len(one.data):
        upto = SECTOR - (one.number + place) % SECTOR
        part = one.data[place : place + upto]
        yield Asked("write", one.path, one.number + place, part)
        place += len(part)


def _apply(content: bytearray, one: Asked) -> None:
    if one.what == "truncate":
        del content[one.number :]
        content.extend(bytes(one.number - len(content)))
        return
    end = one.number + len(one.data)
    content.extend(bytes(max(0, end - len(content))))
    content[one.number : end] = one.data


def acknowledged(asked: Sequence[Asked], name: str) -> list[str]:
    """Return the lines that were written to a file of that name, synced or not: what the world
    has heard by then."""
    said = b"".join(one.data for one in asked
                    if one.what == "write" and Path(one.path).name == name)  # fmt: skip
    return said.decode().splitlines()
