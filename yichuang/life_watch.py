"""The watch over timers of incidents and projects: what should have rung goes on from its rows.

A workflow that Temporal lost, or whose timer it lost, begins again or looks at the rows anew; one
that lives and only lags is told nothing that it does not find there. Nobody is told twice: what
rang stands in the rows. A share of those that still wait is asked after in each round, so that a
life that is gone is found before its instant.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from cases import incident_rows, project_rows
from cases.database import reading
from cases.incidents.orders import IncidentInput
from cases.messages import Frozen
from cases.projects.orders import ProjectInput
from workflows import incident, project

EVERY: Final = timedelta(seconds=30)
GRACE: Final = timedelta(seconds=60)
"""How late a ring may be before it is asked after: a worker that was killed is noticed after
`SETTLE_WITHIN`, and in a storm of timers the server has enough to do."""
AT_MOST: Final = 100
"""Lives woken in a round, the latest first; and so many that wait are asked after: 2,000 open ones
within ten minutes."""

_log = logging.getLogger("yichuang.life_watch")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of life: how its rows tell who is late, and how its workflow is begun."""

    title: str
    late: Callable[[Connection, datetime, int], Sequence[str]]
    waiting: Callable[[Connection, str, int], Sequence[str]]
    """Which wait for an instant, by id from the one given on."""
    run: Any
    given: Callable[[str], Frozen]
    """With what a run begins that goes on from the rows."""
    name: Callable[[str], str]


INCIDENTS: Final = Kind(
    "突发事件",
    incident_rows.overdue,
    incident_rows.waiting_after,
    incident.IncidentWorkflow.run,
    lambda life: IncidentInput(incident_id=life, wake=True),
    incident.workflow_id,
)
PROJECTS: Final = Kind(
    "项目",
    project_rows.overdue,
    project_rows.waiting_after,
    project.ProjectWorkflow.run,
    lambda life: ProjectInput(project_id=life, wake=True),
    project.workflow_id,
)


class LifeWatch:
    """Wakes lives whose instant passed unrung. Any number of workers may do so at once."""

    def __init__(
        self,
        engine: Engine,
        client: Client,
        task_queue: str,
        kind: Kind,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`engine` is the cases store, which is only read here."""
        self._engine, self._client, self._queue, self._now = engine, client, task_queue, now
        self._kind = kind
        self._last = ""

    async def run(self) -> None:
        """Look until cancelled; a server or store that is away waits for the next round."""
        while True:
            try:
                woken = await self.look()
                if woken:
                    _log.warning("逾时未响或没有流程的%s %d 件，已唤醒", self._kind.title, woken)
            except (RPCError, OSError, OperationalError, RuntimeError) as away:
                _log.warning("%s are not looked at now: %s", self._kind.name(""), away)
            await asyncio.sleep(EVERY.total_seconds())

    async def look(self) -> int:
        """Wake what is overdue, and what waits without a workflow; return how many."""
        late = await asyncio.to_thread(self._late)
        for life in await asyncio.to_thread(self._waiting):
            if life not in late and not await self._lives(life):
                late.append(life)
        for life in late:
            await self._client.start_workflow(
                self._kind.run,
                self._kind.given(life),
                id=self._kind.name(life),
                task_queue=self._queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal="wake",
            )
        return len(late)

    async def _lives(self, life: str) -> bool:
        handle = self._client.get_workflow_handle(self._kind.name(life))
        try:
            found = await handle.describe()
        except RPCError as no:
            if no.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return found.status is WorkflowExecutionStatus.RUNNING

    def _waiting(self) -> list[str]:
        with reading(self._engine) as connection:
            found = list(self._kind.waiting(connection, self._last, AT_MOST))
        self._last = found[-1] if len(found) == AT_MOST else ""
        return found

    def _late(self) -> list[str]:
        with reading(self._engine) as connection:
            return list(self._kind.late(connection, self._now() - GRACE, AT_MOST))
