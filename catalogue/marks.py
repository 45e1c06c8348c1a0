"""YAML read with the line of every value, so that a fault can name where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where PyYAML was built with it: ten times as fast."""

Loc = tuple[str | int, ...]
"""Keys and indexes from the top of a file to a value."""

MAX_DEPTH = 60
"""Parts within one another; the deepest shipped file has nine (a form's field)."""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong in the catalogue: where it stands and what to do about it."""

    file: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}。{self.remedy}"


@dataclass(frozen=True)
class Marked:
    """A file's plain value and the lines (from 1) of its parts."""

    file: str
    value: Any
    lines: dict[Loc, int]

    def line(self, loc: Loc) -> int:
        """Return the line of the value at `loc`, or of the nearest part that holds it."""
        for length in range(len(loc), -1, -1):
            if loc[:length] in self.lines:
                return self.lines[loc[:length]]
        return 1

    def fault(self, loc: Loc, message: str, remedy: str) -> Fault:
        return Fault(self.file, self.line(loc), message, remedy)


def read_marked(path: Path, name: str) -> tuple[Marked | None, list[Fault]]:
    """Return the file's value with its lines, and what is wrong with it as YAML.

    `name` is how faults call the file. The value is None when the file is no YAML at all.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None, [Fault(name, 1, "不是 UTF-8 文本", "请另存为 UTF-8")]
    return marked_text(text, name)


def marked_text(text: str, name: str) -> tuple[Marked | None, list[Fault]]:
    """Return a text's value as `read_marked` does a file's."""
    try:
        refused = _refused(text, name)
        if refused is not None:
            return None, [refused]
        root = yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        line = mark.line + 1 if mark else 1
        return None, [
            Fault(name, line, f"YAML 写法有误（{wrong.problem}）", "请检查缩进、冒号和引号")
        ]
    except yaml.YAMLError as wrong:
        return None, [Fault(name, 1, f"YAML 写法有误（{wrong}）", "请删去不可见字符")]
    if root is None:
        return None, [Fault(name, 1, "文件是空的", "请写入内容或删去文件")]
    reader = _Reader(name)
    return Marked(name, reader.plain(root, ()), reader.lines), reader.faults


def _refused(text: str, name: str) -> Fault | None:
    """Return why a text is not read at all, from its events, which come one by one.

    libyaml's composer recurses in C: a hundred thousand open brackets ended the process that was
    to check them (SIGSEGV, 2026-11-27). And a few lines of references unfold into gigabytes.
    """
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        mark = event.start_mark
        line = mark.line + 1 if mark else 1
        if isinstance(event, yaml.AliasEvent):
            return Fault(name, line, "不能用锚点引用（*）", "请写成没有 & 和 * 的普通内容")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            return Fault(name, line, f"内容套了 {MAX_DEPTH} 层以上", "请检查括号和缩进")
    return None


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Loc, int] = {}
        self.faults: list[Fault] = []
        self._scalars = yaml.constructor.SafeConstructor()

    def plain(self, node: yaml.Node, loc: Loc) -> Any:
        self.lines[loc] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, loc)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*loc, index)) for index, item in enumerate(node.value)]
        try:
            return self._scalars.construct_object(node)
        except (ValueError, yaml.YAMLError):
            self.faults.append(
                Fault(self.name, self.lines[loc], f"值「{node.value}」读不懂", "请给值加引号")
            )
            return str(node.value)

    def _mapping(self, node: yaml.MappingNode, loc: Loc) -> dict[Any, Any]:
        value: dict[Any, Any] = {}
        for key_node, item in node.value:
            key = self.plain(key_node, (*loc, "?"))
            line = key_node.start_mark.line + 1
            if not isinstance(key, str | int):
                self.faults.append(Fault(self.name, line, f"键「{key}」不是文字", "请给键加引号"))
                continue
            if key in value:
                first = self.lines[(*loc, key)]
                self.faults.append(
                    Fault(self.name, line, f"键「{key}」重复（先见于第 {first} 行）", "请删去一个")
                )
            value[key] = self.plain(item, (*loc, key))
            self.lines[(*loc, key)] = line
        self.lines.pop((*loc, "?"), None)
        return value
