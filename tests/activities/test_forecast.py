"""The short way to the next card gives what the long way gives: every instant, every rule."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from pydantic import JsonValue

from activities.supervising import Reach, Supervision, _open, seen_of
from cases.clock import Due
from cases.clocks import Period, due_of
from cases.rulings import Ruling
from cases.state import Card, CaseState
from cases.supervision import Clock, card_key, next_cards
from cases.supervision.names import Level
from catalogue.load import load_catalogue
from rules.evaluate import evaluate
from rules.load import load_packs
from tests.activities.supervised import People
from tests.cases.test_supervision import paused, rule
from tests.cases.test_supervision import period as own_period
from tests.clocks.test_machine import walked
from tests.histories.sample import clock_of
from yichuang.card_rules import held_by, reach_of

PACK = load_packs()["supervision"]
CN = load_catalogue().calendars["cn"]


@dataclass
class Twin:
    """The shipped set as the worker asks it."""

    def in_force(self, at: datetime) -> str | None:
        return PACK.digest

    def held(
        self, digest: str, context: Mapping[str, JsonValue], at: datetime
    ) -> Collection[tuple[str, str]]:
        return held_by(PACK, context, at)

    def reach(self, digest: str) -> Reach:
        return reach_of(PACK)

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling:
        raise AssertionError


def every_rule(context: Mapping[str, JsonValue], at: datetime) -> list[tuple[str, str]]:
    return [(one.rule, one.basis) for one in evaluate(PACK, context, at).fired]


SUPERVISION = Supervision(Twin(), People())


def the_long_way(state: CaseState, period: Period, due: Due, at: datetime) -> dict[str, datetime]:
    until = max(due.at, at) + timedelta(days=60)
    whole = Clock.of(period, CN, state.plan.zone, until)
    cards = next_cards(whole, seen_of(state, period), at, until, every_rule, 101)
    return {card_key(period.key, one.rule): one.at for one in cards}


def test_the_next_cards_of_a_case_are_those_of_every_instant_and_rule() -> None:
    counted: Counter[str] = Counter()
    for seed in range(2074, 2134):
        _, ended = walked(seed)
        told = clock_of(ended)
        state = ended.model_copy(update={"stage": "review", "procedures": ()})
        dice, last = random.Random(seed), max(event.at for event in told)
        for _ in range(3):
            at = last + timedelta(hours=dice.choice((0, 1, 30, 24 * 9, 24 * 40)))
            wanted: dict[str, datetime] = {}
            for period in _open(state, told):
                due = due_of(period, CN, state.plan.zone)
                if due is not None:
                    wanted |= the_long_way(state, period, due, at)
            found = {one.key: one.due_at for one in SUPERVISION.timers(state, told, CN, at)}
            assert found == wanted, (seed, at)
            counted.update(key.rpartition(":")[2] for key in wanted)
    assert len(counted) >= 5 and min(counted.values()) >= 3, counted


@pytest.mark.parametrize("unit", ["working_day", "day", "hour", "working_hour", "minute"])
@pytest.mark.parametrize("n", [1, 2, 7, 20])
def test_the_short_way_is_the_long_one_in_every_unit(unit: str, n: int) -> None:
    _, state = walked(2000)
    for told in ((), paused("2026-03-02T15:00", "2026-03-04T10:00")):
        period = own_period(rule(n, unit), *told)
        due = due_of(period, CN, state.plan.zone)
        assert due is not None
        for hours in (0, 3, 24 * 4, 24 * 30):
            at = period.start.at + timedelta(days=3, hours=hours)
            until = max(due.at, at) + timedelta(days=60)
            cards = SUPERVISION._next(state, period, CN, at, until, due.at, reach_of(PACK))
            found = {card_key(period.key, one.rule): one.at for one in cards}
            assert found == the_long_way(state, period, due, at), (hours, told)


def test_a_card_after_the_end_is_seen_from_before_it() -> None:
    """All that comes by the end was given; the red card follows three days after the yellow one."""
    _, state = walked(2000)
    period = own_period(rule(7))
    due = due_of(period, CN, state.plan.zone)
    assert due is not None
    at = due.at - timedelta(hours=1)
    names: tuple[tuple[str, Level], ...] = (
        ("JC-TS-75", "reminder"), ("JC-YJ-90", "warning"), ("JC-HP-CN", "yellow"),
    )  # fmt: skip
    given = tuple(
        Card(number=f"JC{n}", rule=name, level=level, clock=period.key, since=period.start.at,
             at=at, told_at=due.at, department="market")
        for n, (name, level) in enumerate(names)
    )  # fmt: skip
    told = state.model_copy(update={"cards": given})
    until = due.at + timedelta(days=60)
    (red,) = SUPERVISION._next(told, period, CN, at, until, due.at, reach_of(PACK))
    assert (red.rule, red.at > due.at) == ("JC-RP-WJ", True)
    assert the_long_way(told, period, due, at) == {card_key(period.key, red.rule): red.at}
