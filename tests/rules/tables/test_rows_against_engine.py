"""Rows matched by durable_rules, by its twin, and by reading the cells in exact decimals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.evaluate import plain_match
from rules.process import RulesProcess
from rules.tables.ask import slice_of
from rules.tables.cells import Scalar
from rules.tables.rows import fact_value, is_double
from rules.tables.table import Table, TableRefused

Make = Callable[..., Table]

COLUMNS: list[dict[str, Any]] = [
    {"field": "n", "type": "number"},
    {"field": "m", "type": "number"},
    {"field": "t", "type": "text"},
    {"field": "b", "type": "boolean"},
    {"field": "d", "type": "date"},
]
POINTS = ["-3", "-0.1", "0", "0.1", "0.3", "1", "2.5", "17", "18", "150.55", "9007199254740991"]
TEXTS = ["", "甲", "乙", "a", 'q"uote', "back\\\\slash"]
DAYS = ["2011-12-31", "2026-03-01", "2031-01-01"]


def cell(dice: Random, kind: str) -> str:
    if dice.random() < 0.25:
        return "-"
    parts = [part(dice, kind) for _ in range(dice.choice([1, 1, 2, 3]))]
    text = ", ".join(dict.fromkeys(parts))
    return f"not({text})" if dice.random() < 0.25 else text


def part(dice: Random, kind: str) -> str:
    if dice.random() < 0.1:
        return "null"
    if kind == "boolean":
        return dice.choice(["true", "false"])
    if kind == "text":
        return '"' + dice.choice(TEXTS).replace('"', '\\"') + '"'
    points = [f'date("{day}")' for day in DAYS] if kind == "date" else POINTS
    low, high = sorted(dice.sample(range(len(points)), 2))
    shape = dice.randrange(4)
    if shape == 0:
        return points[low]
    if shape == 1:
        return dice.choice(["<", "<=", ">", ">="]) + points[low]
    return f"{dice.choice('[(')}{points[low]}..{points[high]}{dice.choice('])')}"


def value(dice: Random, kind: str) -> Scalar:
    if dice.random() < 0.15:
        return None
    if kind == "boolean":
        return dice.random() < 0.5
    if kind == "text":
        return dice.choice(["", "甲", "乙", "丙", "a", 'q"uote', "back\\slash"])
    if kind == "date":
        day = date.fromisoformat(dice.choice(DAYS))
        return day + timedelta(days=dice.choice([-1, 0, 1]))
    near = Decimal(dice.choice(POINTS)) + Decimal(dice.choice(["0", "0.1", "-0.1", "0.0001"]))
    return near if is_double(near) else Decimal(17)


def random_table(make: Make, dice: Random) -> Table:
    """A table of up to four columns; a row of too many ways is refused, and thrown again."""
    while True:
        columns = dice.sample(COLUMNS, dice.randint(1, 4))
        count = dice.randint(1, 12)
        rows = [[*(cell(dice, c["type"]) for c in columns), "甲"] for _ in range(count)]
        try:
            return make(*rows, hit="R", inputs=columns)
        except TableRefused as refused:
            assert all("条件太多" in problem.message for problem in refused.problems)


def facts(table: Table, dice: Random, count: int) -> list[dict[str, Scalar]]:
    return [{c.name: value(dice, c.kind) for c in table.columns} for _ in range(count)]


def plain_fact(given: dict[str, Scalar]) -> dict[str, Any]:
    return {name: fact_value(v) for name, v in given.items() if v is not None}


@settings(deadline=None, max_examples=150)
@given(st.randoms(use_true_random=False))
def test_the_twin_matches_the_rows_that_the_cells_say(table_of: Make, dice: Random) -> None:
    table = random_table(table_of, dice)
    for given_ in facts(table, dice, 20):
        assert plain_match(slice_of(table), plain_fact(given_)) == table.matches(given_), given_


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.randoms(use_true_random=False))
def test_the_engine_matches_the_rows_that_the_cells_say(
    table_of: Make, engine: RulesProcess, dice: Random
) -> None:
    table = random_table(table_of, dice)
    for given_ in facts(table, dice, 12):
        held = engine.match(slice_of(table), plain_fact(given_))
        assert set(held) == table.matches(given_), given_
    assert engine.quarantined() == ()


def test_a_row_of_dashes_matches_every_fact_once(table_of: Make, engine: RulesProcess) -> None:
    table = table_of(["-", "-", "甲"], inputs=COLUMNS[:2], hit="R")
    for fact in ({}, {"n": 1}, {"n": 1, "m": 0}):
        assert list(engine.match(slice_of(table), fact)) == ["t.r1"]


def test_a_thousand_rows_are_matched_by_the_engine(table_of: Make, engine: RulesProcess) -> None:
    rows = [[f"[{n}..{n + 1})", "甲"] for n in range(1000)]
    table = table_of(*rows)
    assert list(engine.match(slice_of(table), {"n": 1, "a": 998.5})) == ["t.r999"]
    assert engine.state().plain == 0
