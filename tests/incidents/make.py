"""Makes the histories beside it: `python -m tests.incidents.make`, once, when a path is new.

Payloads are plain there, so that a replay needs no key; ids and names are the tests' own.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from temporalio.contrib.pydantic import pydantic_data_converter

from tests.incidents.town import (
    ARBITER,
    CITY_ORDER,
    DUTY,
    EVALUATOR,
    WATER,
    Town,
    installation,
    town_of,
)
from workflows.incident import workflow_id

FOLDER = Path(__file__).parent / "histories"


async def whole_life(town: Town) -> str:
    """From the report to the archive, with a second call, a reminder and a lesson."""
    incident = await town.sent("sw")
    await town.sleep(6)
    await town.done(WATER, incident, "acknowledge", {"department": "sw"})
    await town.sleep(61)
    await town.done(WATER, incident, "arrive", {"department": "sw"})
    await town.done(WATER, incident, "answer", {"department": "sw", "text": "已修复"})
    await town.done(EVALUATOR, incident, "check", {"passed": True})
    await town.done(DUTY, incident, "close")
    await town.done(EVALUATOR, incident, "evaluate", {"scores": {"sw": 4}})
    await town.done(EVALUATOR, incident, "archive")
    return incident


async def ruling(town: Town) -> str:
    """Two refusals, a ruling, an escalation to the end; the incident stays open."""
    incident = await town.sent("sw")
    no = {"department": "sw", "ground": "not_ours", "evidence": "附产权图一张"}
    await town.done(WATER, incident, "refuse_dispatch", no)
    await town.done(DUTY, incident, "dispatch", {"units": [{"department": "cgj", "lead": True}]})
    await town.done(CITY_ORDER, incident, "refuse_dispatch", no | {"department": "cgj"})
    await town.sleep(24)
    ruled = {"department": "cgj", "ruling": "moves", "to": "sw", "ground": "产权图为旧图"}
    await town.done(ARBITER, incident, "arbitrate", ruled)
    await town.done(WATER, incident, "acknowledge", {"department": "sw"})
    return incident


PATHS = {"whole-life": whole_life, "ruling": ruling}


async def main() -> None:
    """Write every path's history."""
    FOLDER.mkdir(exist_ok=True)
    with installation() as (settings, shop):
        async with town_of(settings, shop, pydantic_data_converter) as town:
            for name, path in PATHS.items():
                incident = await path(town)
                handle = town.environment.client.get_workflow_handle(workflow_id(incident))
                history = await handle.fetch_history()
                (FOLDER / f"{name}.json").write_text(history.to_json() + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
