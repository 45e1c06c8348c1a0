"""`policy propose` and `policy approve`: two people, each signed in as themselves, and the gate."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest

from policies.policy import ROWS_FILE
from tests.yichuang.registry import city, settings, template
from tests.yichuang.test_activate import PASSWORD, code_of, enrolled
from yichuang.cli import parser_for
from yichuang.commands import policy
from yichuang.settings import Settings

__all__ = ["settings", "template"]

TEXT = ROWS_FILE.read_text("utf-8")
ROW = "section_head, implementing, case, serve, always, allow # 实施主体的科室负责人可送达"
SAID = "\n".join(
    f"#? section_head@food | serve | {situation} | allowed"
    for situation in ("plain", "closed", "task=review-fire", "task=review-fire mine")
)


async def test_a_change_is_proposed_by_one_and_approved_by_another(
    settings: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good, silent = tmp_path / "good.csv", tmp_path / "silent.csv"
    good.write_text(f"{SAID}\n{TEXT}{ROW}\n", "utf-8")
    silent.write_text(f"{TEXT}{ROW}\n", "utf-8")
    async with city(settings) as (town, working), working():
        enrolled(town, "guard1", "secadmin")
        enrolled(town, "guard2", "secadmin")
        enrolled(town, "editor1", "catalogue_editor")

        async def ask(*words: str) -> tuple[int, dict[str, Any]]:
            args = parser_for("policy").parse_args(["policy", *words, "--password-stdin", "--json"])
            lines = f"{PASSWORD}\n{code_of(town, words[-1])}\n"
            monkeypatch.setattr("sys.stdin", io.StringIO(lines))
            client = town.shop.signals.client
            assert client is not None
            here = town.settings.model_copy(
                update={
                    "temporal_address": client.service_client.config.target_host,
                    "temporal_namespace": client.namespace,
                    "temporal_task_queue": "town",
                }
            )
            code = await asyncio.to_thread(policy.run, args, here)
            said = capsys.readouterr().out
            return code, json.loads(said) if said.startswith("{") else {}

        code, told = await ask("propose", str(good), "--as", "editor1")
        assert (code, told["status"]) == (1, "refused")
        code, told = await ask("propose", str(silent), "--as", "guard1")
        assert (code, told["state"]) == (1, "blocked")
        assert any("#? section_head@food | serve" in one for one in told["findings"])
        code, made = await ask("propose", str(good), "--as", "guard1")
        assert (code, made["state"]) == (0, "proposed")
        code, told = await ask("approve", made["release"], "--as", "guard1")
        assert (code, told["status"]) == (1, "refused")
        code, told = await ask("approve", made["release"], "--as", "guard2")
        assert (code, told["state"]) == (0, "active")
        assert any(str(row).startswith("section_head, implementing, case, serve")
                   for row in town.released.policy().rows)  # fmt: skip
