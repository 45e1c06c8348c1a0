"""The watch over incidents' timers: whose instant has passed unrung is gone on with from its rows.

A workflow that Temporal lost, or whose timer it lost, begins again or looks at the rows anew; one
that lives and only lags is told nothing that it does not find there. Nobody is told twice: what
rang stands in the rows. A share of those that still wait is asked after in each round, so that a
life that is gone is found before its instant.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from cases import incident_rows
from cases.database import reading
from cases.incidents.orders import IncidentInput
from workflows.incident import IncidentWorkflow, workflow_id

EVERY: Final = timedelta(seconds=30)
GRACE: Final = timedelta(seconds=60)
"""How late a ring may be before it is asked after: a worker that was killed is noticed after
`SETTLE_WITHIN`, and in a storm of timers the server has enough to do."""
AT_MOST: Final = 100
"""Incidents woken in a round, the latest first; and so many that wait are asked after: 2,000 open
ones within ten minutes."""

_log = logging.getLogger("yichuang.incident_watch")


class IncidentWatch:
    """Wakes incidents whose instant passed unrung. Any number of workers may do so at once."""

    def __init__(
        self,
        engine: Engine,
        client: Client,
        task_queue: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`engine` is the cases store, which is only read here."""
        self._engine, self._client, self._queue, self._now = engine, client, task_queue, now
        self._last = ""

    async def run(self) -> None:
        """Look until cancelled; a server or store that is away waits for the next round."""
        while True:
            try:
                woken = await self.look()
                if woken:
                    _log.warning("逾时未响或没有流程的突发事件 %d 件，已唤醒", woken)
            except (RPCError, OSError, OperationalError, RuntimeError) as away:
                _log.warning("incidents are not looked at now: %s", away)
            await asyncio.sleep(EVERY.total_seconds())

    async def look(self) -> int:
        """Wake what is overdue, and what waits without a workflow; return how many."""
        late = await asyncio.to_thread(self._late)
        for incident_id in await asyncio.to_thread(self._waiting):
            if incident_id not in late and not await self._lives(incident_id):
                late.append(incident_id)
        for incident_id in late:
            await self._client.start_workflow(
                IncidentWorkflow.run,
                IncidentInput(incident_id=incident_id, wake=True),
                id=workflow_id(incident_id),
                task_queue=self._queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal="wake",
            )
        return len(late)

    async def _lives(self, incident_id: str) -> bool:
        handle = self._client.get_workflow_handle(workflow_id(incident_id))
        try:
            found = await handle.describe()
        except RPCError as no:
            if no.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return found.status is WorkflowExecutionStatus.RUNNING

    def _waiting(self) -> list[str]:
        with reading(self._engine) as connection:
            found = list(incident_rows.waiting_after(connection, self._last, AT_MOST))
        self._last = found[-1] if len(found) == AT_MOST else ""
        return found

    def _late(self) -> list[str]:
        with reading(self._engine) as connection:
            return list(incident_rows.overdue(connection, self._now() - GRACE, AT_MOST))
