"""Makes the histories beside it: `python -m tests.projects.make`, once, when a path is new.

Payloads are plain there, so that a replay needs no key; ids and names are the tests' own.
"""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

from temporalio.contrib.pydantic import pydantic_data_converter

from tests.projects.town import LEAD, Town, installation, paper, town_of

FOLDER = Path(__file__).parent / "histories"
NAMES = ("a-year-of-it.1", "a-year-of-it.2", "ended-early.1")


async def a_year_of_it(town: Town) -> tuple[str, ...]:
    """Two milestones and a gate, then the turn of the year: two runs."""
    project = await town.established()
    first = await town.run_now(project)
    for key in ("scheme", "feasibility", "scheme_review"):
        await town.reach(project, key)
    await town.until(date(town.today.year + 1, 1, 2))
    return project, first, await town.run_now(project)


async def ended_early(town: Town) -> tuple[str, ...]:
    """Established, terminated, closed: nobody operates it yet."""
    project = await town.established()
    run = await town.run_now(project)
    end = {
        "ground": "agreed", "reason": "双方协商", "on": town.today.isoformat(),
        "paper": paper("终止协议"),
    }  # fmt: skip
    await town.done(LEAD, project, "terminate", end)
    await town.done(LEAD, project, "finish", {"summary": "了结"})
    return project, run


async def main() -> None:
    """Write every path's histories, one file for each run."""
    FOLDER.mkdir(exist_ok=True)
    with installation() as (settings, shop):
        async with town_of(settings, shop, pydantic_data_converter) as town, town.working():
            for name, path in (("ended-early", ended_early), ("a-year-of-it", a_year_of_it)):
                project, *runs = await path(town)
                for n, run in enumerate(runs, 1):
                    history = await town.history(project, run)
                    text = history.to_json() + "\n"
                    (FOLDER / f"{name}.{n}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
