"""Ask one table on its own: exact inputs in, decision out, rows matched by whoever is handed in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rules.evaluate import Match, plain_match
from rules.pack import Slice
from rules.plain import predicate
from rules.tables.cells import Scalar, spelled
from rules.tables.decide import Decision, decide
from rules.tables.rows import fact_value, is_double
from rules.tables.table import Table


class InputRefused(ValueError):
    """A value that the column cannot take: another type, or outside its allowed values."""


def ask(
    table: Table,
    given: Mapping[str, Scalar],
    match: Match = plain_match,
    always_default: bool = False,
) -> Decision:
    """Return the decision of a table on exact inputs by column name; `None` is missing.

    While an input is missing that is not `optional`, defaults do not stand in for a row, except
    with `always_default`. A number that no double holds is matched in exact decimals.
    Raises `InputRefused` and `rules.tables.decide.TableContradicts`.
    """
    missing = False
    for column in table.columns:
        value = given.get(column.name)
        missing |= value is None and not column.optional
        if value is not None and not column.takes(value):
            raise InputRefused(
                f"决策表 {table.id}: {column.name} 为 {spelled(value)}, 不在取值范围内"
            )
    if not all(map(is_double, given.values())):
        return decide(table, table.matches(given), always_default or not missing)
    fact = {
        column.name: fact_value(value)
        for column in table.columns
        if (value := given.get(column.name)) is not None
    }
    return decide(table, match(slice_of(table), fact), always_default or not missing)


@lru_cache(maxsize=256)
def slice_of(table: Table) -> Slice:
    """Return the rows of a table as rules in force together."""
    return Slice(table.digest, table.rules, tuple(predicate(rule.when) for rule in table.rules))
