"""Every story of the demo city's projects goes to its stop by real orders, and once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, func, select, true

from benchmarks import ground
from cases import fund_rows, performance_rows
from cases.database import reading
from cases.fund_tables import fund_order
from cases.messages import Actor
from cases.plan_tables import plan_report
from cases.project_lists import Filters, projects, state_of
from cases.project_tables import project_event
from cases.projects.messages import project_id_for
from cases.projects.performing_state import Performance
from catalogue.kpis import load_kpis
from tests.projects.town import Town, installation, town_of
from yichuang.demo_people import PROJECTS
from yichuang.demo_performance import TALES, report_plan
from yichuang.demo_projects import MILLION, STORIES, ProjectTeller, tell_performance
from yichuang.fund_door import FundDoor
from yichuang.payment_door import PaymentDoor
from yichuang.performance_door import PerformanceDoor
from yichuang.plan_door import PlanDoor
from yichuang.settings import Settings

pytestmark = pytest.mark.timeout(300)


def teller_of(town: Town, settings: Settings) -> ProjectTeller:
    people = {
        one.login: Actor(id=f"u:{one.login}", department=one.department, grants=one.grants)
        for one in PROJECTS
    }
    ground.admit(settings, *people.values())
    given: dict[str, Any] = {
        "access": town.door._access,
        "engine": town.shop.cases,
        "refusals": town.door._refusals,
    }
    client, queue = town.door._client, town.door._task_queue
    return ProjectTeller(
        town.door,
        FundDoor(client, queue, **given),
        PaymentDoor(client, queue, **given),
        town.shop.cases,
        people,
    )


async def test_every_story_stops_where_it_is_to_and_told_again_changes_nothing() -> None:
    with installation() as (settings, shop):
        async with town_of(settings, shop) as town, town.working():
            teller = teller_of(town, settings)

            def counted() -> tuple[int, ...]:
                with reading(shop.cases) as connection:
                    return (
                        connection.execute(
                            select(func.count()).select_from(project_event)
                        ).scalar_one(),
                        connection.execute(
                            select(func.count()).select_from(fund_order)
                        ).scalar_one(),
                    )

            await teller.open_fund()
            for number in range(len(STORIES)):
                await teller.tell(number)
            first = counted()
            for number in range(len(STORIES)):
                await teller.tell(number)
            assert counted() == first
            with reading(shop.cases) as connection:
                for number, story in enumerate(STORIES):
                    state = state_of(connection, project_id_for(f"demo-project-{number}"))
                    assert state is not None
                    assert sum(one.achieved for one in state.milestones) == story.reached
                    assert bool(state.operator) == story.signed
                listed = projects(connection, true(), Filters())
                assert len(listed) == len(STORIES)
                assert {one.slippage for one in listed} >= {"none", "red"}
                allotted = sum(one.allotted for one in STORIES) * MILLION
                assert fund_rows.allotted_fen(connection) == allotted
            await evaluated_and_reported(town, teller)


async def evaluated_and_reported(town: Town, teller: ProjectTeller) -> None:
    """The years of two projects, and the plan's numbers; told twice they are there once."""
    given: dict[str, Any] = {
        "access": town.door._access, "engine": town.shop.cases, "refusals": town.door._refusals,
    }  # fmt: skip
    client, queue = town.door._client, town.door._task_queue
    for _ in range(2):
        await tell_performance(town.shop.cases, PerformanceDoor(client, queue, **given),
                               teller.actors)  # fmt: skip
        await report_plan(
            load_kpis(), PlanDoor(client, queue, **given).report, list(teller.actors.values()),
            town.today,
        )  # fmt: skip
    with reading(town.shop.cases) as connection:
        stages = {
            number: [one.stage for one in state.evaluations]
            for number in TALES
            if (state := state_of_performance(connection, number)) is not None
        }
        reported = connection.execute(select(func.count()).select_from(plan_report)).scalar_one()
    assert stages == {
        2: ["confirmed", "confirmed", "objected"], 3: ["confirmed", "confirmed", "given"],
    }  # fmt: skip
    assert reported == len([one for one in load_kpis().kpis if not one.own])


def state_of_performance(connection: Connection, number: int) -> Performance | None:
    return performance_rows.state_of(connection, project_id_for(f"demo-project-{number}"))
