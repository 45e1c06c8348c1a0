"""Every history that is kept replays against today's workflows, sandbox on."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from tests.histories.changed import ChangedWorkflow
from tests.histories.paths import PATHS
from yichuang.temporal import WORKFLOWS

HISTORIES = Path(__file__).parent.parent / "histories"
FILES = sorted(HISTORIES.glob("*.json"))


def history_of(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.stem, file.read_text(encoding="utf-8"))


def test_every_path_has_its_history() -> None:
    assert {file.name.split(".")[0] for file in FILES} == {path.name for path in PATHS}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_kept_history_replays(file: Path) -> None:
    replayer = Replayer(workflows=list(WORKFLOWS), data_converter=pydantic_data_converter)
    await replayer.replay_workflow(history_of(file))


async def test_a_workflow_changed_without_a_patch_is_caught() -> None:
    replayer = Replayer(workflows=[ChangedWorkflow], data_converter=pydantic_data_converter)
    with pytest.raises(NondeterminismError, match="TMPRL1100"):
        await replayer.replay_workflow(history_of(HISTORIES / "plain-grant.1.json"))
