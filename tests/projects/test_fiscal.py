"""The duty to spend against the general budget, year by year; exact on each line."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cases.projects.fiscal import (
    LINES_BP,
    Assumptions,
    Duty,
    FiscalYear,
    curve,
    first_above,
    reaching,
)


def assumed(budget: int = 1_000_000, growth: int = 0, prices: int = 0) -> Assumptions:
    return Assumptions(
        base_year=2026, budget_fen=budget, budget_growth_bp=growth, price_growth_bp=prices,
        source="决算",
    )  # fmt: skip


def duty(since: int, until: int, fen: int, project: str = "p", indexed: bool = False) -> Duty:
    return Duty(
        project=project, kind="operation", since=since, until=until, yearly_fen=fen, indexed=indexed
    )


def test_the_curve_reaches_from_the_base_year_to_the_end_of_the_last_contract() -> None:
    years = curve([duty(2027, 2066, 10), duty(2026, 2028, 5, "q")], assumed())
    assert [years[0].year, years[-1].year, len(years)] == [2026, 2066, 41]
    assert [one.duty_fen for one in years[:4]] == [5, 15, 15, 10]
    assert years[1].by_project == {"p": 10, "q": 5}


def test_a_contract_that_ended_costs_nothing_and_no_duty_leaves_the_base_year() -> None:
    assert [one.duty_fen for one in curve([duty(2020, 2025, 10)], assumed())] == [0]
    assert [one.year for one in curve([], assumed())] == [2026]


@pytest.mark.parametrize(
    ("line", "percent"), [("forbidden", 10), ("warning", 7), ("government_pay", 5)]
)
def test_on_the_line_is_not_above_it_and_one_fen_more_is(line: str, percent: int) -> None:
    budget = 10**15
    on = FiscalYear(year=2026, duty_fen=budget * percent // 100, budget_fen=budget, by_project={})
    over = on.model_copy(update={"duty_fen": on.duty_fen + 1})
    assert (on.above(LINES_BP[line]), over.above(LINES_BP[line])) == (False, True)
    assert on.share_percent == percent
    assert over.share_percent > percent


def test_the_first_year_above_a_line_is_named() -> None:
    years = curve([duty(2026, 2030, 90_000), duty(2028, 2029, 10_001, "q")], assumed())
    found = first_above(years, LINES_BP["forbidden"])
    assert found is not None
    assert found.year == 2028
    assert first_above(years, 1_001) is None


def test_prices_move_only_what_is_indexed_and_the_budget_grows_with_its_own_rate() -> None:
    fixed, moved = duty(2026, 2028, 1_000), duty(2026, 2028, 1_000, "q", indexed=True)
    years = curve([fixed, moved], assumed(10_000, growth=500, prices=300))
    assert [one.by_project["p"] for one in years] == [1_000, 1_000, 1_000]
    assert [one.by_project["q"] for one in years] == [1_000, 1_030, 1_061]
    assert [one.budget_fen for one in years] == [10_000, 10_500, 11_025]


@given(
    st.lists(
        st.builds(
            duty,
            st.integers(2020, 2040), st.integers(2020, 2066), st.integers(0, 10**12),
            st.sampled_from("pqr"), st.booleans(),
        ),
        max_size=6,
    ),
    st.integers(-500, 900),
    st.integers(-500, 900),
)  # fmt: skip
@settings(max_examples=60)
def test_every_year_is_the_plain_sum_of_what_lies_in_it(
    duties: list[Duty], growth: int, prices: int
) -> None:
    def grown(fen: int, rate: int, years: int) -> int:
        for _ in range(years):
            exact = Fraction(fen * (10_000 + rate), 10_000)
            fen = int(exact + Fraction(1, 2))
        return fen

    for one in curve(duties, assumed(10**14, growth, prices)):
        gone = one.year - 2026
        plain = sum(
            grown(each.yearly_fen, prices if each.indexed else 0, gone)
            for each in duties
            if each.since <= one.year <= each.until
        )
        assert (one.duty_fen, one.budget_fen) == (plain, grown(10**14, growth, gone))


def test_a_forecast_beyond_its_reach_and_a_budget_of_nothing_are_refused() -> None:
    assert len(curve([duty(2026, 2085, 1)], assumed())) == 60
    with pytest.raises(ValueError, match="at most 60 years"):
        curve([duty(2026, 2086, 1)], assumed())
    with pytest.raises(ValidationError):
        assumed(budget=0)


def test_a_duty_in_older_prices_is_brought_to_the_base_year_and_a_newer_one_waits() -> None:
    on = assumed(prices=1_000)
    older = duty(2026, 2028, 100_000, indexed=True).model_copy(update={"priced_in": 2024})
    newer = duty(2026, 2028, 100_000, indexed=True).model_copy(update={"priced_in": 2027})
    fixed = duty(2026, 2028, 100_000).model_copy(update={"priced_in": 2024})
    assert [one.duty_fen for one in curve([older], on)] == [121_000, 133_100, 146_410]
    assert [one.duty_fen for one in curve([newer], on)] == [100_000, 100_000, 110_000]
    assert [one.duty_fen for one in curve([fixed], on)] == [100_000] * 3


def test_what_another_base_year_reaches_beyond_is_cut_off_and_no_error() -> None:
    on = assumed()
    far = [duty(2030, 2090, 5), duty(2086, 2090, 7, "q")]
    years = curve(reaching(far, on), on)
    assert (years[-1].year, years[-1].duty_fen) == (2085, 5)
    with pytest.raises(ValueError, match="60"):
        curve(far, on)
