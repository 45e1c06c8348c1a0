"""A running city gets another master key: cases go on, the older key ends once nothing needs it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from audit.masters import key_id
from cases.database import reading
from tests.chaos.city import City
from tests.yichuang.censused import town
from yichuang import joining, keyring
from yichuang.key_log import RETIRED

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

WITHIN = 60.0


def holders(city: City) -> dict[str, dict[str, int]]:
    """Return what stands under each master key, and under none that is named."""
    said = city.answer("keys", "list")
    return {one["id"]: one["holds"] for one in said["keys"]} | {"": said["unnamed"]}


def test_a_key_is_replaced_under_a_running_city_and_the_older_one_ends(tmp_path: Path) -> None:
    with City(tmp_path / "city", {"cipher": "sm4-gcm"}) as city:
        city.start()
        first = key_id(keyring.master_keys(city.settings)[0]).hex()
        second = city.answer("keys", "rotate")["key"]
        city.until(lambda: not holders(city)[first], WITHIN, "rewrapped")
        done = city.command("keys", "retire", first)  # no run has ever begun
        assert done.returncode == 0, done.stderr
        assert set(holders(city)) == {second, ""}
        with reading(city.store("cases")) as connection:
            query = "SELECT count(*) FROM audit_recorded WHERE stream = 'sys:keys:cases'"
            assert connection.execute(text(query)).scalar_one() > 7

        asyncio.run(_a_case_goes_on(city))

        city.until(lambda: not holders(city)[second], WITHIN, "rewrapped")
        refused = city.command("keys", "retire", second)
        assert refused.returncode == 1 and "流程" in refused.stderr
        assert city.answer("audit", "verify")["exit_code"] in (0, 2)
        log = city.command("audit", "tail", "--json").stdout
        assert RETIRED in log, log[-2000:]


async def _a_case_goes_on(city: City) -> None:
    """File under one key, rotate, accept under another; both read, from a process older than it."""
    async with town(city.settings, working=False) as there:
        case = await there.filed()
        city.answer("keys", "rotate")
        await there.accept(case)
        sealer = joining.sealer_of(city.settings, joining.vault_of(city.settings))
        view = joining.queries_of(city.settings, sealer).state(case)
        assert view is not None
        handle = there.handle(case)
        history = (await handle.fetch_history()).to_json()
        used = {key_id(one).hex() for one in keyring.master_keys(city.settings)}
        assert len(used) == 2
        names = {
            one["metadata"]["yichuang-key"]
            for one in _payloads(json.loads(history))
            if "yichuang-key" in one["metadata"]
        }
        assert len(names) == 2, names


def _payloads(node: object) -> list[dict[str, dict[str, str]]]:
    """Return every payload that stands anywhere in a history."""
    if isinstance(node, list):
        return [found for one in node for found in _payloads(one)]
    if not isinstance(node, dict):
        return []
    own = [node] if isinstance(node.get("metadata"), dict) else []
    return own + [found for one in node.values() for found in _payloads(one)]
