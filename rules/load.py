"""Rule packs from YAML files, with file, line and remedy for each fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from errno import ENOENT
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails

from cases.rulings import Ruling
from rules.evaluate import Match, NoFixpoint, NoRuling, evaluate, plain_match
from rules.model import Definition, Example, Rule
from rules.pack import ContextRefused, Pack, PackRefused
from rules.register import basis_faults, register, unnoted
from rules.tables.files import FileRefused, TableFile, read_csv
from rules.tables.spec import TableExample, TableSpec
from rules.validate import Loc, Problem

PACKS = Path(__file__).parent / "packs"
"""The packs that this house ships."""
MAX_DEPTH = 60
"""Of a file's lists and keys inside one another; conditions nest five deep."""
MAX_BYTES = 2_000_000
"""Of one file: a thousand rules with examples are less."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a file, and what to do about it. `line` counts from 1."""

    file: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message} → {self.remedy}"


class PacksFaulty(ValueError):
    """At least one rule pack cannot be loaded; none of the folder is used."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


@dataclass(frozen=True)
class Loaded:
    """A pack, and the file it was read from."""

    pack: Pack
    file: str
    node: yaml.Node

    def fault(self, problem: Problem) -> Fault:
        """Return the problem with its place in the file."""
        return _fault(self.file, self.node, problem)


def load_packs(folder: Path = PACKS) -> dict[str, Pack]:
    """Return the packs of a folder by pack id, each with its examples tried by the plain twin.

    Raises `PacksFaulty` with every fault of every file.
    """
    loaded, faults = read(folder)
    if faults:
        raise PacksFaulty(faults)
    return {one.pack.id: one.pack for one in loaded}


def read(place: Path) -> tuple[list[Loaded], tuple[Fault, ...]]:
    """Return the packs of a folder, or of one file, that load, and the faults of the others."""
    loaded: dict[str, Loaded] = {}
    faults: list[Fault] = []
    files = [place] if place.is_file() else sorted(place.glob("*.yaml"))
    if not files:
        faults.append(Fault(str(place), 1, "没有规则包", "放入至少一个 .yaml 文件"))
    for file in files:
        one, found = load_file(file)
        faults.extend(found)
        if one is None:
            continue
        if one.pack.id in loaded:
            other = loaded[one.pack.id].file
            taken = f"规则包 {one.pack.id} 已在 {other} 中"
            faults.append(one.fault(Problem(("pack",), taken, "改 pack 的名字, 或删去一个文件")))
        else:
            loaded[one.pack.id] = one
    return list(loaded.values()), tuple(faults)


def load_file(file: Path) -> tuple[Loaded | None, tuple[Fault, ...]]:
    """Return the pack of one YAML file, or None and its faults."""
    try:
        raw = file.read_bytes()
        if len(raw) > MAX_BYTES:
            return None, (Fault(file.name, 1, f"文件超过 {MAX_BYTES} 字节", "拆成几个规则包"),)
        text = raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        return None, (Fault(file.name, 1, f"无法读取: {error}", "存成 UTF-8 文本"),)
    return load_text(text, file.name, file.parent)


def load_text(
    text: str, name: str, folder: Path | None = None
) -> tuple[Loaded | None, tuple[Fault, ...]]:
    """Return the pack of a YAML text, or None and its faults under the given file name.

    `folder`: where the CSV files that its tables name are; absent, a table has to be written out.
    """
    try:
        node = _composed(text)
    except RecursionError:
        return None, (Fault(name, 1, "嵌套太深, 无法读取", "条件至多嵌套五层"),)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        what = getattr(error, "problem", None) or type(error).__name__
        return None, (Fault(name, line, f"不是 YAML: {what}", "检查缩进、冒号与引号"),)
    if node is None:
        return None, (Fault(name, 1, "空文件", "写一个规则包"),)
    pack: Pack | None = None
    found = list(_shape(node))
    if not found:
        found, pack = _build(node, folder)
    if pack is not None:
        found = [
            *basis_faults(pack.definition, register()),
            *unnoted(pack.definition),
            *tried(pack, plain_match),
        ]
    if pack is None or found:
        return None, tuple(_fault(name, node, problem) for problem in found)
    return Loaded(pack, name, node), ()


def _fault(name: str, node: yaml.Node, problem: Problem) -> Fault:
    return Fault(name, line_of(node, problem.loc), problem.message, problem.remedy)


def _shape(node: yaml.Node) -> Iterator[Problem]:
    """Refuse what YAML would accept in silence: a key twice, and references.

    A file of a few lines of references can unfold into gigabytes; no pack needs one.
    """
    met: set[int] = set()
    waiting: list[tuple[Loc, yaml.Node]] = [((), node)]
    while waiting:
        loc, at = waiting.pop()
        if id(at) in met:
            yield Problem(loc, "YAML 引用 (&, *) 不可用", "把内容写全")
            continue
        met.add(id(at))
        if isinstance(at, yaml.MappingNode):
            words = [str(key.value) for key, _ in at.value]
            for word, times in Counter(words).items():
                if times > 1:
                    yield Problem((*loc, word), f"{word!r} 写了 {times} 次", "只留一个")
            waiting += [((*loc, str(key.value)), value) for key, value in at.value]
        elif isinstance(at, yaml.SequenceNode):
            waiting += [((*loc, n), item) for n, item in enumerate(at.value)]


def _composed(text: str) -> yaml.Node | None:
    """Return the text's tree, read by libyaml: ten times faster than the reader in Python.

    libyaml's composer recurses in C and crashes the interpreter on a million open brackets; its
    events come one by one, so the depth is known before. Raises `RecursionError`, `yaml.YAMLError`.
    """
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise RecursionError(f"deeper than {MAX_DEPTH}")
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.CSafeLoader)
    return node


def _build(node: yaml.Node, folder: Path | None) -> tuple[list[Problem], Pack | None]:
    files: dict[int, TableFile] = {}
    try:
        raw = yaml.SafeLoader("").construct_document(node)
        where = None if folder is None else _in_folder(folder)
        found = list(_tables_read_in(raw, where, files))
        return found, None if found else Pack.of(Definition.model_validate(raw))
    except ValidationError as error:
        return [_in_file(_problem(detail), files) for detail in error.errors()], None
    except PackRefused as refused:
        return [_in_file(problem, files) for problem in refused.problems], None
    except yaml.YAMLError as error:
        return [Problem((), f"不是 YAML: {error}", "只用普通的 YAML 值")], None
    except RecursionError:
        return [Problem((), "嵌套太深, 无法读取", "条件至多嵌套五层")], None
    except ValueError as error:
        # A date such as 2026-02-30 is raised by the YAML constructor itself.
        return [Problem(_unreadable(node), f"值不合规: {error}", "检查日期与数字")], None


def _unreadable(node: yaml.Node) -> Loc:
    """Return the place of the first value that YAML cannot make; the file where there is none."""
    waiting: list[tuple[Loc, yaml.Node]] = [((), node)]
    while waiting:
        loc, at = waiting.pop(0)
        if isinstance(at, yaml.ScalarNode):
            try:
                yaml.SafeLoader("").construct_document(at)
            except ValueError:
                return loc
        elif isinstance(at, yaml.MappingNode):
            waiting += [((*loc, str(key.value)), value) for key, value in at.value]
        elif isinstance(at, yaml.SequenceNode):
            waiting += [((*loc, n), item) for n, item in enumerate(at.value)]
    return ()


def written_out(text: str, folder: Path) -> str:
    """Return a pack's text with the CSV files that its tables name written into it.

    What names none or cannot be read is returned as it is: loading it names the faults.
    """
    try:
        node = _composed(text)
        if node is None or any(_shape(node)):
            return text
        raw = yaml.SafeLoader("").construct_document(node)
    except (RecursionError, ValueError, yaml.YAMLError):
        return text
    files: dict[int, TableFile] = {}
    if any(_tables_read_in(raw, _in_folder(folder), files)) or not files:
        return text
    whole: str = yaml.safe_dump(raw, allow_unicode=True, sort_keys=False)
    return whole


def with_tables(text: str, name: str, tables: Mapping[str, bytes]) -> tuple[str, tuple[Fault, ...]]:
    """Return a pack's text with the attached CSV files written into it, and what is wrong.

    `tables`: file name → bytes. Every file must be one that a table of the text names, and the
    reverse; a text that is no YAML is returned as it is: loading it names the fault.
    """
    try:
        node = _composed(text)
        if node is None or any(_shape(node)):
            return text, ()
        raw = yaml.SafeLoader("").construct_document(node)
    except (RecursionError, ValueError, yaml.YAMLError):
        return text, ()
    asked = set[str]()

    def attached(file: str) -> bytes:
        asked.add(file)
        if file not in tables:
            raise FileNotFoundError(ENOENT, "没有附上这个文件")
        return tables[file]

    files: dict[int, TableFile] = {}
    found = [_fault(name, node, one) for one in _tables_read_in(raw, attached, files)]
    found += [
        Fault(name, 1, f"附上的 {file} 没有一张表引用", "在表中写 file, 或不附它")
        for file in sorted(tables.keys() - asked)
    ]
    if found or not files:
        return text, tuple(found)
    whole: str = yaml.safe_dump(raw, allow_unicode=True, sort_keys=False)
    return whole, ()


ReadFile = Callable[[str], bytes]
"""Gives the bytes of a table's CSV file. Raises `OSError`."""


def _in_folder(folder: Path) -> ReadFile:
    return lambda name: (folder / name).read_bytes()


def _tables_read_in(
    raw: Any, read_file: ReadFile | None, files: dict[int, TableFile]
) -> Iterator[Problem]:
    """Put the content of each table's CSV file in its place; yield what cannot be read."""
    tables = raw.get("tables") if isinstance(raw, dict) else None
    for i, table in enumerate(tables if isinstance(tables, list) else ()):
        name = table.get("file") if isinstance(table, dict) else None
        if read_file is None or not isinstance(name, str) or not name:
            continue
        loc: Loc = ("tables", i, "file")
        if Path(name).name != name or not name.endswith(".csv"):
            yield Problem(loc, f"表文件 {name!r} 不是同一文件夹里的 .csv", "只写文件名")
            continue
        if twice := sorted({"inputs", "outputs", "rows"} & table.keys()):
            yield Problem(loc, f"既有 file 又有 {', '.join(twice)}", "只留一处")
            continue
        try:
            files[i] = read_csv(read_file(name))
        except OSError as error:
            yield Problem(loc, f"无法读取表文件 {name}: {error.strerror}", "把文件放在规则包旁边")
        except FileRefused as refused:
            yield Problem(loc, f"{name} 第 {refused.line} 行: {refused}", refused.remedy)
        else:
            table.update(files[i].raw)
            table["file"] = ""


def _in_file(problem: Problem, files: Mapping[int, TableFile]) -> Problem:
    """Return the problem with the line of the CSV file that it speaks of, if it speaks of one."""
    match problem.loc:
        case ("tables", int() as i, "rows", int() as n, *_) if i in files:
            line = files[i].lines[n]
            return Problem(problem.loc, f"CSV 第 {line} 行: {problem.message}", problem.remedy)
    return problem


_REMEDIES = {
    "missing": "补上这一项",
    "extra_forbidden": "改正拼写或删去这一项",
    "string_type": "写成带引号的文本",
    "date_from_datetime_parsing": "写成 2026-03-01 的形式",
    "literal_error": "用允许的取值之一",
}


def _problem(detail: ErrorDetails) -> Problem:
    loc = tuple(part for part in detail["loc"] if part not in ("All", "AnyOf", "Not", "Leaf"))
    where = ".".join(map(str, loc))
    return Problem(
        loc, f"{where}: {detail['msg']}", _REMEDIES.get(detail["type"], "按 rules/README.md 改正")
    )


def line_of(node: yaml.Node, loc: Loc) -> int:
    """Return the line (from 1) of the deepest part of a location that the file has."""
    line: int = node.start_mark.line + 1
    for part in loc:
        child = _child(node, part)
        if child is None:
            break
        line, node = child
    return line


def _child(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item.start_mark.line + 1, item
    return None


def tried(pack: Pack, match: Match) -> list[Problem]:
    """Return the examples of a pack that a way of matching answers otherwise than they say."""
    return [
        Problem(("rules", i, "examples", n), f"规则 {rule.id} 的例子: {fault}", "改例子或改规则")
        for i, rule in enumerate(pack.definition.rules)
        for n, example in enumerate(rule.examples)
        if (fault := _contradicts(pack, rule, example, match))
    ] + [
        Problem(("tables", i, "examples", n), f"决策表 {table.id} 的例子: {fault}", "改例子或改表")
        for i, table in enumerate(pack.definition.tables)
        for n, shown in enumerate(table.examples)
        if (fault := decided_otherwise(pack, table, shown, match))
    ]


def example_instant(pack: Pack, rule: Rule, example: Example) -> datetime:
    """Return noon of the example's day, in the pack's zone."""
    return _noon(pack, example.day or rule.in_force_from)


def _noon(pack: Pack, day: date) -> datetime:
    return datetime.combine(day, time(12), ZoneInfo(pack.definition.zone))


def decided_otherwise(pack: Pack, table: TableSpec, example: TableExample, match: Match) -> str:
    """Return what a pack answers otherwise than an example of a table of it says, or nothing."""
    at = _noon(pack, example.day or table.in_force_from)
    try:
        ruling = evaluate(pack, example.given, at, match)
    except (ContextRefused, NoRuling, NoFixpoint) as refusal:
        return str(refusal)
    head = f"{table.id}."
    rows = [one.rule.removeprefix(head) for one in ruling.fired if one.rule.startswith(head)]
    if rows != list(example.rows):
        return f"写明的行是 {list(example.rows)}, 实际是 {rows}"
    return _answers_otherwise(ruling, example.outcome)


def _contradicts(pack: Pack, rule: Rule, example: Example, match: Match) -> str:
    at = example_instant(pack, rule, example)
    try:
        ruling = evaluate(pack, example.given, at, match)
    except (ContextRefused, NoRuling, NoFixpoint) as refusal:
        return str(refusal)
    held = any(fired.rule == rule.id for fired in ruling.fired)
    if held != example.holds:
        return f"写明 holds: {str(example.holds).lower()}, 实际相反"
    return _answers_otherwise(ruling, example.outcome)


def _answers_otherwise(ruling: Ruling, expected: Mapping[str, JsonValue]) -> str:
    for key, value in expected.items():
        if ruling.outcome.get(key) != value:
            return f"结果 {key} 应为 {value!r}, 实际为 {ruling.outcome.get(key)!r}"
    return ""
