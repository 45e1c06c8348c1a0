"""The watch over incidents' timers: whose instant has passed unrung is gone on with from its rows.

A workflow that Temporal lost, or whose timer it lost, begins again or looks at the rows anew; one
that lives and only lags is told nothing that it does not find there. Nobody is told twice: what
rang stands in the rows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from cases import incident_rows
from cases.database import reading
from cases.incidents.orders import IncidentInput
from workflows.incident import IncidentWorkflow, workflow_id

EVERY: Final = timedelta(seconds=30)
GRACE: Final = timedelta(seconds=60)
"""How late a ring may be before it is asked after: a worker that was killed is noticed after
`SETTLE_WITHIN`, and in a storm of timers the server has enough to do."""
AT_MOST: Final = 100
"""Incidents woken in a round, the latest first."""

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

    async def run(self) -> None:
        """Look until cancelled; a server or store that is away waits for the next round."""
        while True:
            try:
                woken = await self.look()
                if woken:
                    _log.warning("逾时未响的突发事件 %d 件，已唤醒", woken)
            except (RPCError, OSError, OperationalError, RuntimeError) as away:
                _log.warning("incidents are not looked at now: %s", away)
            await asyncio.sleep(EVERY.total_seconds())

    async def look(self) -> int:
        """Wake what is overdue; return how many."""
        late = await asyncio.to_thread(self._late)
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

    def _late(self) -> list[str]:
        with reading(self._engine) as connection:
            return list(incident_rows.overdue(connection, self._now() - GRACE, AT_MOST))
