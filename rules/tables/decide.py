"""What follows from the rows that match: the hit policies of DMN, in exact numbers.

Pure: rows in, decision out, whoever matched them.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import assert_never

from rules.tables.cells import Scalar, spelled
from rules.tables.spec import AGGREGATES, LISTS
from rules.tables.table import Row, Table

EXACT = 60
"""Digits enough for the sum of a thousand constants of 16 digits before and 15 after the point."""

Result = Mapping[str, Scalar]
"""Output name → value, of one row."""


class TableContradicts(ValueError):
    """Two rows match that may not both match, or say different things; the table is wrong."""

    def __init__(self, table: str, rows: Sequence[str], why: str) -> None:
        super().__init__(f"决策表 {table}: 第 {'、'.join(rows)} 行同时命中, {why}")
        self.table, self.rows = table, tuple(rows)


@dataclass(frozen=True)
class Decision:
    """What a table answers.

    `rows`: those that decided, in the order of the answer. `results`: one per such row; the
    defaults alone when no row matched and there are any. `total`: of C+, C<, C>, C#; `None`: no
    row.
    """

    table: Table
    matched: tuple[str, ...]
    """Ids of all rows that matched, in the order of the table."""
    rows: tuple[Row, ...]
    results: tuple[Result, ...]
    total: Decimal | None = None
    is_default: bool = False

    @property
    def outcome(self) -> dict[str, Scalar | list[Scalar]]:
        """Output name → value, or the list of values; without those that have none."""
        outputs = self.table.outputs
        if self.table.hit in AGGREGATES and not self.is_default:
            return {} if self.total is None else {outputs[0].name: self.total}
        if self.table.hit in LISTS:
            lists = {
                output.name: [r[output.name] for r in self.results if r[output.name] is not None]
                for output in outputs
            }
            return {name: values for name, values in lists.items() if values}
        if not self.results:
            return {}
        return {name: value for name, value in self.results[0].items() if value is not None}


def decide(table: Table, held: Container[str], may_default: bool = True) -> Decision:
    """Return the decision of a table whose rows with the rule ids in `held` match.

    `may_default`: false when an input is missing that had to be there; then only rows speak.
    Raises `TableContradicts` for two rows under U, and for different answers under A.
    """
    matched = tuple(row for row in table.rows if row.rule in held)
    rows = _deciding(table, matched)
    names = tuple(row.id for row in matched)
    results: list[Result] = [_result(table, row) for row in rows]
    if not matched and table.has_default and may_default:
        defaults = {output.name: output.default for output in table.outputs}
        return Decision(table, (), (), (defaults,), is_default=True)
    return Decision(table, names, rows, tuple(results), _total(table, rows))


def _result(table: Table, row: Row) -> Result:
    return {output.name: value for output, value in zip(table.outputs, row.values, strict=True)}


def _deciding(table: Table, matched: tuple[Row, ...]) -> tuple[Row, ...]:
    """Return the rows that the answer is made of, in its order."""
    match table.hit:
        case "U":
            if len(matched) > 1:
                raise TableContradicts(table.id, [row.id for row in matched], "U 只许一行命中")
            return matched
        case "A":
            first = matched[:1]
            other = [row for row in matched if row.values != first[0].values]
            if other:
                said = "; ".join(
                    f"{row.id} 说 {', '.join(map(spelled, row.values))}"
                    for row in (first[0], other[0])
                )
                raise TableContradicts(table.id, [row.id for row in matched], f"结果不同: {said}")
            return matched[:1]
        case "F":
            return matched[:1]
        case "P":
            return tuple(sorted(matched, key=lambda row: _rank(table, row))[:1])
        case "O":
            return tuple(sorted(matched, key=lambda row: _rank(table, row)))
        case "R" | "C" | "C+" | "C<" | "C>" | "C#":
            return matched
        case _:
            assert_never(table.hit)


def _rank(table: Table, row: Row) -> tuple[int, ...]:
    """Return the row's place in the priorities of the outputs, from left to right."""
    return tuple(
        output.order.index(value) if value in output.order else len(output.order)
        for output, value in zip(table.outputs, row.values, strict=True)
        if output.order
    )


def _total(table: Table, rows: Sequence[Row]) -> Decimal | None:
    if table.hit == "C#":
        return Decimal(len(rows))
    if table.hit not in AGGREGATES:
        return None
    numbers = [value for row in rows for value in row.values if isinstance(value, Decimal)]
    if not numbers:
        return None
    match table.hit:
        case "C+":
            with localcontext(prec=EXACT):
                return sum(numbers, Decimal(0))
        case "C<":
            return min(numbers)
        case "C>":
            return max(numbers)
    raise AssertionError(table.hit)
