"""Rule YC-FT-1 and the clock rows on what the approval machine itself makes of random orders."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest

from cases import approval
from cases.clocks import ledger, periods
from cases.clocks.attribution import attribute, ground_of, holdings
from cases.clocks.lines import ClockLine, lines
from cases.state import CaseState, ClockEvent
from catalogue.matters import Matter
from catalogue.working_days import NONE
from tests.clocks.test_machine import walked
from tests.histories.sample import clock_of


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


def test_a_pause_disallowed_after_the_end_divides_the_ended_clock_anew(
    cases: list[tuple[Matter, CaseState]],
) -> None:
    moved = 0
    for seed, (_, state) in enumerate(cases):
        # The promise runs on through procedures: what is found of one moves no period of it.
        events, plan = clock_of(state), state.plan.model_copy(update={"promise_pauses": ()})
        rules = approval.clock_rules(plan)
        paused = [one for one in events if one.kind == "paused"]
        if not paused or not any(one.kind == "decided" for one in events):
            continue
        name = ground_of(paused[0].detail)[1]
        judged = ClockEvent(
            id="999.0", kind="pause_disallowed", at=events[-1].at, article="", detail={"name": name}
        )
        before = {line.key: line for line in lines(rules, events, NONE, plan)}
        told = (*events, judged)
        changed = lines(rules, told, NONE, plan, already=len(events))
        whole = {line.key: line for line in lines(rules, told, NONE, plan)}
        assert before | {line.key: line for line in changed} == whole, seed
        moved += before["promised"].shares != whole["promised"].shares
    assert moved >= 1
