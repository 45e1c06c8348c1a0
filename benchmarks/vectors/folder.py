"""The files below a path, each read once; and the tally of what came of their vectors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.known import KnownUnreadable

PAPERS = re.compile(r"(LICEN[CS]E|NOTICE|COPYING|SOURCE|README)(\..*)?", re.IGNORECASE)
"""Files that say what the others are; they hold no vectors."""

MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class VectorFile:
    """One file. `content` is JSON if it is, and None otherwise."""

    path: Path
    name: str
    raw: bytes

    @cached_property
    def text(self) -> str | None:
        try:
            return self.raw.decode()
        except UnicodeDecodeError:
            return None

    @cached_property
    def content(self) -> Any:
        if self.text is None or self.text[:1] not in "[{":
            return None
        try:
            return json.loads(self.text)
        except ValueError:
            return None


class Folder:
    """Everything below a path (or the one file), and which of it was recognised."""

    def __init__(self, root: Path) -> None:
        """Raises `KnownUnreadable` if there is nothing, or a file cannot be read."""
        self.root = root
        paths = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
        base = root.parent if root.is_file() else root
        self.files: list[VectorFile] = []
        for path in paths:
            try:
                if path.stat().st_size > MAX_BYTES:
                    raise KnownUnreadable(f"{path}：超过 {MAX_BYTES} 字节")
                raw = path.read_bytes()
            except OSError as broken:
                raise KnownUnreadable(f"{path}：读不出来（{broken}）") from broken
            self.files.append(VectorFile(path, str(path.relative_to(base)), raw))
        if not self.files:
            raise KnownUnreadable(f"{root}：没有文件")
        self._by_path = {file.path: file for file in self.files}
        self._claimed: set[Path] = set()

    def at(self, path: Path) -> VectorFile | None:
        """Return the file at this path."""
        return self._by_path.get(path)

    def claim(self, *files: VectorFile) -> None:
        """Note that these were recognised."""
        self._claimed.update(file.path for file in files)

    def unclaimed(self) -> Iterator[VectorFile]:
        """Yield what nobody recognised, papers apart."""
        for file in self.files:
            if file.path not in self._claimed and not PAPERS.fullmatch(file.path.name):
                yield file


@dataclass
class Tally:
    """How many of one family's published answers ours equals; what is left out, and why."""

    family: str
    cases: int = 0
    equal: int = 0
    differences: list[str] = field(default_factory=list)
    remarks: dict[str, int] = field(default_factory=dict)

    def check(self, place: str, expected: object, found: object) -> None:
        """Compare one answer."""
        self.cases += 1
        if expected == found:
            self.equal += 1
        else:
            self.differences.append(f"{self.family} {place}：公布 {expected}，得 {found}")

    @contextmanager
    def understood(self, place: str) -> Iterator[None]:
        """A file that looks like vectors and is not one is a difference, not the end."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            self.check(place, "读得懂的向量", f"{type(error).__name__} {error}")

    def remark(self, what: str, count: int = 1) -> None:
        """Count something that is not an answer."""
        self.remarks[what] = self.remarks.get(what, 0) + count


class Tallies:
    """One tally per family, in the order in which they are named."""

    def __init__(self, families: tuple[str, ...]) -> None:
        self._tallies = {family: Tally(family) for family in families}

    def __getitem__(self, family: str) -> Tally:
        return self._tallies[family]

    def __iter__(self) -> Iterator[Tally]:
        return iter(self._tallies.values())
