"""The grade of an accident (国务院令第493号): both sides of each limit, by engine and twin."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.evaluate import NoRuling, evaluate
from rules.pack import ContextRefused, Pack
from rules.process import RulesProcess
from rules.tables.gaps import analyse

AT = datetime(2026, 6, 1, tzinfo=UTC)
LIMITS = [
    ("extraordinary", 30, 100, 10_000), ("major", 10, 50, 5_000), ("serious", 3, 10, 1_000),
]  # fmt: skip
"""Lowest deaths, serious injuries and loss (10,000 yuan) of each grade but the last."""


@pytest.fixture(scope="module")
def pack(shipped: dict[str, Pack]) -> Pack:
    return shipped["accidents"]


def facts(deaths: int, injuries: int, loss: float | None) -> dict[str, Any]:
    found = {"deaths": deaths, "serious_injuries": injuries, "direct_loss_10k": loss}
    return {name: value for name, value in found.items() if value is not None}


def by_the_article(deaths: int, injuries: int, loss: float | None) -> str:
    """Say the article in plain words: any one of the three is enough."""
    for grade, least_deaths, least_injuries, least_loss in LIMITS:
        if deaths >= least_deaths or injuries >= least_injuries or (loss or 0) >= least_loss:
            return grade
    return "ordinary"


near = [limit + step for _, *limits in LIMITS for limit in limits for step in (-1, 0, 1)]


@settings(deadline=None)
@given(
    st.sampled_from([0, *near]),
    st.sampled_from([0, *near]),
    st.one_of(st.none(), st.sampled_from([0, 0.5, 999.99, 4999.99, 9999.99, *near])),
)
def test_the_grade_is_that_of_the_article_on_both_sides_of_every_limit(
    pack: Pack, deaths: int, injuries: int, loss: float | None
) -> None:
    ruling = evaluate(pack, facts(deaths, injuries, loss), AT)
    assert ruling.outcome["grade"] == by_the_article(deaths, injuries, loss)


@pytest.mark.parametrize(
    ("deaths", "grade", "to", "days"),
    [
        (29, "major", "state", 15), (30, "extraordinary", "state", 30),
        (9, "serious", "province", 15),
        (2, "ordinary", "city", 15),
    ],
)  # fmt: skip
def test_the_chain_and_the_approval_follow_from_the_grade_by_the_engine(
    pack: Pack, engine: RulesProcess, deaths: int, grade: str, to: str, days: int
) -> None:
    ruling = engine.evaluate(pack, facts(deaths, 0, 0), AT)
    assert ruling.engine == "durable_rules"
    assert (ruling.outcome["grade"], ruling.outcome["report_up_to"]) == (grade, to)
    assert ruling.outcome["approval_days"] == days
    assert ruling == evaluate(pack, facts(deaths, 0, 0), AT).model_copy(
        update={"engine": "durable_rules"}
    )


def test_the_row_names_its_article(pack: Pack) -> None:
    fired = {one.rule: one.basis for one in evaluate(pack, facts(12, 0, None), AT).fired}
    assert fired["accident-grade.deaths-10"] == "SGBG-3"
    assert fired["accident-chain.r1"] == "SGBG-10"


def test_no_table_of_the_pack_has_a_gap(pack: Pack) -> None:
    assert [analyse(table).is_complete for table in pack.tables] == [True] * 4


@pytest.mark.parametrize("deaths", [-1, 2.5])
def test_a_number_that_cannot_be_has_no_grade(pack: Pack, deaths: float) -> None:
    with pytest.raises(NoRuling, match="deaths"):
        evaluate(pack, {"deaths": deaths, "serious_injuries": 0}, AT)


def test_what_is_not_yet_known_of_the_casualties_is_asked_for(pack: Pack) -> None:
    with pytest.raises(ContextRefused, match="serious_injuries"):
        evaluate(pack, {"deaths": 1}, AT)
