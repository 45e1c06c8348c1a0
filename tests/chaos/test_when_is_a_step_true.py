"""First history, then rows, then the answer: whoever dies in between, and nobody asks again.

Each trial kills the Temporal server, the worker or both while steps are between acceptance and
commit, and between commit and answer; the clients go away for good. Afterwards rows and workflow
must agree on every case, and every accepted order must be settled once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import select
from temporalio.client import Client
from temporalio.service import RPCError

from benchmarks import ground
from benchmarks.step import CLERK, PEOPLE, REVIEWER, SOURCE, TASK, catalogue, steps_of_a_case
from cases import tables
from cases.database import open_engine, reading
from cases.messages import Actor, Outcome
from cases.queries import Queries
from cases.reception import Request
from tests.chaos.slow_worker import commits_first
from workflows.approval import ApprovalWorkflow, workflow_id
from yichuang import joining, temporal
from yichuang.reception import CityReception
from yichuang.refusals import RefusalLog

CASES = 4
"""As many as the worker settles at once: half are met before the commit, half after."""
AGREE_WITHIN = 45.0


@dataclass
class Town:
    server: ground.TemporalServer
    worker: ground.Process
    client: Client
    queries: Queries
    reception: CityReception
    markers: Path

    async def order(self, who: Actor, verb: str, case_id: str, body: dict[str, Any]) -> Outcome:
        request = Request(id=str(uuid4()), verb=verb, body=body, case_id=case_id)
        (outcome,) = await self.reception.handle(who, SOURCE, (request,))
        return outcome

    async def file(self) -> str:
        """File a case; of every two, one is met before its commit and one after."""
        who, verb, body = steps_of_a_case()[0]
        case_id = str(uuid4())
        outcome = await self.order(who, verb, case_id, body)
        assert outcome.status == "done", outcome
        return case_id

    async def file_evenly(self, count: int) -> list[str]:
        cases: list[str] = []
        while len(cases) < count:
            case_id = await self.file()
            if sum(commits_first(one) == commits_first(case_id) for one in cases) < count // 2:
                cases.append(case_id)
        return cases

    def commands(self, case_id: str) -> list[str]:
        step = tables.step.c
        with reading(self.queries.engine) as connection:
            rows = connection.execute(
                select(step.command_id).where(step.case_id == case_id).order_by(step.seq)
            )
            return [row.command_id for row in rows]

    async def disagreement(self, case_id: str) -> str:
        """Return where rows and workflow differ; empty when they say the same."""
        handle = self.client.get_workflow_handle_for(ApprovalWorkflow.run, workflow_id(case_id))
        try:
            remembered = await handle.query(ApprovalWorkflow.state)
        except RPCError as unheard:  # a worker that has just come back polls a moment later
            return f"{case_id}: {unheard}"
        shown = self.queries.state(case_id)
        if remembered != shown:
            return (
                f"{case_id}: workflow {remembered and remembered.seq}, rows {shown and shown.seq}"
            )
        accepted = [
            event.workflow_execution_update_accepted_event_attributes.accepted_request.meta.update_id
            for event in (await handle.fetch_history()).events
            if event.HasField("workflow_execution_update_accepted_event_attributes")
        ]
        rows = self.commands(case_id)
        return "" if accepted == rows else f"{case_id}: accepted {accepted}, rows {rows}"


@pytest_asyncio.fixture
async def town() -> AsyncIterator[Town]:
    with ground.installed() as settings:
        markers = settings.data / "markers"
        markers.mkdir()
        ground.admit(settings, *PEOPLE)
        server = ground.TemporalServer(settings)
        worker = ground.worker(settings, "tests.chaos.slow_worker", str(markers))
        try:
            server.start()
            await server.until_ready()
            worker.start()
            worker.until_it_says(ground.READY)
            client = await temporal.connect(settings)
            sealer = joining.sealer_of(settings, joining.vault_of(settings))
            queries = joining.queries_of(settings, sealer)
            reception = CityReception(
                client,
                settings.temporal_task_queue,
                access=joining.access_of(settings, "web"),
                queries=queries,
                catalogue=catalogue,
                refusals=RefusalLog(open_engine(settings.store_url("web")), "web", sealer.who),
            )
            yield Town(server, worker, client, queries, reception, markers)
        finally:
            worker.kill()
            server.kill()


async def wound(town: Town, cases: list[str], victim: str) -> None:
    """Order a step in every case, kill the victim while all are under way, let nobody ask again."""
    (town.markers / "pause").touch()
    asking = [asyncio.create_task(town.order(CLERK, "accept", one, {})) for one in cases]
    deadline = time.monotonic() + 15
    while not all((town.markers / one).exists() for one in cases):
        assert time.monotonic() < deadline, "the steps are not under way"
        await asyncio.sleep(0.02)
    if victim in ("server", "both"):
        town.server.kill()
    if victim in ("worker", "both"):
        town.worker.kill()
    for task in asking:
        task.cancel()
    for task in asking:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
    (town.markers / "pause").unlink()


async def mend(town: Town, victim: str) -> None:
    if victim in ("server", "both"):
        town.server.start()
        await town.server.until_ready()
    if victim in ("worker", "both"):
        town.worker.said.unlink()
        town.worker.start()
        town.worker.until_it_says(ground.READY)


async def agree(town: Town, cases: list[str]) -> list[str]:
    """Wait until rows and workflows agree on the step; return what still differs at the end."""
    deadline = time.monotonic() + AGREE_WITHIN
    while True:
        found = [await town.disagreement(one) for one in cases]
        unsettled = [one for one in cases if len(town.commands(one)) != 2]
        left = [text for text in found if text] + unsettled
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.3)


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_rows_and_workflow_agree_whoever_dies_and_nobody_asks_again(town: Town) -> None:
    for victim in ("server", "worker", "both"):
        cases = await town.file_evenly(CASES)
        await wound(town, cases, victim)
        await mend(town, victim)
        assert await agree(town, cases) == [], victim
        # The case goes on: what was accepted in the dark is what the next step builds on.
        body = {"task": TASK, "result": "agree", "text": "同意"}
        for one in cases:
            outcome = await town.order(REVIEWER, "opine", one, body)
            assert (outcome.status, outcome.seq) == ("done", 3), (victim, outcome)
