"""What Temporal's visibility says of cases' workflows: which ended, which fail, which are gone.

Visibility is only asked whom to look at; it decides nothing, for it lags behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    ListWorkflowExecutionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from cases import census
from cases.database import reading
from workflows.approval import workflow_id

PAGE = 1000
MOST = 5000
"""Workflows listed at most in one answer; counting finds what is left out."""
FEW = 200
"""A span of beginnings with so few runs is listed; a longer one is divided first."""
WITHIN = timedelta(seconds=20)
"""For one call; a server that takes longer is away."""
_OURS = "WorkflowType = 'approval'"
_RUNNING = f"{_OURS} AND ExecutionStatus = 'Running'"
_PREFIX = workflow_id("")


async def away(client: Client, task_queue: str) -> str:
    """Return a sentence when nothing can be proven now; empty when server and worker answer."""
    service = client.workflow_service
    try:
        await service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=WITHIN
        )
        queue = await service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=task_queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            ),
            timeout=WITHIN,
        )
    except (RPCError, RuntimeError) as error:
        return f"流程引擎不应答（{error}）"
    return "" if queue.pollers else "没有进程在领取任务"


@dataclass(frozen=True, slots=True)
class Visible:
    """Asks visibility, and the census's rows beside it."""

    client: Client
    engine: Engine

    async def failing(self) -> list[str]:
        """Return the cases whose workflow tasks fail again and again, as the server reports."""
        query = f"{_RUNNING} AND TemporalReportedProblems IS NOT NULL"
        return [_case_id(one) async for one in self._listed(query)]

    async def closed_since(self, since: datetime) -> list[str]:
        """Return the cases whose run, as last seen, was closed since then."""
        query = f"{_OURS} AND CloseTime >= '{_text(since)}' AND ExecutionStatus != 'ContinuedAsNew'"
        closed = {(_case_id(one), one.execution.run_id) async for one in self._listed(query)}
        runs = await asyncio.to_thread(self._runs, sorted({case_id for case_id, _ in closed}))
        return sorted(case_id for case_id, run in closed if runs.get(case_id) == run)

    async def differing(self, until: datetime, unfiled: datetime) -> list[str]:
        """Return cases in whose neighbourhood fewer or more workflows run than were last seen.

        Runs that began before `unfiled` are counted; later ones, where workflows without a case
        may stand among them, are listed.
        """
        found = await self._counted(None, unfiled)
        return found + await self._listed_between(unfiled, until)

    async def _counted(self, since: datetime | None, until: datetime) -> list[str]:
        here, middle = await asyncio.to_thread(self._here, since, until)
        query = f"{_RUNNING}{_span(since, until)}"
        counted = await self.client.workflow_service.count_workflow_executions(
            CountWorkflowExecutionsRequest(namespace=self.client.namespace, query=query),
            timeout=WITHIN,
        )
        if counted.count == here:
            return []
        if not counted.count:
            return sorted(await asyncio.to_thread(self._began, since, until))
        if max(here, counted.count) <= FEW or middle is None or middle in (since, until):
            return await self._listed_between(since, until)
        found = await self._counted(since, middle)
        return found if len(found) > MOST else found + await self._counted(middle, until)

    async def _listed_between(self, since: datetime | None, until: datetime) -> list[str]:
        query = f"{_RUNNING}{_span(since, until)}"
        there = {_case_id(one) async for one in self._listed(query)}
        here = await asyncio.to_thread(self._began, since, until)
        return sorted(here ^ there)

    async def _listed(self, query: str) -> AsyncIterator[WorkflowExecutionInfo]:
        request = ListWorkflowExecutionsRequest(
            namespace=self.client.namespace, page_size=PAGE, query=query
        )
        told = 0
        while told < MOST:
            page = await self.client.workflow_service.list_workflow_executions(
                request, timeout=WITHIN
            )
            for one in page.executions:
                yield one
            told += len(page.executions)
            if not page.next_page_token:
                return
            request.next_page_token = page.next_page_token

    # --- rows ---

    def _runs(self, case_ids: list[str]) -> dict[str, str]:
        with reading(self.engine) as connection:
            return census.runs_of(connection, case_ids)

    def _here(self, since: datetime | None, until: datetime) -> tuple[int, datetime | None]:
        with reading(self.engine) as connection:
            count = census.count_started(connection, since, until)
            return count, census.middle_start(connection, since, until, count)

    def _began(self, since: datetime | None, until: datetime) -> set[str]:
        with reading(self.engine) as connection:
            return set(census.started_between(connection, since, until, MOST))


def _case_id(one: WorkflowExecutionInfo) -> str:
    return one.execution.workflow_id.removeprefix(_PREFIX)


def _span(since: datetime | None, until: datetime) -> str:
    began = f" AND StartTime >= '{_text(since)}'" if since else ""
    return f"{began} AND StartTime < '{_text(until)}'"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
