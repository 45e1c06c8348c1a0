"""Both clocks on what the approval machine itself makes of orders drawn at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from cases import approval
from cases.approval.clocks import clock_rules
from cases.clocks import ledger, periods
from cases.messages import Command
from cases.settling import RuleForbids
from cases.state import CaseState, ClockEvent
from catalogue.matters import Matter
from catalogue.working_days import NONE
from tests.cases.test_approval_total import BODIES_TRIED as BODIES
from tests.clocks.by_day import tell
from tests.clocks.plans import table_of, timetable_for
from tests.clocks.twice import compared, is_told_twice, ordered
from tests.histories.sample import (
    JOINT,
    MONDAY,
    PlainSettlement,
    body_of_file,
    clock_of,
    matter,
    order,
)
from workflows.approval import timer_command

EVERY_DAY = table_of(NONE)
MATTERS: list[dict[str, Any]] = [
    {}, JOINT, {**JOINT, "时限起算": "receipt"}, {"办件类型": "on_the_spot"}, {"容缺受理": None},
]  # fmt: skip
ENDING = ("withdraw", "refuse_acceptance", "not_required")
UNCOUNTED = ("rectify", "check")
"""Clocks of the time after a case, of which the law says nothing: not told twice."""


def walked(seed: int) -> tuple[Matter, CaseState]:
    """Return a case after possible orders only; what time alone does happens among them."""
    random = Random(seed)
    sample = matter(**random.choice(MATTERS))
    settlement = PlainSettlement(sample)
    channel = random.choice(("window", "computer"))
    materials = [{"code": "form"}, {"code": "plan"}][: random.randint(1, 2)]
    state, _ = settlement.walk(
        None, order("file", body_of_file(channel=channel, materials=materials))
    )
    at = MONDAY
    for number in range(random.randrange(6, 36)):
        at += timedelta(minutes=random.choice((0, 7, 60, 900, 1440, 3000)))
        command = next(possible(state, at, random, f"{number}"), None)
        if command is None:
            break
        at = max(at, command.occurred_at)
        try:
            state, _ = settlement.walk(state, command)
        except RuleForbids:
            continue  # time alone changed the case before the order came
    return sample, state


def possible(state: CaseState, at: datetime, random: Random, name: str) -> Iterator[Command]:
    """Yield orders that may be given now, in an order drawn; what ends the case seldom first."""
    if state.timers and random.random() < 0.1:
        yield from (timer_command("case-1", one) for one in approval.pending_timers(state)[:1])
    verbs = list(approval.actions(state))
    random.shuffle(verbs)
    verbs.sort(key=lambda verb: verb in ENDING and random.random() < 0.9)
    for verb in verbs:
        for body in random.sample(BODIES[verb], len(BODIES[verb])):
            who = random.choice(("u:a", "u:b", "u:c"))
            command = order(verb, body, at=at, who=who, role="organ_head", name=name)
            if approval.impossible(state, command) is None:
                yield command


def differences(sample: Matter, events: tuple[ClockEvent, ...]) -> list[object]:
    until = max(event.at for event in events)
    rules = [r for r in clock_rules(approval.plan_of(sample, "d" * 64)) if r.clock not in UNCOUNTED]
    ours = ordered(
        ledger(one, NONE, sample.zone, until)
        for one in periods(rules, events)
        if is_told_twice(one.key)
    )
    runs = tell(timetable_for(sample), EVERY_DAY, events, until)
    return list(compared(ours, runs, EVERY_DAY))


@pytest.fixture(scope="module")
def cases() -> list[tuple[Matter, CaseState]]:
    return [walked(seed) for seed in range(80)]


def test_no_case_that_the_machine_makes_is_told_differently(
    cases: list[tuple[Matter, CaseState]],
) -> None:
    for seed, (sample, state) in enumerate(cases):
        assert differences(sample, clock_of(state)) == [], seed


def test_the_machines_cases_hold_what_happens_to_clocks(
    cases: list[tuple[Matter, CaseState]],
) -> None:
    kinds: Counter[str] = Counter()
    for _, state in cases:
        kinds.update({event.kind for event in clock_of(state)})
    assert min(kinds[kind] for kind in HELD) >= 3, kinds


HELD = (
    "received", "noticed", "supplied", "accepted", "deemed_accepted", "paused", "resumed",
    "extended", "decided", "delivered", "withdrawn", "step_opened", "step_done",
    "pause_disallowed", "hearing_right_told",
)  # fmt: skip
