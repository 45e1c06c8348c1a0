"""The numbers of the plan: value, path, light; both sides of each limit."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.plan.figures import (
    Figure,
    expected,
    fault_of,
    lights_counted,
    shown,
    standing,
    value_of,
    year_end,
    year_of,
)
from catalogue.kpis import Kpi, load_kpis
from catalogue.programme import load_programme

KPIS = load_kpis()
BEGINS = KPIS.begins_on
BY = KPIS.by_code


def test_the_plan_has_its_seventeen_numbers_and_four_stages() -> None:
    assert len(KPIS.kpis) == 17
    assert [one.id for one in load_programme().stages] == ["s1", "s2", "s3", "s4"]


def test_no_definition_is_told_as_decided() -> None:
    """The plan defines no percentage: all definitions are a design."""
    assert not [one.code for one in KPIS.kpis if one.verified]
    assert not load_programme().verified


@pytest.mark.parametrize(
    ("code", "numerator", "denominator", "value"),
    [
        ("waste", 85, 100, Fraction(85)),
        ("arterial", 125, 100, Fraction(25)),
        ("arterial", 90, 100, Fraction(-10)),
        ("carbon", 90, 100, Fraction(10)),
        ("response", 1800, 2, Fraction(15)),
        ("pilots", 2, 1, Fraction(2)),
        ("fund", 50_000_000_000, 1, Fraction(5)),
        ("waste", 1, 0, None),
    ],
)
def test_a_value_follows_its_formula(
    code: str, numerator: int, denominator: int, value: Fraction | None
) -> None:
    assert value_of(BY[code], numerator, denominator) == value


def test_the_path_is_reached_at_the_end_of_each_year_and_straight_between() -> None:
    kpi = BY["satisfaction"]
    assert expected(kpi, BEGINS, BEGINS - timedelta(days=1)) is None
    assert expected(kpi, BEGINS, year_end(BEGINS, 1)) == 80
    assert expected(kpi, BEGINS, year_end(BEGINS, 3)) == 85
    two = (year_end(BEGINS, 2) - year_end(BEGINS, 1)).days
    whole = (year_end(BEGINS, 3) - year_end(BEGINS, 1)).days
    assert expected(kpi, BEGINS, year_end(BEGINS, 2)) == 80 + Fraction(5 * two, whole)
    assert expected(kpi, BEGINS, year_end(BEGINS, 9)) == 90


def test_what_must_be_at_most_so_much_must_be_so_from_the_first_day() -> None:
    assert expected(BY["response"], BEGINS, BEGINS) == 15
    assert expected(BY["living_circle"], BEGINS, BEGINS) == 20


@pytest.mark.parametrize(
    ("code", "numerator", "colour"),
    [
        ("waste", 6500, "green"),
        ("waste", 6499, "yellow"),
        ("waste", 5850, "yellow"),
        ("waste", 5849, "red"),
        ("response", 15 * 60 * 10_000, "green"),
        ("response", 15 * 60 * 10_000 + 1, "yellow"),
        ("response", 165 * 6 * 10_000, "yellow"),
        ("response", 165 * 6 * 10_000 + 1, "red"),
    ],
)
def test_a_light_changes_at_its_limit(code: str, numerator: int, colour: str) -> None:
    day = year_end(BEGINS, 1)
    found = standing(BY[code], BEGINS, Figure(numerator, 10_000, day), day)
    assert found.light == colour


def test_more_than_the_plan_has_at_most_is_no_green() -> None:
    day = year_end(BEGINS, 3)
    two, three = (
        standing(BY["pilots"], BEGINS, Figure(n, 1, day), day) for n in (2, 3)
    )  # fmt: skip
    assert (two.light, two.beyond, three.light, three.beyond) == ("green", False, "yellow", True)


def test_a_figure_says_nothing_of_a_day_too_long_after_it() -> None:
    kpi, day = BY["waste"], year_end(BEGINS, 1)
    last = day + timedelta(days=kpi.stale_days)
    figure = Figure(99, 100, day)
    assert standing(kpi, BEGINS, figure, last).light == "green"
    assert standing(kpi, BEGINS, figure, last + timedelta(days=1)).light == "grey"
    assert standing(kpi, BEGINS, None, day).light == "grey"


@pytest.mark.parametrize(
    ("code", "numerator", "denominator", "wrong"),
    [
        ("waste", 100, 100, False),
        ("waste", 101, 100, True),
        ("waste", 1, 0, True),
        ("waste", -1, 100, True),
        ("waste", 0, 100, False),
        ("arterial", 200, 100, False),
        ("output", 1, 1, False),
        ("output", 1, 2, True),
        ("output", 2**63 - 1, 1, False),
        ("output", 2**63, 1, True),
    ],
)
def test_counts_that_cannot_be_are_refused(
    code: str, numerator: int, denominator: int, wrong: bool
) -> None:
    assert bool(fault_of(BY[code], numerator, denominator)) is wrong


@given(st.dates(BEGINS, date(2070, 1, 1)))
def test_a_day_lies_in_one_year_of_the_plan(day: date) -> None:
    year = year_of(BEGINS, day)
    assert year >= 1 and day <= year_end(BEGINS, year)
    assert year == 1 or day > year_end(BEGINS, year - 1)


def test_the_plan_has_no_year_before_it_begins() -> None:
    assert year_of(BEGINS, BEGINS - timedelta(days=1)) == 0


@given(
    st.sampled_from([one for one in KPIS.kpis if not one.countless]),
    st.integers(0, 10**12),
    st.integers(1, 10**12),
)
def test_a_better_count_never_has_a_worse_light(kpi: Kpi, numerator: int, denominator: int) -> None:
    day = year_end(BEGINS, 2)
    order = ["red", "yellow", "green"]
    better = 1 if kpi.direction == "at_least" and kpi.formula != "reduction" else -1
    at, then = (
        standing(kpi, BEGINS, Figure(n, denominator, day), day).light
        for n in (numerator, max(0, numerator + better * 1000))
    )
    assert order.index(then) >= order.index(at)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(1495, 100), "15"),
        (Fraction(1494, 100), "14.9"),
        (Fraction(-1495, 100), "-15"),
        (Fraction(-1, 100), "0"),
        (Fraction(90), "90"),
        (None, "—"),
    ],
)
def test_a_value_is_shown_with_one_decimal(value: Fraction | None, text: str) -> None:
    assert shown(value) == text


def test_every_colour_is_counted() -> None:
    day = year_end(BEGINS, 1)
    found = {"waste": standing(BY["waste"], BEGINS, Figure(65, 100, day), day)}
    assert lights_counted(found) == {"green": 1, "yellow": 0, "red": 0, "grey": 0}
