"""The gate of workflow code on the histories of a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.histories.changed import ChangedWorkflow
from tests.yichuang.censused import Ground, served, town
from workflows.approval import ApprovalWorkflow, workflow_id
from yichuang.workflow_gate import WorkflowGate, running

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with served() as there:
        yield there


async def test_what_runs_in_a_city_replays_and_stops_a_changed_workflow(ground: Ground) -> None:
    async with town(ground.settings) as there:
        case = await there.filed()
        await there.until_well()

        async def tried(workflow: type) -> tuple[int, list[str]]:
            sample = running(there.client, (workflow,), datetime.now(UTC))
            gate = WorkflowGate(
                there.engine, (workflow,), there.client.data_converter, sample, tuple,
                lambda: datetime.now(UTC),
            )  # fmt: skip
            return await gate.tried()

        count, faults = await tried(ApprovalWorkflow)
        while not count:  # what was begun just now is listed a moment later
            await asyncio.sleep(0.2)
            count, faults = await tried(ApprovalWorkflow)
        assert (count, faults) == (1, [])
        count, faults = await tried(ChangedWorkflow)
        assert count == 1 and workflow_id(case) in faults[0]
