"""Rule YC-FT-1 and the clock rows on what the approval machine itself makes of random orders."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from cases import approval
from cases.clocks import ledger, periods
from cases.clocks.attribution import attribute, holdings
from cases.clocks.lines import ClockLine, lines
from cases.state import CaseState, ClockEvent
from catalogue.matters import Matter
from catalogue.working_days import NONE
from tests.clocks.test_machine import walked
from tests.histories.sample import JOINT, MONDAY, clock_of, matter


@pytest.fixture(scope="module")
def cases() -> list[tuple[Matter, CaseState]]:
    return [walked(seed) for seed in range(1000, 1060)]


def test_the_shares_of_every_clock_sum_to_its_ledger(
    cases: list[tuple[Matter, CaseState]],
) -> None:
    kinds: Counter[str] = Counter()
    for seed, (_, state) in enumerate(cases):
        events, plan = clock_of(state), state.plan
        until = max(event.at for event in events)
        held = holdings(events, plan.department, plan.lead)
        for period in periods(approval.clock_rules(plan), events):
            made = ledger(period, NONE, plan.zone, until)
            found = attribute(made, held, NONE.hours, plan.zone, until)
            assert sum(found.used.values()) == made.used, (seed, period.key)
            assert sum(found.paused.values()) == made.paused, (seed, period.key)
            kinds.update(who.kind for who in (*found.used, *found.paused))
    assert min(kinds[kind] for kind in ("department", "applicant", "procedure")) >= 3, kinds


def test_lines_written_step_by_step_are_the_lines_of_the_whole(
    cases: list[tuple[Matter, CaseState]],
) -> None:
    """What each step writes, one after the other, leaves the rows that all events give at once."""
    for seed, (_, state) in enumerate(cases):
        events, rules = clock_of(state), approval.clock_rules(state.plan)
        kept: dict[str, ClockLine] = {}
        steps = sorted({event.id.partition(".")[0] for event in events}, key=int)
        for step in steps:
            until = [e for e in events if int(e.id.partition(".")[0]) <= int(step)]
            already = sum(1 for e in until if e.id.partition(".")[0] != step)
            changed = lines(rules, until, NONE, state.plan, already)
            kept |= {line.key: line for line in changed}
        whole = {line.key: line for line in lines(rules, events, NONE, state.plan)}
        assert kept == whole, seed


def test_an_ended_clock_of_a_case_keeps_shares_that_sum_to_what_it_used(
    cases: list[tuple[Matter, CaseState]],
) -> None:
    ended = 0
    for _, state in cases:
        for line in lines(approval.clock_rules(state.plan), clock_of(state), NONE, state.plan):
            if line.shares:
                ended += 1
                used = sum(Fraction(one.exact) for one in line.shares if not one.paused)
                assert used == line.used
    assert ended >= 10


def test_a_pause_disallowed_after_the_end_divides_the_ended_clock_anew() -> None:
    """The promise ran on through the hearing: what is found of it moves no period of the promise,
    and yet the days of the hearing are the department's now."""
    joint = approval.plan_of(matter(**JOINT), "d" * 64)
    plan = joint.model_copy(update={"promise_pauses": ()})
    rules = approval.clock_rules(plan)
    hearing = {"procedure": {"id": "hearing-1", "kind": "hearing"}}
    review = {"task": "review-review", "department": "market"}
    told: list[tuple[int, str, dict[str, Any]]] = [
        (0, "received", {}), (0, "accepted", {"mode": "plain"}), (0, "step_opened", review),
        (2, "paused", hearing), (5, "resumed", {"procedure": "hearing-1"}),
        (7, "step_done", {"task": "review-review"}), (8, "decided", {"result": "grant"}),
        (9, "pause_disallowed", {"name": "hearing-1"}),
    ]  # fmt: skip
    events = [
        ClockEvent(
            id=f"{n}.0", kind=kind, at=MONDAY + timedelta(days=day), article="", detail=detail
        )
        for n, (day, kind, detail) in enumerate(told)
    ]
    before = {line.key: line for line in lines(rules, events[:-1], NONE, plan)}
    changed = {line.key: line for line in lines(rules, events, NONE, plan, len(events) - 1)}
    assert before | changed == {line.key: line for line in lines(rules, events, NONE, plan)}
    kinds = [{one.holder_kind for one in which["promised"].shares} for which in (before, changed)]
    assert kinds == [{"department", "procedure"}, {"department"}]
