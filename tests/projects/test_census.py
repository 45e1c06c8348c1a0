"""A project whose instant passed unrung is counted, told by number, rings again, and is well."""

from __future__ import annotations

from datetime import datetime, timedelta

from cases import alarms
from cases.census_view import LATE_LIFE_AFTER, as_json, census_view, shortly
from cases.database import reading
from tests.projects.town import Town
from workflows.project import workflow_id
from yichuang.census_telling import Done, Pace, Teller
from yichuang.life_watch import PROJECTS, LifeWatch

TICK = timedelta(microseconds=1)


async def test_an_instant_of_a_project_that_did_not_ring_in_three_minutes_is_told_and_rings(
    town: Town,
) -> None:
    project = await town.established()
    await town.environment.client.get_workflow_handle(workflow_id(project)).terminate()
    due, number = town.state(project).timers[0].due_at, town.state(project).number
    last = due + LATE_LIFE_AFTER
    assert _late(town, last) == set()
    assert _late(town, last + TICK) == {project}
    with reading(town.shop.cases) as connection:
        view = census_view(connection, last + TICK)
    assert not view.is_well and number in shortly(view)
    assert as_json(view)["projects_overdue"] == 1
    teller = Teller(town.shop.cases, town.shop.alarms, Pace(), "w")
    assert teller.take(town.now())
    assert teller.tell(last + TICK, Done(0, unread=False))["projects_overdue"] == 1
    (alarm,) = _alarms(town)
    assert number in alarm
    await town.until((due + timedelta(days=1)).date())
    assert _late(town, town.now()) == {project}
    watch = LifeWatch(town.shop.cases, town.environment.client, "town", PROJECTS, now=town.now)
    await watch.look()
    await town.until(town.today, hour=10)
    assert _late(town, town.now()) == set()
    assert teller.tell(town.now(), Done(0, unread=False))["projects_overdue"] == 0
    assert _alarms(town) == []


def _late(town: Town, at: datetime) -> set[str]:
    with reading(town.shop.cases) as connection:
        return {one.id for one in census_view(connection, at).late_projects}


def _alarms(town: Town) -> list[str]:
    with reading(town.shop.cases) as connection:
        found = alarms.open_alarms(connection)
    return [one.alarm.text for one in found if one.alarm.key == "census:projects"]
