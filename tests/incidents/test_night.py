"""A night on a skipping server: the shift changes in the middle, a deputy acts, an alert is taken
back. Who is told is looked up in the real rota, at the instant at which the telling goes out."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from benchmarks import ground
from cases import deliveries, duty
from cases.database import reading
from cases.incident_lists import state_of
from cases.messages import Actor
from cases.notices_out import of_incident
from cases.rota import Shift
from tests.deputies import delegated, ended, in_the_name_of
from tests.incidents.town import DUTY, EVALUATOR, SIGNALS, WATER, Town, actor
from yichuang.incident_door import incident_id_for
from yichuang.notices.finding import CENTRE, Lookup
from yichuang.notices.sending import Finding
from yichuang.settings import Settings
from yichuang.worker import Workshop

NIGHT = actor("yeban", "unit_duty", "sw")
"""The water department's night shift; WATER is on until then."""
SUBSTITUTE = actor("daiban", "certificate_desk", "sw")
"""Holds nothing of incidents; what they may is what is delegated to them."""


@pytest.fixture
def night(town: Town, installed: tuple[Settings, Workshop]) -> Town:
    ground.admit(installed[0], NIGHT, SUBSTITUTE)
    return town


def _shift(town: Town, who: Actor, begin: datetime, hours: float) -> None:
    one = Shift(str(uuid4()), "sw", "duty", who.id, begin, begin + timedelta(hours=hours))
    with town.web.begin() as connection:
        duty.make_shift(connection, one, "u:head", begin)


def _reached(town: Town, incident: str, kind: str) -> list[str]:
    """Who was told this, over the tray, in the order of telling."""
    lookup = Lookup(CENTRE, frozenset())
    while Finding(town.shop.cases, town.web, lookup, town.now).look():
        pass
    with reading(town.shop.cases) as connection:
        notices = [one.id for one in of_incident(connection, incident) if one.kind == kind
                   and one.recipient == "duty:sw"]  # fmt: skip
    with town.web.begin() as connection:
        found = deliveries.of_notices(connection, notices)
    return [delivery.person for one in notices for delivery in found[one]]


async def test_a_shift_that_changes_in_the_middle_takes_over_what_is_told_from_then_on(
    night: Town,
) -> None:
    began = night.now()
    _shift(night, WATER, began, 0.5)
    _shift(night, NIGHT, began + timedelta(minutes=30), 12)
    incident = await night.sent("sw")
    assert _reached(night, incident, "dispatched") == [WATER.id]
    await night.sleep(5.2)
    assert _reached(night, incident, "rung_again") == [WATER.id]
    await night.done(WATER, incident, "acknowledge", {"department": "sw"})
    # An hour without a sign of life: the change of shift lies half an hour back.
    await night.sleep(60.5)
    assert _reached(night, incident, "forgotten") == [NIGHT.id]
    # What was told before stays where it was told.
    assert _reached(night, incident, "rung_again") == [WATER.id]
    await night.done(NIGHT, incident, "progress", {"department": "sw", "text": "夜班接手抢修"})
    assert night.state(incident).units[0].forgotten == 0


async def test_a_deputy_acknowledges_and_answers_under_both_names_while_the_delegation_runs(
    night: Town,
) -> None:
    key = delegated(night.web, WATER, SUBSTITUTE, night.now())
    deputy = in_the_name_of(SUBSTITUTE, WATER)
    incident = await night.sent("sw")
    await night.done(deputy, incident, "acknowledge", {"department": "sw"})
    signed = [one for one in night.entries(f"incident:{incident}") if one["act"] == "acknowledge"]
    assert len(signed) == 1
    assert {"id", "on_behalf"} <= {key for key, value in signed[0]["who"].items() if value}
    assert signed[0]["who"]["id"] != signed[0]["who"]["on_behalf"]
    # The same person in their own name holds nothing of the sort.
    assert await night.refused(SUBSTITUTE, incident, "arrive", {"department": "sw"}) == "no_right"
    # Nor does a deputy act in what the delegator never held.
    grades = {"level": "none", "ground": "复核"}
    assert await night.refused(deputy, incident, "regrade", grades) == "no_right"
    ended(night.web, key, WATER, night.now())
    assert await night.refused(deputy, incident, "arrive", {"department": "sw"}) == "right_ended"


async def test_who_handled_it_through_a_deputy_does_not_check_it(night: Town) -> None:
    key = delegated(night.web, WATER, SUBSTITUTE, night.now())
    deputy = in_the_name_of(SUBSTITUTE, WATER)
    incident = await night.sent("sw")
    for verb, body in (
        ("acknowledge", {"department": "sw"}),
        ("answer", {"department": "sw", "text": "已修复"}),
    ):
        await night.done(deputy, incident, verb, body)
    for one in (WATER, SUBSTITUTE):
        checking = EVALUATOR.model_copy(update={"id": one.id})
        code = await night.refused(checking, incident, "check", {"passed": True})
        assert code == "forbidden"
    await night.done(EVALUATOR, incident, "check", {"passed": True})
    ended(night.web, key, WATER, night.now())


async def test_an_alert_taken_back_in_the_middle_is_told_once_and_ends_nothing_by_itself(
    town: Town,
) -> None:
    incident = incident_id_for(str(uuid4()))
    alert = str(uuid4())
    body = {"type": "waterlogging", "title": "暴雨橙色预警", "level": "orange",
            "signal_ids": [alert]}  # fmt: skip
    await town.done(SIGNALS, incident, "report", body)
    await town.sleep(8)
    passed = set(town.state(incident).passed)
    assert any(one.startswith("rung:") for one in passed) or town.state(incident).units
    taken_back = {"signal_ids": [alert], "text": "误发撤销"}
    await town.done(SIGNALS, incident, "withdraw_signal", taken_back)
    told = [one for one in town.told(incident) if one[0] == "other"]
    assert len(told) == 1
    state = town.state(incident)
    assert (state.withdrawn, state.stage not in ("unfounded", "archived")) == (1, True)
    # The clock of the fifteen minutes still runs: a cancelled alert is decided by a person.
    await town.sleep(8)
    assert set(town.state(incident).passed) > passed
    await town.done(DUTY, incident, "verify", {"true": False, "ground": "发布单位撤销预警"})
    await town.sleep(180)
    with reading(town.shop.cases) as connection:
        found = state_of(connection, incident)
    assert found is not None and found.stage == "unfounded"
    assert [one for one in town.told(incident) if one[0] == "other"] == told
    kinds = [one[0] for one in town.told(incident)]
    assert len(set(found.passed)) == len(found.passed) and kinds.count("reported") <= 1
