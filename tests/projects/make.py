"""Makes the histories beside it: `python -m tests.projects.make`, once, when a path is new.

Payloads are plain there, so that a replay needs no key; ids and names are the tests' own.
"""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowHistory as History
from temporalio.contrib.pydantic import pydantic_data_converter

from cases import fund as f
from cases.projects import performing_messages as m
from tests.projects.town import (
    CLERK,
    LEAD,
    QUEUE,
    SOURCE,
    Town,
    concession,
    installation,
    paper,
    town_of,
)
from tests.projects.treasury import REVIEWER, plan, treasury_of
from workflows.fund import fund_workflow_id
from workflows.payments import payment_workflow_id
from workflows.performance import performance_workflow_id
from workflows.project import workflow_id
from yichuang.life_watch import PROJECTS, LifeWatch
from yichuang.project_door import project_id_for

FOLDER = Path(__file__).parent / "histories"
NAMES = (
    "a-year-of-it.1", "a-year-of-it.2", "ended-early.1", "never-begun.1", "taken-up.1",
    "evaluated.1", "asked-and-paid.1", "asked-and-paid.2",
)  # fmt: skip


async def a_year_of_it(town: Town) -> tuple[History, ...]:
    """Two milestones and a gate, then the turn of the year: two runs."""
    project = await town.established()
    first = await town.run_now(project)
    for key in ("scheme", "feasibility", "scheme_review"):
        await town.reach(project, key)
    await town.until(date(town.today.year + 1, 1, 2))
    return await _runs(town, (project, first, await town.run_now(project)))


async def ended_early(town: Town) -> tuple[History, ...]:
    """Established, terminated, closed: nobody operates it yet."""
    project = await town.established()
    run = await town.run_now(project)
    end = {
        "ground": "agreed", "reason": "双方协商", "on": town.today.isoformat(),
        "paper": paper("终止协议"),
    }  # fmt: skip
    await town.done(LEAD, project, "terminate", end)
    await town.done(LEAD, project, "finish", {"summary": "了结"})
    return await _runs(town, (project, run))


async def never_begun(town: Town) -> tuple[History, ...]:
    """The first order is refused; nobody gives another, and the run ends by itself."""
    project = project_id_for(str(uuid4()))
    await town.refused(CLERK, project, "establish", concession(town.today, term_years=41))
    run = await town.run_now(project)
    await town.sleep(timedelta(minutes=6))
    return (await town.history(project, run),)


async def taken_up(town: Town) -> tuple[History, ...]:
    """Lost, taken up by the watch from its rows, given an order of which one is refused."""
    project = await town.established()
    await town.environment.client.get_workflow_handle(workflow_id(project)).terminate()
    assert await LifeWatch(
        town.shop.cases, town.environment.client, QUEUE, PROJECTS, town.now
    ).look()
    run = await town.run_now(project)
    await town.done(CLERK, project, "add_risk", {"title": "管线不明", "level": "high"})
    await town.refused(LEAD, project, "close_risk", {"risk": "9", "reason": "?"})
    return (await town.history(project, run),)


async def evaluated(town: Town) -> tuple[History, ...]:
    """The order of one plan of indicators."""
    money, year, key = treasury_of(town.settings, town), town.today.year, str(uuid4())
    project = await town.established(department="zxb")
    done = await money.performance.act(CLERK, SOURCE, key, m.PLAN, project, plan(year, year))
    assert done.status == "done", done
    return (await _of(town, performance_workflow_id(key)),)


async def asked_and_paid(town: Town) -> tuple[History, ...]:
    """A request that is refused, and the opening of the fund."""
    money, project = treasury_of(town.settings, town), await town.established(department="zxb")
    await money.opened(project)
    asked = await money.request(project, town.today.year, 1)
    key = str(uuid4())
    body: dict[str, Any] = {
        "project": project, "department": "zxb", "budget_year": town.today.year, "amount_fen": 1,
        "document": "财〔2026〕1号",
    }  # fmt: skip
    done = await money.fund.act(REVIEWER, SOURCE, key, f.ALLOT, "", body)
    assert (asked.status, done.status) == ("refused", "done")
    return (
        await _of(town, payment_workflow_id(asked.command_id)),
        await _of(town, fund_workflow_id(key)),
    )


async def _of(town: Town, name: str) -> History:
    return await town.environment.client.get_workflow_handle(name).fetch_history()


async def _runs(town: Town, found: tuple[str, ...]) -> tuple[History, ...]:
    project, *runs = found
    return tuple([await town.history(project, run) for run in runs])


async def main() -> None:
    """Write every path's histories that are not there yet, one file for each run."""
    FOLDER.mkdir(exist_ok=True)
    with installation() as (settings, shop):
        async with town_of(settings, shop, pydantic_data_converter) as town, town.working():
            for name, path in (
                ("never-begun", never_begun), ("taken-up", taken_up), ("evaluated", evaluated),
                ("asked-and-paid", asked_and_paid),
                ("ended-early", ended_early), ("a-year-of-it", a_year_of_it),
            ):  # fmt: skip
                if not (FOLDER / f"{name}.1.json").exists():
                    for n, history in enumerate(await path(town), 1):
                        text = history.to_json() + "\n"
                        (FOLDER / f"{name}.{n}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
