"""The boxed expressions of DMN, read into functions of a scope.

A decision table of constants is a `Table`, its rows matched like those of a pack; one whose cells
are expressions is read by FEEL (`rules.tables.feel`) and goes by the same hit policies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from rules.shapes import Title
from rules.tables.ask import InputRefused, ask
from rules.tables.cells import Scalar
from rules.tables.decide import Decision, TableContradicts, decide
from rules.tables.feel import read_expression, read_tests
from rules.tables.feel_do import context_value
from rules.tables.feel_values import Expr, FeelRefused, Function, Names, Scope, bounded
from rules.tables.plain_xml import Node
from rules.tables.spec import AGGREGATES, LISTS, Hit, TableSpec
from rules.tables.table import Output, Row, Table

BASIS = "DMN"
"""Basis of a table until somebody names its article; the register has no such entry."""
BOXES = ("literalExpression", "decisionTable", "invocation", "context", "list", "relation",
         "functionDefinition", "conditional")  # fmt: skip


class DmnRefused(ValueError):
    """The file is no model that is read here; `line` counts from 1."""

    def __init__(self, message: str, line: int, remedy: str) -> None:
        super().__init__(f"第 {line} 行: {message}")
        self.line, self.remedy = line, remedy


Tables = Callable[[Node, Names, str], Expr]
"""Reads a decision table that stands in a place of this name."""


@dataclass(frozen=True)
class Boxes:
    """Reads boxed expressions; `tables` reads those that are decision tables."""

    tables: Tables

    def inside(self, holder: Node, names: Names, label: str) -> Expr:
        """Return the one boxed expression within a node. Raises `DmnRefused`."""
        for kind in BOXES:
            if (box := holder.first(kind)) is not None:
                return self.box(box, names, label)
        raise DmnRefused(f"{label}: 没有表达式", holder.line, "补上决策表或表达式")

    def box(self, box: Node, names: Names, label: str) -> Expr:
        """Return a boxed expression."""
        match box.name:
            case "decisionTable":
                return self.tables(box, names, label)
            case "literalExpression":
                return text_of(box, names, label)
            case "invocation":
                return self._invocation(box, names, label)
            case "context":
                return self._context(box, names, label)
            case "list":
                items = [
                    self.box(item, names, label) for item in box.children if item.name in BOXES
                ]
                return lambda scope: bounded([item(scope) for item in items])
            case "relation":
                return self._relation(box, names, label)
            case "functionDefinition":
                function = self.function(box, names, label)
                return lambda scope: function
            case _:
                return self._conditional(box, names, label)

    def function(self, node: Node, names: Names, label: str) -> Function:
        """Return a function definition: its parameters, and what it answers with them."""
        if node.attributes.get("kind", "FEEL") != "FEEL":
            raise DmnRefused(f"{label}: 只支持 FEEL 的函数", node.line, "改写为 FEEL")
        parameters = tuple(name_of(part) for part in node.all("formalParameter"))
        return Function(parameters, self.inside(node, names.and_(parameters), label))

    def _invocation(self, box: Node, names: Names, label: str) -> Expr:
        called = box.first("literalExpression")
        if called is None:
            raise DmnRefused(f"{label}: 没有写调用什么", box.line, "补上函数名")
        of = text_of(called, names, label)
        given: dict[str, Expr] = {}
        for binding in box.all("binding"):
            parameter = binding.first("parameter")
            if parameter is not None:
                given[name_of(parameter)] = self.inside(binding, names, label)

        def invoked(scope: Scope) -> Any:
            function = of(scope)
            if not isinstance(function, Function):
                return None
            return function.call(scope, {name: one(scope) for name, one in given.items()})

        return invoked

    def _context(self, box: Node, names: Names, label: str) -> Expr:
        entries: list[tuple[str, Expr]] = []
        for entry in box.all("contextEntry"):
            variable = entry.first("variable")
            name = name_of(variable) if variable is not None else ""
            entries.append((name, self.inside(entry, names, f"{label}.{name}")))
            names = names.and_((name,))
        if entries and not entries[-1][0]:
            return lambda scope: context_value(scope, entries)[""]
        return lambda scope: context_value(scope, entries)

    def _relation(self, box: Node, names: Names, label: str) -> Expr:
        columns = [name_of(column) for column in box.all("column")]
        rows = [
            list(zip(columns, [self.box(c, names, label) for c in row.children], strict=False))
            for row in box.all("row")
        ]
        return lambda scope: bounded([{name: c(scope) for name, c in row} for row in rows])

    def _conditional(self, box: Node, names: Names, label: str) -> Expr:
        parts: list[Expr] = []
        for kind in ("if", "then", "else"):
            part = box.first(kind)
            if part is None:
                raise DmnRefused(f"{label}: conditional 缺少 {kind}", box.line, "补上")
            parts.append(self.inside(part, names, label))
        condition, yes, no = parts
        return lambda scope: yes(scope) if condition(scope) is True else no(scope)


def name_of(node: Node) -> str:
    """Return a name with single blanks."""
    return " ".join(node.attributes.get("name", "").split())


def text_of(node: Node, names: Names, label: str) -> Expr:
    """Return the expression of a node's text. Raises `DmnRefused`."""
    try:
        return read_expression(node.inner("text"), names)
    except FeelRefused as refused:
        raise DmnRefused(f"{label}: {refused}", node.line, "改写为支持的 FEEL") from refused


# --- decision tables ------------------------------------------------------------------------------


def constant_table(table: Table, sources: Sequence[Expr]) -> Expr:
    """Return a table of constants as an expression: its rows matched by whom the scope names."""

    def asked(scope: Scope) -> Any:
        values = (source(scope) for source in sources)
        given = dict(zip((column.name for column in table.columns), values, strict=True))
        try:
            # A missing input is a value like others to DMN: the defaults stand in for it too.
            return answer(ask(table, given, scope.match, always_default=True))
        except (TableContradicts, InputRefused):
            return None

    return asked


@dataclass(frozen=True)
class _FeelRow:
    line: int
    tests: tuple[Callable[[Scope, Any], bool], ...]
    values: tuple[Expr, ...]


def feel_table(node: Node, hit: Hit, sources: Sequence[Expr], names: Names, label: str) -> Expr:
    """Return a table whose cells are expressions. Raises `DmnRefused` with row and column."""
    rows = [_feel_row(row, n, names, label) for n, row in enumerate(node.all("rule"), 1)]
    outputs = list(_feel_outputs(node, names, label))
    allowed = [_allowed(column, names, label) for column in node.all("input")]
    spec = TableSpec(
        id="feel",
        title=Title(zh=label or "?", en=label or "?"),
        basis=BASIS,
        in_force_from=date.min,
        hit=hit,
    )

    def asked(scope: Scope) -> Any:
        given = [source(scope) for source in sources]
        for value, test in zip(given, allowed, strict=True):
            if value is not None and not test(scope, value):
                return None
        matched = [
            row
            for row in rows
            if all(test(scope, value) for test, value in zip(row.tests, given, strict=True))
        ]
        built = tuple(
            Row(str(n), str(n), (), tuple(value(scope) for value in row.values), BASIS)
            for n, row in enumerate(matched)
        )
        table = Table(spec, (), tuple(output(scope) for output in outputs), built)
        try:
            return answer(decide(table, {row.rule for row in built}))
        except TableContradicts:
            return None

    return asked


def _feel_row(row: Node, n: int, names: Names, label: str) -> _FeelRow:
    tests: list[Callable[[Scope, Any], bool]] = []
    values: list[Expr] = []
    for m, entry in enumerate(row.all("inputEntry"), 1):
        try:
            tests.append(read_tests(entry.inner("text"), names))
        except FeelRefused as refused:
            where = f"第 {n} 行第 {m} 列: {refused}"
            raise DmnRefused(where, row.line, "改写为支持的 FEEL") from refused
    for m, entry in enumerate(row.all("outputEntry"), 1):
        try:
            values.append(read_expression(entry.inner("text") or "null", names))
        except FeelRefused as refused:
            where = f"第 {n} 行输出 {m}: {refused}"
            raise DmnRefused(where, row.line, "改写为支持的 FEEL") from refused
    return _FeelRow(row.line, tuple(tests), tuple(values))


def _feel_outputs(node: Node, names: Names, label: str) -> Iterator[Callable[[Scope], Output]]:
    for output in node.all("output"):
        name = name_of(output) or label
        values = output.inner("outputValues")
        default = output.inner("defaultOutputEntry")
        try:
            order = read_expression(f"[{values}]", names) if values else None
            stands_in = read_expression(default, names) if default else None
        except FeelRefused as refused:
            raise DmnRefused(f"输出 {name}: {refused}", output.line, "改写") from refused
        yield _output(name, order, stands_in)


def _output(name: str, order: Expr | None, default: Expr | None) -> Callable[[Scope], Output]:
    def made(scope: Scope) -> Output:
        values: tuple[Scalar, ...] = tuple(order(scope)) if order else ()
        stands_in = default(scope) if default else None
        return Output(name, "text", values, stands_in, default is not None)

    return made


def _allowed(column: Node, names: Names, label: str) -> Callable[[Scope, Any], bool]:
    try:
        return read_tests(column.inner("inputValues"), names)
    except FeelRefused as refused:
        raise DmnRefused(f"{label}: {refused}", column.line, "改写 inputValues") from refused


def answer(decision: Decision) -> Any:
    """Return a decision in the shape that DMN gives it."""
    table = decision.table
    if table.hit in AGGREGATES and not decision.is_default:
        return decision.total
    shaped = [
        result[table.outputs[0].name] if len(table.outputs) == 1 else dict(result)
        for result in decision.results
    ]
    if table.hit in LISTS:
        return shaped
    return shaped[0] if shaped else None
