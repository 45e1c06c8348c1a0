"""Planned money: contracts' sums over the plan days of the milestones that pay, to the last fen."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from cases.money_plan import Planned, planned
from yichuang.web_fund import curve

FIRST, SECOND, THIRD = date(2026, 3, 31), date(2026, 5, 1), date(2027, 1, 15)


def test_equal_shares_fall_on_the_plan_days_and_the_last_takes_what_does_not_divide() -> None:
    assert planned(100, [THIRD, FIRST, SECOND]) == (
        Planned(FIRST, 33), Planned(SECOND, 33), Planned(THIRD, 34)
    )  # fmt: skip
    assert planned(100, []) == () == planned(0, [FIRST])


@given(st.integers(1, 10**13), st.lists(st.dates(), min_size=1, max_size=40))
def test_no_fen_is_lost_and_none_is_planned_twice(sum_fen: int, days: list[date]) -> None:
    found = planned(sum_fen, days)
    assert sum(one.amount_fen for one in found) == sum_fen
    assert [one.on for one in found] == sorted(days)


def test_the_curve_runs_to_the_last_planned_month_and_nothing_is_paid_after_today() -> None:
    due = {date(2026, 11, 1): 10, date(2027, 1, 1): 5}
    points = curve(due, {date(2026, 10, 1): 7, date(2026, 11, 1): 1}, date(2026, 11, 30))
    assert [(f"{p.month:%Y-%m}", p.planned_fen, p.paid_fen) for p in points] == [
        ("2026-10", 0, 7), ("2026-11", 10, 8), ("2026-12", 10, None), ("2027-01", 15, None)
    ]  # fmt: skip
    assert curve({}, {}, date(2026, 11, 30)) == ()


def test_the_curve_runs_to_today_where_nothing_more_is_planned() -> None:
    points = curve({date(2026, 9, 1): 10}, {}, date(2026, 11, 1))
    assert [p.paid_fen for p in points] == [0, 0, 0] and points[-1].month == date(2026, 11, 1)
