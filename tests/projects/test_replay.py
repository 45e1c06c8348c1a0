"""Every kept history of a project replays against today's workflow, sandbox on."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.projects.make import FOLDER, NAMES
from yichuang.temporal import WORKFLOWS


@pytest.mark.parametrize("name", NAMES)
async def test_a_kept_history_replays(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    replayer = Replayer(workflows=list(WORKFLOWS), data_converter=pydantic_data_converter)
    await replayer.replay_workflow(WorkflowHistory.from_json(name, text))
