"""Mutation of decision tables and scales: which examples would notice a limit written wrongly.

A limit is moved by its smallest unit, up and down, in every cell of its column at once: rows go on
meeting each other, so nothing but an example can notice. So is a number that a row gives, and a
point of a scale. Asked are the examples of the table, then those of the pack's rules that give a
field of it, counted on in the order of the file; a scale has none of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal

from rules.evaluate import plain_match
from rules.load import decided_otherwise, example_instant
from rules.model import Definition, Example, Rule, ScaleSpec
from rules.mutation import Survey, contradicts
from rules.pack import Pack
from rules.tables.in_pack import table_of
from rules.tables.spec import RowSpec, TableSpec
from rules.tables.table import TableRefused

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\w)")


def survey_limits(pack: Pack, changed: Collection[str]) -> Iterator[Survey]:
    """Yield every mutant of the tables and scales that are named, in the order of the file."""
    for table in pack.definition.tables:
        if table.id in changed:
            yield from _of_table(pack, table)
    for scale in pack.definition.scales:
        if scale.id in changed:
            yield from _of_scale(pack, scale)


# --- tables --------------------------------------------------------------------------------------


def _of_table(pack: Pack, table: TableSpec) -> Iterator[Survey]:
    asked = _examples(pack, {column.field for column in table.inputs}, len(table.examples) + 1)
    for what, rows in _falsified(pack.definition, table):
        other = table.model_copy(update={"rows": rows})
        try:
            table_of(pack.definition, other)
        except TableRefused:
            continue  # would not load: nobody could have written it
        mutant = _with(pack, "tables", table, other)
        found = tuple(
            n
            for n, example in enumerate(table.examples, 1)
            if decided_otherwise(mutant, other, example, plain_match)
        )
        yield Survey(table.id, "threshold", what, (*found, *_noticed(mutant, asked)))


def _falsified(pack: Definition, table: TableSpec) -> Iterator[tuple[str, tuple[RowSpec, ...]]]:
    for i, column in enumerate(table.inputs):
        if pack.fields[column.field].type != "number":
            continue
        cells = (row.when[i] for row in table.rows)
        for number in dict.fromkeys(found for cell in cells for found in NUMBER.findall(cell)):
            for moved in _moved(number):
                yield (
                    f"{column.field}：{number} 改为 {moved}",
                    tuple(_moved_row(row, i, number, moved) for row in table.rows),
                )
    for n, row in enumerate(table.rows):
        for i, output in enumerate(table.outputs):
            if not NUMBER.fullmatch(row.then[i]):
                continue
            for moved in _moved(row.then[i]):
                then = (*row.then[:i], moved, *row.then[i + 1 :])
                other = row.model_copy(update={"then": then})
                said = f"第 {row.id or f'r{n + 1}'} 行 {output.name}：{row.then[i]} 改为 {moved}"
                yield said, (*table.rows[:n], other, *table.rows[n + 1 :])


def _moved_row(row: RowSpec, i: int, number: str, moved: str) -> RowSpec:
    cell = NUMBER.sub(lambda found: moved if found[0] == number else found[0], row.when[i])
    return row.model_copy(update={"when": (*row.when[:i], cell, *row.when[i + 1 :])})


# --- scales --------------------------------------------------------------------------------------


def _of_scale(pack: Pack, scale: ScaleSpec) -> Iterator[Survey]:
    asked = _examples(pack, {scale.field}, 1)
    for what, other in _falsified_scale(scale):
        mutant = _with(pack, "scales", scale, other)
        yield Survey(scale.id, "threshold", what, _noticed(mutant, asked))


def _falsified_scale(scale: ScaleSpec) -> Iterator[tuple[str, ScaleSpec]]:
    for n, point in enumerate(scale.points):
        for i, number in enumerate(point):
            for moved in _moved(str(number)):
                there = tuple(moved if k == i else str(one) for k, one in enumerate(point))
                points = (*scale.points[:n], there, *scale.points[n + 1 :])
                other = ScaleSpec.model_construct(
                    **{**{name: getattr(scale, name) for name in ScaleSpec.model_fields},
                       "points": points}
                )  # fmt: skip
                try:
                    assert other.scale
                except ValueError:
                    continue  # no scale: would not load
                yield f"第 {n + 1} 点：{number} 改为 {moved}", other


# --- both ----------------------------------------------------------------------------------------


_Asked = Sequence[tuple[int, Rule, Example]]


def _examples(pack: Pack, fields: Collection[str], first: int) -> _Asked:
    """Return the rules' examples that give one of the fields; all, where one is derived."""
    derived = any(name in pack.derived for name in fields)
    every = ((rule, example) for rule in pack.definition.rules for example in rule.examples)
    return [
        (n, rule, example)
        for n, (rule, example) in enumerate(every, first)
        if derived or any(name in example.given for name in fields)
    ]


def _noticed(mutant: Pack, asked: _Asked) -> tuple[int, ...]:
    return tuple(
        n
        for n, rule, example in asked
        if contradicts(mutant, rule.id, example, example_instant(mutant, rule, example))
    )


def _moved(number: str) -> tuple[str, str]:
    """Return a number moved up and down by the smallest unit in which it is written."""
    written = Decimal(number)
    exponent = written.as_tuple().exponent
    assert isinstance(exponent, int)  # a limit is finite: the validator refuses others
    unit = Decimal(1).scaleb(min(exponent, 0))
    return f"{written + unit:f}", f"{written - unit:f}"


def _with(pack: Pack, key: str, old: object, new: object) -> Pack:
    # Not checked: a falsified pack need not be one that may be used.
    whole = getattr(pack.definition, key)
    changed = tuple(new if one is old else one for one in whole)
    return Pack(pack.definition.model_copy(update={key: changed}), "", "mutant")


__all__ = ["survey_limits"]
