"""The decision tables of a rule pack: read with the pack's types, in force by day, asked with it.

A table sets outcomes of the pack; where an outcome is also a derived field, rules and other tables
see it, and the loop of `rules.evaluate` asks again until nothing changes.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from pydantic import JsonValue

from cases.rulings import Fired
from rules.model import Definition, FieldSpec
from rules.shapes import Problem
from rules.tables.cells import ANY, Cell, Equal, Kind, Scalar, spelled
from rules.tables.decide import TableContradicts, decide
from rules.tables.gaps import analyse, findings
from rules.tables.rows import exact, plain
from rules.tables.spec import LISTS, TableSpec
from rules.tables.table import DEFAULT, Column, Row, Table, TableRefused, build

MAX_ROWS_OF_A_PACK = 2000
"""In all tables of a pack together."""

_COLUMN: Mapping[str, Kind] = {"text": "text", "number": "number", "boolean": "boolean"}
_LISTED: Mapping[str, Kind] = {"text_list": "text", "number_list": "number"}


class TableSilent(ValueError):
    """A table that may not answer: rows contradict one another, or an input does not fit."""


# --- loading -------------------------------------------------------------------------------------


def table_of(pack: Definition, spec: TableSpec) -> Table:
    """Return a table of a pack with the types and choices of its fields. Raises `TableRefused`."""
    inputs = {one.field: _COLUMN[pack.fields[one.field].type] for one in spec.inputs}
    typed = _COLUMN if spec.hit not in LISTS else _LISTED
    outputs = {one.name: typed[pack.outcome[one.name].type] for one in spec.outputs}
    if spec.hit == "C#":
        outputs = {}  # what is counted may be of any type; the answer is a number
    table = build(spec, inputs, outputs)
    columns = tuple(_with_choices(column, pack.fields[column.name]) for column in table.columns)
    return Table(spec, columns, table.outputs, table.rows)


def _with_choices(column: Column, field: FieldSpec) -> Column:
    if column.kind != "text" or not field.choices or column.domain != ANY:
        return column
    return replace(column, domain=Cell(tuple(Equal(choice) for choice in field.choices)))


def table_problems(pack: Definition) -> Iterator[Problem]:
    """Yield everything that is wrong with the tables of a pack, gaps and overlaps among it."""
    rows = sum(len(spec.rows) for spec in pack.tables)
    if rows > MAX_ROWS_OF_A_PACK:
        yield Problem(("tables",), f"各表共 {rows} 行, 最多 {MAX_ROWS_OF_A_PACK}", "拆成几个规则包")
        return
    for i, spec in enumerate(pack.tables):
        found = [*_columns(pack, spec), *_beside(pack, i, spec)]
        if not found:
            try:
                table = table_of(pack, spec)
            except TableRefused as refused:
                found += refused.problems
            else:
                found += [*_within(pack, table), *findings(analyse(table))[0]]
        for problem in found:
            message = f"决策表 {spec.id}: {problem.message}"
            yield Problem(("tables", i, *problem.loc), message, problem.remedy)


def _columns(pack: Definition, spec: TableSpec) -> Iterator[Problem]:
    if spec.file:
        yield Problem(("file",), f"表文件 {spec.file} 没有读入", "把行写在规则包里")
    for n, column in enumerate(spec.inputs):
        field = pack.fields.get(column.field)
        if field is None:
            known = ", ".join(sorted(pack.fields))
            yield Problem(
                ("inputs", n), f"字段 {column.field!r} 不在 fields 中", f"改正拼写; 现有: {known}"
            )
        elif field.type not in _COLUMN:
            yield Problem(
                ("inputs", n), f"{field.type} 字段 {column.field} 不能作输入列", "用单值字段"
            )
    typed = _COLUMN if spec.hit not in LISTS else _LISTED
    for n, output in enumerate(spec.outputs):
        outcome = pack.outcome.get(output.name)
        if outcome is None:
            yield Problem(
                ("outputs", n),
                f"结果 {output.name!r} 不在 outcome 中",
                "改正拼写或先在 outcome 中声明",
            )
        elif outcome.type not in typed or (spec.hit == "C#" and outcome.type != "number"):
            wanted = "number" if spec.hit == "C#" else " 或 ".join(typed)
            yield Problem(
                ("outputs", n),
                f"{spec.hit} 的结果 {output.name} 是 {outcome.type}, 应为 {wanted}",
                "改 outcome 的类型或命中策略",
            )


def _beside(pack: Definition, i: int, spec: TableSpec) -> Iterator[Problem]:
    """Yield what a table may not share with the rules and the tables before it."""
    names = {output.name for output in spec.outputs}
    for rule in pack.rules:
        if rule.id == spec.id or rule.id.startswith(f"{spec.id}."):
            yield Problem(("id",), f"编号与规则 {rule.id} 相混", "换一个编号")
        for name in sorted(names & rule.then.keys()):
            yield Problem(
                ("outputs",), f"结果 {name} 又由规则 {rule.id} 给出", "只留一处, 或另取结果名"
            )
    for other in pack.tables[:i]:
        if other.id == spec.id:
            yield Problem(("id",), f"表编号 {spec.id} 重复", "每张表 (每个版本) 用自己的编号")
        shared = sorted(names & {output.name for output in other.outputs})
        if shared and _meet(spec, other):
            yield Problem(
                ("in_force_from",),
                f"与表 {other.id} 同时有效, 都给出 {', '.join(shared)}",
                "错开有效期",
            )


def _meet(one: TableSpec, other: TableSpec) -> bool:
    ends = min(one.in_force_until or date.max, other.in_force_until or date.max)
    return max(one.in_force_from, other.in_force_from) < ends


def _within(pack: Definition, table: Table) -> Iterator[Problem]:
    """Yield values that the pack's fields and outcomes do not know."""
    for n, column in enumerate(table.columns):
        choices = pack.fields[column.name].choices
        for m, row in enumerate(table.rows):
            for part in row.cells[n].parts if choices else ():
                if isinstance(part, Equal) and part.value is not None and part.value not in choices:
                    yield _unknown(("rows", m), row, part.value, choices)
    for n, output in enumerate(table.outputs):
        choices = pack.outcome[output.name].choices
        for m, row in enumerate(table.rows):
            if choices and row.values[n] is not None and row.values[n] not in choices:
                yield _unknown(("rows", m), row, row.values[n], choices)
        if choices and output.has_default and output.default not in (None, *choices):
            yield Problem(
                ("outputs", n), f"默认值 {spelled(output.default)} 不在允许的取值中", "改默认值"
            )


def _unknown(
    loc: tuple[str | int, ...], row: Row, value: Scalar, choices: tuple[str, ...]
) -> Problem:
    return Problem(
        loc, f"第 {row.id} 行: {spelled(value)} 不在允许的取值中", f"取自: {', '.join(choices)}"
    )


def in_force(spec: TableSpec, day: date) -> bool:
    """Tell whether a table holds on a day, in the pack's zone."""
    return spec.in_force_from <= day and (spec.in_force_until is None or day < spec.in_force_until)


# --- asking --------------------------------------------------------------------------------------


def answered(
    tables: tuple[Table, ...], held: Container[str], fact: Mapping[str, Any]
) -> tuple[list[Fired], dict[str, JsonValue]]:
    """Return the rows that decided, and what the tables in force set.

    `held`: ids of rules and rows that hold for the fact. Raises `TableSilent`.
    """
    fired: list[Fired] = []
    outcome: dict[str, JsonValue] = {}
    for table in tables:
        missing = False
        for column in table.columns:
            value = exact(fact.get(column.name))
            missing |= value is None and not column.optional
            if value is not None and not column.takes(value):
                raise TableSilent(
                    f"决策表 {table.id}: {column.name} 为 {spelled(value)}, 不在取值范围内"
                )
        try:
            decision = decide(table, held, not missing)
        except TableContradicts as contradiction:
            raise TableSilent(str(contradiction)) from contradiction
        outcome |= {name: _json(value) for name, value in decision.outcome.items()}
        if decision.is_default:
            fired.append(_fired(table, DEFAULT, table.spec.basis, decision.outcome))
        rows = decision.rows
        if table.hit == "A":
            rows = tuple(row for row in table.rows if row.id in decision.matched)
        for row in rows:
            values = zip(table.outputs, row.values, strict=True)
            said = {output.name: value for output, value in values if value is not None}
            fired.append(_fired(table, row.id, row.basis, said))
    return fired, outcome


def _fired(table: Table, row: str, basis: str, values: Mapping[str, Any]) -> Fired:
    title = f"{table.spec.title.zh} {'默认' if row == DEFAULT else f'第 {row} 行'}"
    then = {name: _json(value) for name, value in values.items()}
    return Fired(rule=f"{table.id}.{row}", title=title, basis=basis, then=then)


def _json(value: Any) -> JsonValue:
    return [plain(item) for item in value] if isinstance(value, list) else plain(value)
