"""DMN models with published results (the DMN TCK): each result node of each test case, and ours.

Form: a folder of models as in dmn-tck/tck `TestCases`: the folder itself, one of its compliance
levels, or one model's folder or file: a `.dmn` with `*-test-*.xml` beside it. Rows are matched by
durable_rules in its own process; its twin and the exact reading of the cells must match the same
rows, else the case counts as different. Numbers are compared exactly; where the published one has
been rounded, within 1e-8 of it, as the TCK's own runner does, and counted. What a collecting table
answers has no order in DMN; a list by rule or output order has.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from benchmarks.known import Known, KnownUnreadable
from rules.evaluate import plain_match
from rules.pack import Slice
from rules.plain import Fact
from rules.process import EngineSilent, RulesProcess
from rules.tables.dmn import DmnRefused, load_dmn
from rules.tables.dmn_ask import DecisionRefused, decision_value
from rules.tables.dmn_model import DmnModel, ItemType
from rules.tables.feel_values import temporal
from rules.tables.plain_xml import Node, XmlRefused, read_xml
from rules.tables.spec import Hit

TESTS = "http://www.omg.org/spec/DMN/20160719/testcase"
NEAR = Decimal("1e-8")
UNORDERED: tuple[Hit, ...] = ("C",)


@dataclass(frozen=True)
class Case:
    """One result node: what is given, what is asked for, what is published."""

    place: str
    given: dict[str, Any]
    decision: str
    expected: Any


@dataclass
class Tally:
    """What came of one model."""

    cases: int = 0
    equal: int = 0


def run(path: Path) -> Known:
    """Return for how many published results ours is equal, and each that is not."""
    folders = _folders(path)
    if not folders:
        raise KnownUnreadable(f"{path}：没有 .dmn 文件及其 *-test-*.xml")
    differences: list[str] = []
    tallies: dict[str, Tally] = {}
    with RulesProcess() as engine:
        judge = _Judge(engine)
        for folder in folders:
            tally = tallies[folder.name] = Tally()
            for case, said in judge.model(folder):
                tally.cases += 1
                tally.equal += not said
                if said:
                    differences.append(f"{folder.name} {case}: {said}")
    report: dict[str, JsonValue] = {
        "models": {name: {"cases": t.cases, "equal": t.equal} for name, t in tallies.items()},
        "models_wholly_equal": sum(t.cases == t.equal for t in tallies.values()),
        "equal_within_1e-8_only": judge.near,
        "matched_by_engine": judge.by_engine,
        "matched_by_twin_only": judge.by_twin,
    }
    lines = [f"{name}：{t.equal}/{t.cases}" for name, t in tallies.items()]
    lines.append(f"由规则引擎匹配 {judge.by_engine} 次，仅由对照实现 {judge.by_twin} 次")
    cases = sum(t.cases for t in tallies.values())
    return Known(cases, sum(t.equal for t in tallies.values()), differences, report, lines)


def _folders(path: Path) -> list[Path]:
    if path.is_file():
        path = path.parent
    found = {file.parent for file in path.rglob("*-test-*.xml")}
    return sorted(folder for folder in found if any(folder.glob("*.dmn")))


class _Judge:
    """Asks models and compares."""

    def __init__(self, engine: RulesProcess) -> None:
        self._engine = engine
        self.near = self.by_engine = self.by_twin = 0

    def model(self, folder: Path) -> Iterator[tuple[str, str]]:
        """Yield for each result node its place, and what differs; empty: nothing."""
        for file in sorted(folder.glob("*-test-*.xml")):
            tests = _read_tests(file)
            name = tests.inner("modelName") or f"{folder.name}.dmn"
            try:
                model: DmnModel | str = load_dmn(folder / name)
            except DmnRefused as refused:
                model = f"{name} {refused}"
            for case in _cases(tests, file):
                yield case.place, model if isinstance(model, str) else self._said(model, case)

    def _said(self, model: DmnModel, case: Case) -> str:
        if case.decision not in model.decisions:
            return f"模型没有决策 {case.decision!r}"
        try:
            given = {
                name: _as_declared(value, model.inputs.get(name, ItemType(None)))
                for name, value in case.given.items()
            }
            ours = decision_value(model, case.decision, given, self._match)
        except DecisionRefused as refused:
            return f"不支持: {refused}"
        logic = model.decisions[case.decision].table
        in_order = logic is None or logic.table.hit not in UNORDERED
        if _same(ours, case.expected, in_order, Decimal(0)):
            return ""
        if _same(ours, case.expected, in_order, NEAR):
            self.near += 1
            return ""
        return f"{case.decision}: 得 {_shown(ours)}, 公布 {_shown(case.expected)}"

    def _match(self, rules: Slice, fact: Fact) -> Collection[str]:
        twin = plain_match(rules, fact)
        try:
            held = set(self._engine.match(rules, fact))
        except EngineSilent:
            self.by_twin += 1
            return set(twin) if isinstance(twin, Collection) else ()
        if held != twin:
            raise AssertionError(f"engine {held}, twin {twin} on {fact}")
        self.by_engine += 1
        return held


class Untyped(str):
    """A value that the test case gives no type of."""


def _as_declared(value: Any, declared: ItemType) -> Any:
    """Return a value of a test case, where it says no type as that of the model's input."""
    match value:
        case Untyped():
            return _declared(str(value), declared.word)
        case list():
            return [_as_declared(item, declared) for item in value]
        case dict():
            parts = declared.components
            return {
                key: _as_declared(v, parts.get(key, ItemType(None))) for key, v in value.items()
            }
        case _:
            return value


def _declared(text: str, word: str) -> Any:
    kinds = {"number": "decimal", "dateTime": "dateTime", "date and time": "dateTime"}
    try:
        return _typed(text, kinds.get(word, word))
    except (ValueError, KeyError, InvalidOperation):
        return None


def _shown(value: Any) -> str:
    match value:
        case Decimal():
            return str(value)
        case list():
            return "[" + ", ".join(map(_shown, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in value.items()) + "}"
        case _:
            return repr(value)


def _same(ours: Any, theirs: Any, in_order: bool, near: Decimal) -> bool:
    """Tell whether two values are the same; numbers may lie `near` times the larger one apart."""
    if isinstance(theirs, Untyped):
        theirs = _declared(str(theirs), "number" if isinstance(ours, Decimal) else "string")
    if isinstance(ours, Decimal) and isinstance(theirs, Decimal):
        return abs(ours - theirs) <= near * max(Decimal(1), abs(theirs))
    if isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            return False
        if in_order:
            return all(_same(a, b, in_order, near) for a, b in zip(ours, theirs, strict=True))
        left = list(theirs)
        for one in ours:
            place = next((n for n, b in enumerate(left) if _same(one, b, in_order, near)), None)
            if place is None:
                return False
            del left[place]
        return True
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(
            _same(ours[key], theirs[key], in_order, near) for key in ours
        )
    return type(ours) is type(theirs) and bool(ours == theirs)


# --- the form of the test cases ------------------------------------------------------------------


def _read_tests(file: Path) -> Node:
    try:
        root = read_xml(file.read_bytes())
    except (OSError, XmlRefused) as wrong:
        raise KnownUnreadable(f"{file}：{wrong}") from wrong
    if root.name != "testCases":
        raise KnownUnreadable(f"{file}：根元素应是 testCases ({TESTS})")
    return root


def _cases(tests: Node, file: Path) -> Iterator[Case]:
    for test in tests.all("testCase"):
        given = {node.attributes["name"]: _value(node, file) for node in test.all("inputNode")}
        for result in test.all("resultNode"):
            expected = result.first("expected")
            yield Case(
                f"{file.name} {test.attributes.get('id', '?')}",
                given,
                result.attributes["name"],
                None if expected is None else _value(expected, file),
            )


def _value(node: Node, file: Path) -> Any:
    """Return the value that a node of the test cases holds."""
    listed = node.first("list")
    if listed is not None:
        return [_value(item, file) for item in listed.all("item")]
    components = list(node.all("component"))
    if components:
        return {part.attributes["name"]: _value(part, file) for part in components}
    value = node.first("value")
    if value is None or value.attributes.get("nil") == "true":
        return None
    kind = value.attributes.get("type", "").rpartition(":")[2]
    if not kind:
        return Untyped("".join(value.texts)) if value.text else None
    try:
        return _typed("".join(value.texts), kind)
    except (ValueError, KeyError, InvalidOperation) as wrong:
        raise KnownUnreadable(f"{file} 第 {value.line} 行：{value.text!r} 不是 {kind}") from wrong


def _typed(text: str, kind: str) -> Any:
    match kind:
        case "decimal" | "double" | "integer" | "int" | "long" | "float":
            return Decimal(text.strip())
        case "boolean":
            return {"true": True, "1": True, "false": False, "0": False}[text.strip()]
        case "time" | "dateTime" | "duration":
            kinds = {"time": "time", "dateTime": "moment", "duration": "duration"}
            return temporal(text.strip(), kinds[kind])
        case "date" if re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip()):
            return date.fromisoformat(text.strip())
        case _:
            return text
