"""A decision table that can be asked: cells read, each row one single-pattern rule of the engine.

The rows become `Rule`s, so that what matches the rules of a pack (durable_rules or its twin)
matches rows too. `Table.matches` is the same in exact decimals and knows neither: the oracle.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property

from rules.compile import BUDGET, LEAVES, size
from rules.model import Rule
from rules.shapes import Problem
from rules.tables.cells import (
    ANY,
    Cell,
    CellRefused,
    Equal,
    Kind,
    Scalar,
    as_feel,
    parse_cell,
    parse_value,
    spelled,
)  # fmt: skip
from rules.tables.rows import condition
from rules.tables.spec import AGGREGATES, Hit, InputSpec, OutputSpec, RowSpec, TableSpec

MAX_ROWS = 1000
MAX_COLUMNS = 10
"""Input columns; the conditions of a row must fit one rule of the engine (13 groups)."""
MAX_GROUPS = 13
ROW_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,37}")
DEFAULT = "default"
"""Row id under which a ruling says that no row matched and the defaults stood in."""

_TYPES: Mapping[Kind, type] = {"text": str, "number": Decimal, "boolean": bool, "date": date}


@dataclass(frozen=True)
class Column:
    """An input column. `name` is the field that holds it in the context."""

    name: str
    kind: Kind
    domain: Cell = ANY
    whole: bool = False
    optional: bool = False
    unit: str = ""
    title: str = ""

    @property
    def label(self) -> str:
        """What people read: the title, or the name where there is none."""
        return self.title or self.name

    def takes(self, value: Scalar) -> bool:
        """Tell whether a value (not a missing one) is of the kind and within the domain."""
        if not isinstance(value, _TYPES[self.kind]) or not self.domain.holds(value):
            return False
        is_part = isinstance(value, Decimal) and value != value.to_integral_value()
        return not (self.whole and is_part)


@dataclass(frozen=True)
class Output:
    """An output column; `order` from the highest priority down, empty: any value."""

    name: str
    kind: Kind
    order: tuple[Scalar, ...] = ()
    default: Scalar = None
    has_default: bool = False


@dataclass(frozen=True)
class Row:
    """A row; `rule` is the id under which the engine knows it."""

    id: str
    rule: str
    cells: tuple[Cell, ...]
    values: tuple[Scalar, ...]
    basis: str
    note: str = ""


class TableRefused(ValueError):
    """A table that may not be used; `problems` say where, why, and what to do."""

    def __init__(self, table: str, found: list[Problem]) -> None:
        super().__init__(f"{table}: " + "; ".join(problem.message for problem in found))
        self.problems = tuple(found)


@dataclass(frozen=True, eq=False)
class Table:
    """A decision table whose every cell could be read. Make it with `build`; equal to itself."""

    spec: TableSpec
    columns: tuple[Column, ...]
    outputs: tuple[Output, ...]
    rows: tuple[Row, ...] = field(repr=False)

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def hit(self) -> Hit:
        return self.spec.hit

    @property
    def has_default(self) -> bool:
        return any(output.has_default for output in self.outputs)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Each row as a rule without `then`: what follows from a match is the policy's to say."""
        spec = self.spec
        names = [column.name for column in self.columns]
        return tuple(
            Rule(
                id=row.rule,
                title=spec.title,
                basis=row.basis,
                in_force_from=spec.in_force_from,
                in_force_until=spec.in_force_until,
                when=condition(names, row.cells),
                examples=(),
                verified=spec.verified,
            )
            for row in self.rows
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the table as written."""
        return hashlib.sha256(self.spec.model_dump_json(exclude_defaults=True).encode()).hexdigest()

    def matches(self, given: Mapping[str, Scalar]) -> frozenset[str]:
        """Return the rule ids of the rows that match exact values, cell by cell."""
        return frozenset(
            row.rule
            for row in self.rows
            if all(
                cell.holds(given.get(column.name))
                for column, cell in zip(self.columns, row.cells, strict=True)
            )
        )


# --- building ------------------------------------------------------------------------------------


def build(
    spec: TableSpec,
    inputs: Mapping[str, Kind] | None = None,
    outputs: Mapping[str, Kind] | None = None,
    bare_words: bool = True,
    feel: bool = False,
) -> Table:
    """Return the table of a spec; types that it leaves out are those of the pack.

    `feel`: cells mean what they mean in a DMN model (`rules.tables.cells.as_feel`).
    Raises `TableRefused` with everything that is wrong, in the order of the file.
    """
    found = list(_shape(spec))
    columns = [
        _column(found, i, one, inputs or {}, bare_words) for i, one in enumerate(spec.inputs)
    ]
    results = [
        _output(found, i, one, outputs or {}, bare_words) for i, one in enumerate(spec.outputs)
    ]
    rows: list[Row] = []
    if not found:
        rows = list(_rows(found, spec, columns, results, bare_words))
        found += _policy(spec, results)
    if found:
        raise TableRefused(spec.id, found)
    if feel:
        rows = [replace(row, cells=tuple(map(as_feel, row.cells))) for row in rows]
    return Table(spec, tuple(columns), tuple(results), tuple(rows))


def _shape(spec: TableSpec) -> Iterator[Problem]:
    if not spec.inputs or len(spec.inputs) > MAX_COLUMNS:
        yield Problem(
            ("inputs",), f"输入列 {len(spec.inputs)} 个, 应为 1 到 {MAX_COLUMNS}", "拆成几张表"
        )
    if not spec.outputs:
        yield Problem(("outputs",), "没有输出列", "至少写一个输出")
    if not spec.rows:
        yield Problem(("rows",), "没有一行", "至少写一行")
    if len(spec.rows) > MAX_ROWS:
        yield Problem(("rows",), f"{len(spec.rows)} 行, 最多 {MAX_ROWS}", "拆成几张表")
    for key, names in (
        ("inputs", [one.field for one in spec.inputs]),
        ("outputs", [one.name for one in spec.outputs]),
    ):
        for i, name in enumerate(names):
            if name in names[:i]:
                yield Problem((key, i), f"列 {name!r} 写了两次", "合并或改名")
    if spec.in_force_until is not None and spec.in_force_until <= spec.in_force_from:
        yield Problem(("in_force_until",), "失效日不晚于生效日", "失效日是不再适用的第一天")
    if spec.gaps == "allowed" and not spec.gaps_reason:
        yield Problem(("gaps",), "gaps: allowed 没有理由", "在 gaps_reason 中写明为何可以不覆盖")


def _column(
    found: list[Problem], i: int, spec: InputSpec, known: Mapping[str, Kind], bare: bool
) -> Column:
    kind = spec.type or known.get(spec.field)
    loc = ("inputs", i)
    if kind is None:
        found.append(
            Problem(loc, f"输入列 {spec.field} 没有类型", "写 type: text | number | boolean | date")
        )
        kind = "text"
    elif spec.field in known and known[spec.field] != kind:
        found.append(
            Problem(
                (*loc, "type"),
                f"字段 {spec.field} 是 {known[spec.field]}, 列写作 {kind}",
                "改成一样",
            )
        )
    if spec.whole and kind != "number":
        found.append(Problem((*loc, "whole"), "whole 只用于 number", "删去 whole"))
    domain = ANY
    if spec.values:
        try:
            domain = parse_cell(spec.values, kind, bare)
        except CellRefused as refused:
            found.append(
                Problem((*loc, "values"), f"列 {spec.field} 的取值范围: {refused}", refused.remedy)
            )
    return Column(
        spec.field, kind, domain, spec.whole or kind == "date", spec.optional, spec.unit, spec.title
    )


def _output(
    found: list[Problem], i: int, spec: OutputSpec, known: Mapping[str, Kind], bare: bool
) -> Output:
    kind = spec.type or known.get(spec.name)
    loc = ("outputs", i)
    if kind is None:
        found.append(
            Problem(loc, f"输出列 {spec.name} 没有类型", "写 type: text | number | boolean | date")
        )
        kind = "text"
    elif spec.name in known and known[spec.name] != kind:
        found.append(
            Problem(
                (*loc, "type"), f"结果 {spec.name} 是 {known[spec.name]}, 列写作 {kind}", "改成一样"
            )
        )
    order: tuple[Scalar, ...] = ()
    default: Scalar = None
    try:
        if spec.values:
            order = _ordered(parse_cell(spec.values, kind, bare))
        if spec.default is not None:
            default = parse_value(spec.default, kind, bare)
    except CellRefused as refused:
        found.append(Problem(loc, f"输出列 {spec.name}: {refused}", refused.remedy))
    if default is not None and order and default not in order:
        found.append(
            Problem(
                (*loc, "default"), f"默认值 {spelled(default)} 不在 values 中", "改默认值或补上"
            )
        )
    return Output(spec.name, kind, order, default, spec.default is not None)


def _ordered(cell: Cell) -> tuple[Scalar, ...]:
    if cell.negated or not all(isinstance(part, Equal) for part in cell.parts):
        raise CellRefused("values 只能列出值", "写成 甲, 乙, 丙, 优先的在前")
    return tuple(part.value for part in cell.parts if isinstance(part, Equal))


def _rows(
    found: list[Problem], spec: TableSpec, columns: list[Column], outputs: list[Output], bare: bool
) -> Iterator[Row]:
    seen: set[str] = {DEFAULT}
    for n, row in enumerate(spec.rows):
        loc = ("rows", n)
        name = row_id(n, row)
        where = f"第 {n + 1} 行"
        if not ROW_ID.fullmatch(name):
            found.append(
                Problem((*loc, "id"), f"{where}: 行号 {name!r} 不合规", "只用 A-Z a-z 0-9 _ -")
            )
        elif name in seen:
            found.append(Problem((*loc, "id"), f"{where}: 行号 {name!r} 重复", "每行用自己的行号"))
        seen.add(name)
        if (len(row.when), len(row.then)) != (len(columns), len(outputs)):
            given = f"{len(row.when)} + {len(row.then)}"
            found.append(
                Problem(
                    loc, f"{where}: {given} 格, 应为 {len(columns)} + {len(outputs)}", "补齐或删去"
                )
            )
            continue
        before = len(found)
        cells = [
            _read(found, (*loc, "when", i), f"{where}第 {i + 1} 列 ({column.name})",
                  text, column.kind, bare)
            for i, (column, text) in enumerate(zip(columns, row.when, strict=True))
        ]  # fmt: skip
        values = [
            _value(found, (*loc, "then", i), f"{where}输出 {output.name}", text, output, bare)
            for i, (output, text) in enumerate(zip(outputs, row.then, strict=True))
        ]
        if len(found) == before:
            found += _cost(loc, where, columns, cells)
        yield Row(
            name,
            row_rule(spec, n, row),
            tuple(cells),
            tuple(values),
            row.basis or spec.basis,
            row.note,
        )


def row_id(n: int, row: RowSpec) -> str:
    """Return the id of the n-th row (from 0)."""
    return row.id or f"r{n + 1}"


def row_rule(spec: TableSpec, n: int, row: RowSpec) -> str:
    """Return the id under which the engine knows the n-th row (from 0)."""
    return f"{spec.id}.{row_id(n, row)}"


def _read(
    found: list[Problem], loc: tuple[str | int, ...], where: str, text: str, kind: Kind, bare: bool
) -> Cell:
    try:
        return parse_cell(text, kind, bare)
    except CellRefused as refused:
        found.append(Problem(loc, f"{where}: {refused}", refused.remedy))
        return ANY


def _value(
    found: list[Problem],
    loc: tuple[str | int, ...],
    where: str,
    text: str,
    output: Output,
    bare: bool,
) -> Scalar:
    try:
        value = parse_value(text, output.kind, bare)
    except CellRefused as refused:
        found.append(Problem(loc, f"{where}: {refused}", refused.remedy))
        return None
    if output.order and value is not None and value not in output.order:
        allowed = ", ".join(map(spelled, output.order))
        found.append(Problem(loc, f"{where}: {spelled(value)} 不在允许的取值中", f"取自 {allowed}"))
    return value


def _cost(
    loc: tuple[str | int, ...], where: str, columns: list[Column], cells: list[Cell]
) -> Iterator[Problem]:
    cost = size(condition([column.name for column in columns], cells))
    if cost.branches > BUDGET or cost.leaves > LEAVES or cost.groups + 1 > MAX_GROUPS:
        yield Problem(
            loc,
            f"{where}: 条件太多 (分支 {cost.branches}/{BUDGET}, 比较 {cost.leaves}/{LEAVES}, "
            f"组 {cost.groups + 1}/{MAX_GROUPS})",
            "拆成几行",
        )


def _policy(spec: TableSpec, outputs: list[Output]) -> Iterator[Problem]:
    if spec.hit in AGGREGATES and len(outputs) > 1:
        yield Problem(("hit",), f"{spec.hit} 只能有一个输出列", "拆成几张表")
    if spec.hit in ("C+", "C<", "C>") and outputs[0].kind != "number":
        yield Problem(("hit",), f"{spec.hit} 的输出列应为 number", "改类型, 或用 C")
    if spec.hit in ("P", "O") and not any(output.order for output in outputs):
        yield Problem(
            ("outputs",),
            f"{spec.hit} 按输出值的优先次序, 但没有一列写 values",
            "写 values, 优先的在前",
        )
