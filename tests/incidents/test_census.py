"""Lives that Temporal lost are found before their instants; instants that did not ring are told."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio.client import WorkflowExecutionStatus

from cases import alarms
from cases.census_view import LATE_LIFE_AFTER, census_view, shortly
from cases.database import reading
from tests.incidents.town import DUTY, Town
from workflows.incident import workflow_id
from yichuang.census_telling import Done, Pace, Teller
from yichuang.life_watch import AT_MOST, INCIDENTS, LifeWatch

TICK = timedelta(microseconds=1)


async def test_a_life_that_is_gone_is_begun_again_before_its_instant_and_no_other_is_touched(
    town: Town,
) -> None:
    lost, well = [await town.reported() for _ in range(2)]
    client = town.environment.client
    run = (await client.get_workflow_handle(workflow_id(well)).describe()).run_id
    await client.get_workflow_handle(workflow_id(lost)).terminate()
    watch = LifeWatch(town.shop.cases, client, "town", INCIDENTS, now=town.now)
    assert not {lost, well} & set(watch._late())
    await watch.look()
    found = await client.get_workflow_handle(workflow_id(lost)).describe()
    assert found.status is WorkflowExecutionStatus.RUNNING
    assert (await client.get_workflow_handle(workflow_id(well)).describe()).run_id == run
    await town.sleep(3.2)
    assert "graded" in town.state(lost).passed
    assert not await _begun_anew(watch, town, lost)


async def _begun_anew(watch: LifeWatch, town: Town, incident: str) -> bool:
    handle = town.environment.client.get_workflow_handle(workflow_id(incident))
    before = (await handle.describe()).run_id
    await watch.look()
    return (await handle.describe()).run_id != before


async def test_a_round_goes_on_where_the_last_one_ended_until_all_were_asked_after(
    town: Town,
) -> None:
    incidents = {await town.reported() for _ in range(3)}
    watch = LifeWatch(town.shop.cases, town.environment.client, "town", INCIDENTS, now=town.now)
    seen = watch._waiting()
    assert incidents <= set(seen) and len(seen) < AT_MOST
    ended = min(incidents)
    await town.done(DUTY, ended, "verify", {"true": False, "ground": "误报"})
    assert ended not in watch._waiting()


async def test_an_instant_that_did_not_ring_in_three_minutes_is_told_by_number_and_rings(
    town: Town,
) -> None:
    incident = await town.reported()
    await town.environment.client.get_workflow_handle(workflow_id(incident)).terminate()
    due, number = town.state(incident).timers[0].due_at, town.state(incident).number
    last = due + LATE_LIFE_AFTER
    assert incident not in _late(town, last)
    assert incident in _late(town, last + TICK)
    with reading(town.shop.cases) as connection:
        view = census_view(connection, last + TICK)
    assert not view.is_well and view.wrong_count >= 1 and number in shortly(view)
    teller = Teller(town.shop.cases, town.shop.alarms, Pace(), "w")
    assert teller.take(town.now())
    teller.tell(last + TICK, Done(0, unread=False))
    (rung,) = _alarms(town)
    assert number in rung
    await town.sleep(5)
    watch = LifeWatch(town.shop.cases, town.environment.client, "town", INCIDENTS, now=town.now)
    await watch.look()
    await town.sleep(0.1)
    assert incident not in _late(town, town.now())
    # Another test's incident may be late by now; this one is not among them.
    teller.tell(town.now(), Done(0, unread=False))
    assert not any(number in one for one in _alarms(town))


def _late(town: Town, at: datetime) -> set[str]:
    with reading(town.shop.cases) as connection:
        return {one.id for one in census_view(connection, at).late_incidents}


def _alarms(town: Town) -> list[str]:
    with reading(town.shop.cases) as connection:
        found = alarms.open_alarms(connection)
    return [one.alarm.text for one in found if one.alarm.key == "census:incidents"]
