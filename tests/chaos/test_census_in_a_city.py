"""In a living city a workflow is ended behind its back; a minute later the city says 0/0 again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.city import City
from tests.yichuang.censused import town

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

WITHIN = 60.0


def told(city: City) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(city.command("census", "--json").stdout)
    return answer


async def filed(city: City, number: int) -> list[str]:
    async with town(city.settings, working=False) as there:
        return [await there.filed() for _ in range(number)]


async def ended(city: City, case: str) -> None:
    async with town(city.settings, working=False) as there:
        await there.handle(case).terminate()


async def accepted(city: City, case: str) -> int:
    """Accept a case; return where its rows stand then."""
    async with town(city.settings, working=False) as there:
        await there.accept(case)
        return there.seq(case)


def test_a_workflow_ended_behind_its_back_is_named_and_mended_within_a_minute(
    tmp_path: Path,
) -> None:
    with City(tmp_path) as city:
        city.start()
        case, other = asyncio.run(filed(city, 2))
        city.until(lambda: told(city)["watched"] == 2 and told(city)["well"], WITHIN, "0/0")
        asyncio.run(ended(city, case))

        def is_named() -> bool:
            return [one["case_id"] for one in told(city)["cases"]] == [case]

        city.until(is_named, WITHIN, "named")
        assert city.command("status").returncode == 1
        assert "定时器对账 1/0" in city.command("status").stdout
        city.until(lambda: bool(told(city)["well"]), WITHIN, "0/0 again")
        assert [one["case_id"] for one in told(city)["mended"]] == [case]
        assert city.command("status").returncode == 0
        assert asyncio.run(accepted(city, case)) == 2
        assert asyncio.run(accepted(city, other)) == 2
        # The log may lag behind the rows for a moment: "incomplete" until it is drained.
        city.until(lambda: city.command("audit", "verify").returncode == 0, WITHIN, "verified")
