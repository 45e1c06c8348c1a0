"""The life of an incident on a real server: from the report to the archive, through the doors."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

from cases import alarms
from cases.database import reading
from cases.messages import Command, Outcome
from tests.incidents.town import (
    ARBITER,
    CITY_ORDER,
    COMMANDER,
    DUTY,
    EVALUATOR,
    SIGNALS,
    WATER,
    Town,
)
from workflows.incident import workflow_id
from workflows.life import SETTLE_URGENT_WITHIN, SETTLE_WITHIN
from yichuang.incident_door import incident_id_for
from yichuang.life_door import URGENT_TASK_WITHIN
from yichuang.life_watch import INCIDENTS, LifeWatch


async def test_an_incident_goes_from_the_report_to_the_archive(town: Town) -> None:
    incident = await town.sent("sw", "cgj", reporter={"name": "李某", "phone": "13800000000"})
    for who, department in ((WATER, "sw"), (CITY_ORDER, "cgj")):
        for verb in ("acknowledge", "set_out", "arrive"):
            await town.done(who, incident, verb, {"department": department})
    await town.done(WATER, incident, "progress", {"department": "sw", "text": "已关阀"})
    await town.done(WATER, incident, "answer", {"department": "sw", "text": "已修复"})
    assert town.state(incident).stage == "handling"
    await town.done(CITY_ORDER, incident, "answer", {"department": "cgj", "text": "路面已清理"})
    await town.done(EVALUATOR, incident, "check", {"passed": True})
    await town.done(DUTY, incident, "close")
    lesson = {"text": "管龄普查", "department": "sw", "due_on": "2100-01-01"}
    await town.done(EVALUATOR, incident, "add_lesson", lesson)
    await town.done(EVALUATOR, incident, "evaluate", {"scores": {"sw": 4, "cgj": 5}})
    assert await town.refused(EVALUATOR, incident, "archive") == "lessons_open"
    await town.done(
        WATER, incident, "finish_lesson", {"lesson": "1", "department": "sw", "text": "已普查"}
    )
    ended = await town.done(EVALUATOR, incident, "archive")
    state = town.state(incident)
    assert (state.stage, state.seq, state.timers) == ("archived", ended.seq, ())
    assert state.number.startswith("云突〔") and ended.case_no == state.number
    assert await town.refused(DUTY, incident, "progress", {"text": "?"}) == "archived"
    entries = town.entries(f"incident:{incident}")
    done = [one for one in entries if one["res"] == "ok"]
    assert [int(one["obj"]["step"]) for one in done] == list(range(1, state.seq + 1))
    assert "李某" not in str(entries) and "13800000000" not in str(entries)


async def test_the_same_order_gets_the_same_answer_and_another_under_its_id_is_refused(
    town: Town,
) -> None:
    incident = await town.reported()
    first = await town.order(DUTY, incident, "verify", {"true": True}, key=f"v-{incident}")
    again = await town.order(DUTY, incident, "verify", {"true": True}, key=f"v-{incident}")
    assert again == first.model_copy(update={"repeated": True})
    other = await town.order(DUTY, incident, "progress", {"text": "?"}, key=f"v-{incident}")
    assert (other.status, other.code) == ("refused", "id_reused")


async def test_who_dispatched_or_handled_it_neither_checks_nor_evaluates(town: Town) -> None:
    incident = await town.sent("sw")
    for verb, body in (
        ("acknowledge", {"department": "sw"}),
        ("answer", {"department": "sw", "text": "已修复"}),
    ):
        await town.done(WATER, incident, verb, body)
    both = EVALUATOR.model_copy(update={"id": DUTY.id})
    assert await town.refused(both, incident, "check", {"passed": True}) == "forbidden"
    deputy = EVALUATOR.model_copy(update={"on_behalf": WATER.id})
    assert await town.refused(deputy, incident, "check", {"passed": True}) == "forbidden"


async def test_a_second_refusal_goes_to_the_arbiter_whose_ruling_binds(town: Town) -> None:
    incident = await town.sent("sw")
    no = {"department": "sw", "ground": "not_ours", "evidence": "该管属小区自建，附产权图"}
    assert (
        await town.refused(WATER, incident, "refuse_dispatch", no | {"evidence": ""})
        == "evidence_missing"
    )
    sent_at = town.state(incident).units[0].dispatched_at
    await town.done(WATER, incident, "refuse_dispatch", no)
    assert town.state(incident).stage == "graded"
    units = [{"department": "cgj", "lead": True}]
    await town.done(DUTY, incident, "dispatch", {"units": units})
    await town.done(CITY_ORDER, incident, "refuse_dispatch", no | {"department": "cgj"})
    state = town.state(incident)
    assert state.disputed is not None and state.disputed.department == "cgj"
    ruling = {"department": "cgj", "ruling": "moves", "to": "sw", "ground": "产权图为旧图"}
    assert await town.refused(DUTY, incident, "arbitrate", ruling) == "no_right"
    await town.done(ARBITER, incident, "arbitrate", ruling)
    assert await town.refused(WATER, incident, "refuse_dispatch", no) == "bound"
    state = town.state(incident)
    assert state.lead is not None and state.lead.department == "sw"
    assert state.dispatched_at is not None and state.dispatched_at <= sent_at
    assert len(state.refusals) == 2
    await town.done(WATER, incident, "acknowledge", {"department": "sw"})


async def test_a_merged_incident_takes_its_signals_along(town: Town) -> None:
    one, other = incident_id_for(str(uuid4())), await town.graded()
    body = {"type": "water_damage", "title": "漏水", "signal_ids": ["s1", "s2"]}
    await town.done(SIGNALS, one, "report", body)
    await town.done(DUTY, one, "merge", {"into": other})
    assert (town.state(one).stage, town.state(one).merged_into) == ("merged", other)
    assert town.state(other).signals == 2
    assert await town.refused(SIGNALS, one, "join", {"signal_ids": ["s3"]}) == "incident_over"


async def test_a_withdrawn_signal_is_told_and_ends_nothing(town: Town) -> None:
    """A CAP Cancel takes its alert back: the duty officer decides."""
    incident = incident_id_for(str(uuid4()))
    body = {"type": "water_damage", "title": "漏水", "signal_ids": ["c1"]}
    await town.done(SIGNALS, incident, "report", body)
    assert (
        await town.refused(SIGNALS, incident, "withdraw_signal", {"signal_ids": ["c9"]})
        == "unknown_signal"
    )
    await town.done(SIGNALS, incident, "withdraw_signal", {"signal_ids": ["c1"]})
    state = town.state(incident)
    assert (state.stage, state.withdrawn) == ("reported", 1)
    assert ("other", "duty:zhzx") in town.told(incident)


async def test_a_response_is_announced_with_every_field_or_refused_with_the_article(
    town: Town,
) -> None:
    incident = await town.graded()
    whole = {
        "matter": "主干管爆裂", "level": 3, "expected_until": "2100-01-01T00:00:00Z",
        "measures": "停水、送水",
    }  # fmt: skip
    for name in whole:
        lacking = {key: value for key, value in whole.items() if key != name}
        outcome = await town.order(COMMANDER, incident, "start_response", lacking)
        assert (outcome.status, outcome.basis, outcome.field) == (
            "refused", "TFSJ-72", f"body.{name}",
        )  # fmt: skip
    await town.done(COMMANDER, incident, "start_response", whole)
    assert await town.refused(COMMANDER, incident, "start_response", whole) == "response_running"
    await town.done(COMMANDER, incident, "adjust_response", whole | {"level": 2})
    state = town.state(incident)
    assert state.response is not None
    # Three axes: none follows from another.
    assert (state.response.level, state.grade, state.level) == (2, "none", state.level)
    assert await town.refused(DUTY, incident, "merge", {"into": await town.graded()}) == (
        "response_running"
    )
    await town.done(COMMANDER, incident, "end_response")


async def test_an_incident_whose_workflow_is_lost_goes_on_from_its_rows(town: Town) -> None:
    incident = await town.reported()
    await town.environment.client.get_workflow_handle(workflow_id(incident)).terminate()
    await town.sleep(3.2)
    watch = LifeWatch(town.shop.cases, town.environment.client, "town", INCIDENTS, now=town.now)
    assert incident not in watch._late()  # not late by more than the grace
    await town.sleep(1.5)
    assert town.state(incident).passed == ()
    assert incident in watch._late() and await watch.look() >= 1
    for _ in range(100):
        if town.state(incident).passed:
            break
        await asyncio.sleep(0.1)
    assert set(town.state(incident).passed) >= {"graded"}
    assert incident not in watch._late()
    await town.done(DUTY, incident, "verify", {"true": True})


async def test_an_order_to_an_incident_that_ended_finds_its_rows(town: Town) -> None:
    """The workflow of what was not so has ended; the archive is still to be ordered."""
    incident = await town.reported()
    await town.done(DUTY, incident, "verify", {"true": False, "ground": "现场没有漏水"})
    await town.environment.client.get_workflow_handle(workflow_id(incident)).result()
    await town.done(COMMANDER, incident, "archive")
    assert town.state(incident).stage == "archived"


async def test_an_order_that_no_door_signed_is_refused_and_alarmed(town: Town) -> None:
    incident = await town.reported()
    asking = town.door._ask

    async def altered(command: Command, urgent: bool) -> Outcome:
        body = {"true": False, "ground": "改过的"}
        return await asking(command.model_copy(update={"body": body}), urgent)

    town.door._ask = altered  # type: ignore[method-assign]
    outcome = await town.order(DUTY, incident, "verify", {"true": True})
    assert outcome.status == "refused" and town.state(incident).verified_at is None
    entry = town.entries(f"incident:{incident}")[-1]
    assert (entry["res"], entry["act"], entry["why"]) == ("deny", "verify", outcome.code)
    with reading(town.shop.cases) as connection:
        keys = [one.alarm.key for one in alarms.open_alarms(connection)]
    assert f"forged_command:incident:{incident}" in keys


async def test_a_dead_worker_is_noticed_sooner_where_it_is_red(town: Town) -> None:
    noticed: dict[str, tuple[timedelta, timedelta]] = {}
    for level in ("red", ""):
        incident = await town.reported(level=level)
        handle = town.environment.client.get_workflow_handle(workflow_id(incident))
        history = await handle.fetch_history()
        begun = history.events[0].workflow_execution_started_event_attributes
        (step,) = [
            one.activity_task_scheduled_event_attributes
            for one in history.events
            if one.HasField("activity_task_scheduled_event_attributes")
        ]
        noticed[level] = (
            begun.workflow_task_timeout.ToTimedelta(), step.start_to_close_timeout.ToTimedelta(),
        )  # fmt: skip
    assert noticed["red"] == (URGENT_TASK_WITHIN, SETTLE_URGENT_WITHIN)
    assert noticed[""][1] == SETTLE_WITHIN
    assert noticed["red"] < noticed[""]
