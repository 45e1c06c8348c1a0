"""Gaps and overlaps: against a search of every combination of boundary values."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.tables.cells import Cell, Equal, Scalar
from rules.tables.gaps import Analysis, analyse, findings
from rules.tables.table import Column, Table

Make = Callable[..., Table]

COLUMNS: list[dict[str, Any]] = [
    {"field": "n", "type": "number", "values": "[0..10)"},
    {"field": "w", "type": "number", "whole": True},
    {"field": "t", "type": "text"},
    {"field": "b", "type": "boolean", "optional": True},
]


def cell_of(dice: Random, kind: str) -> str:
    if dice.random() < 0.35:
        return "-"
    if kind == "boolean":
        return dice.choice(["true", "false", "null", "not(null)", "true, null"])
    if kind == "text":
        return dice.choice(["甲", "乙", "甲, 乙", "not(甲)", "not(乙)", "丙"])
    low, high = sorted(dice.sample([0, 1, 2, 3, 5, 8, 10], 2))
    text = dice.choice(
        [f"<{low}", f"<={high}", f">{low}", f">={high}", f"[{low}..{high}]", f"({low}..{high})",
         f"[{low}..{high})", str(low), f"<{low}, >={high}", f"not({low})", f"not([{low}..{high}])"]
    )  # fmt: skip
    return text


def random_rows(dice: Random, columns: list[dict[str, Any]]) -> list[list[str]]:
    count = dice.randint(1, 7)
    return [
        [*(cell_of(dice, c["type"]) for c in columns), dice.choice(["甲", "乙"])]
        for _ in range(count)
    ]


def probes(column: Column, cells: list[Cell]) -> Iterator[Scalar]:
    """Every boundary, a value on either side of each, and what lies far out."""
    if column.kind == "boolean":
        yield from (True, False)
    elif column.kind == "text":
        yield from ("甲", "乙", "丙", "谁也没写")
    else:
        points = {Decimal(-100), Decimal(100)}
        for cell in [column.domain, *cells]:
            for part in cell.parts:
                found = [part.value] if isinstance(part, Equal) else [part.low, part.high]
                points |= {p for p in found if isinstance(p, Decimal)}
        step = Decimal(1) if column.whole else Decimal("0.5")
        yield from sorted({p + d for p in points for d in (-step, Decimal(0), step)})
    if column.optional:
        yield None


def every_input(table: Table) -> Iterator[tuple[Scalar, ...]]:
    domains = [
        [v for v in probes(column, [row.cells[n] for row in table.rows])
         if v is None or column.takes(v)]
        for n, column in enumerate(table.columns)
    ]  # fmt: skip
    return itertools.product(*domains)


def matching(table: Table, inputs: tuple[Scalar, ...]) -> list[str]:
    held = table.matches(dict(zip((c.name for c in table.columns), inputs, strict=True)))
    return [row.id for row in table.rows if row.rule in held]


def agrees(table: Table, found: Analysis) -> None:
    """Compare with the search; every example is what it is said to be."""
    pairs: set[tuple[str, str]] = set()
    uncovered = alive = 0
    seen: set[str] = set()
    for inputs in every_input(table):
        rows = matching(table, inputs)
        seen |= set(rows)
        uncovered += not rows
        alive += 1
        pairs |= set(itertools.combinations(rows, 2))
    assert found.is_exact
    assert found.is_complete == (uncovered == 0)
    assert found.overlapping == len(pairs)
    assert set(found.dead) == {row.id for row in table.rows} - seen
    for gap in found.gaps:
        assert matching(table, gap.given) == []
        assert all(v is None or c.takes(v) for c, v in zip(table.columns, gap.given, strict=True))
    for overlap in found.overlaps:
        assert set(overlap.rows) <= set(matching(table, overlap.given))


@settings(deadline=None, max_examples=150)
@given(st.randoms(use_true_random=False), st.integers(1, 3))
def test_gaps_and_overlaps_are_those_that_a_search_of_all_boundaries_finds(
    table_of: Make, dice: Random, width: int
) -> None:
    columns = dice.sample(COLUMNS, width)
    table = table_of(*random_rows(dice, columns), hit="F", inputs=columns)
    agrees(table, analyse(table))


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False))
def test_a_partition_with_one_piece_taken_out_has_exactly_that_gap(
    table_of: Make, dice: Random
) -> None:
    cuts = {"n": ["<2", "[2..5)", ">=5"], "w": ["<=3", "(3..8)", ">=8"], "t": ["甲", "not(甲)"]}
    columns = COLUMNS[:3]
    rows = [[*cells, "甲"] for cells in itertools.product(*cuts.values())]
    whole = table_of(*rows, inputs=columns)
    assert analyse(whole).is_complete
    assert analyse(whole).overlapping == 0
    del rows[dice.randrange(len(rows))]
    table = table_of(*rows, inputs=columns)
    found = analyse(table)
    assert not found.is_complete
    agrees(table, found)


def test_between_whole_numbers_there_is_no_gap_and_between_others_there_is(table_of: Make) -> None:
    rows = [["<=17", "甲"], [">=18", "乙"]]
    whole = analyse(table_of(*rows, inputs=[{"field": "a", "type": "number", "whole": True}]))
    assert whole.is_complete
    open_ = analyse(table_of(*rows))
    (gap,) = open_.gaps
    assert gap.given == (Decimal("17.5"),)


def test_an_uncovered_input_is_printed_with_names_and_units(table_of: Make) -> None:
    inputs = [
        {"field": "ph", "type": "number", "unit": "mg/L"},
        {"field": "open", "type": "boolean"},
    ]
    faults, _ = findings(analyse(table_of(["<=1", "-", "甲"], [">1", True, "乙"], inputs=inputs)))
    assert [fault.message for fault in faults] == ["没有一行覆盖: ph=2mg/L, open=false"]


def test_a_doubly_covered_input_is_printed_with_its_rows(table_of: Make) -> None:
    faults, _ = findings(analyse(table_of(["<=1", "甲"], [">=1", "乙"])))
    assert [fault.message for fault in faults] == ["第 r1、r2 行都覆盖: a=1 (U 只许一行命中)"]


def test_rows_of_any_may_overlap_where_they_agree(table_of: Make) -> None:
    assert findings(analyse(table_of(["<=1", "甲"], [">=1", "甲"], hit="A")))[0] == []
    faults, _ = findings(analyse(table_of(["<=1", "甲"], [">=1", "乙"], hit="A")))
    assert "结果不同" in faults[0].message


@pytest.mark.parametrize(
    "more",
    [
        {"outputs": [{"name": "said", "type": "text", "default": "乙"}]},
        {"gaps": "allowed", "gaps_reason": "标准没有规定"},
        {"hit": "C"},
    ],
)
def test_a_gap_that_is_provided_for_is_a_remark(table_of: Make, more: dict[str, Any]) -> None:
    faults, remarks = findings(analyse(table_of(["<=1", "甲"], **more)))
    assert faults == []
    assert remarks == ["没有一行覆盖: a=2"]


def test_a_missing_value_has_to_be_covered_where_it_may_be_missing(table_of: Make) -> None:
    inputs = [{"field": "a", "type": "number", "optional": True}]
    (gap,) = analyse(table_of(["<=1", "甲"], [">1", "甲"], inputs=inputs)).gaps
    assert gap.given == (None,)
    assert analyse(table_of(["<=1", "甲"], [">1, null", "甲"], inputs=inputs)).is_complete


def test_a_row_outside_the_domain_is_a_fault(table_of: Make) -> None:
    inputs = [{"field": "a", "type": "number", "values": "[0..10]"}]
    faults, _ = findings(analyse(table_of(["<=10", "甲"], [">10", "乙"], inputs=inputs)))
    assert "永不命中" in faults[0].message


def test_a_thousand_rows_of_six_columns_come_to_an_end(table_of: Make) -> None:
    inputs = [{"field": f"c{n}", "type": "number", "values": "[0..10)"} for n in range(6)]
    rows = [
        [f"[{i}..{i + 1})", f"[{j}..{j + 1})", "-", f"[{k}..{k + 1})", "-", "-", "甲"]
        for i in range(10) for j in range(10) for k in range(10)
    ]  # fmt: skip
    assert analyse(table_of(*rows, inputs=inputs)).is_complete
    found = analyse(table_of(*rows[:-1], inputs=inputs))
    assert [gap.given[0] for gap in found.gaps] == [Decimal(9)]
    assert analyse(table_of(*rows, hit="F", inputs=inputs)).is_complete


def test_a_walk_that_was_broken_off_never_says_complete(table_of: Make) -> None:
    dice = Random(7)
    inputs = [{"field": f"c{n}", "type": "number", "values": "[0..20]"} for n in range(6)]

    def box() -> list[str]:
        return [f"[{a}..{b}]" for a, b in (sorted(dice.sample(range(21), 2)) for _ in range(6))]

    halves = [["-"] * 5 + ["<10", "甲"], ["-"] * 5 + [">=10", "甲"]]
    rows = [[*box(), "甲"] for _ in range(60)] + halves
    table = table_of(*rows, hit="F", inputs=inputs)
    found = analyse(table, max_steps=50)
    assert not found.is_exact
    assert not found.is_complete
    assert "没有做完" in findings(found)[0][0].message
    assert analyse(table).is_complete


def test_ranges_with_a_fraction_between_doubles_are_told_apart(table_of: Make) -> None:
    (gap,) = analyse(table_of(["<0.1", "甲"], [">0.1", "乙"])).gaps
    assert gap.given == (Decimal("0.1"),)
