"""The one way from a door to the performance of a project: ask policy, have it settled, answer.

What policy refuses leaves no trace in Temporal; the door writes its entry itself. A command that
was settled before gets its stored answer, also years after its workflow is forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue, ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from temporalio.client import Client

from activities.performing import side_of
from cases import messages, performance_rows
from cases.database import StoreUnwritable, reading
from cases.messages import Actor, Command, Source
from cases.projects.performing_messages import BODIES, OBJECT, PerformanceAnswer, order_digest
from cases.reception import NotNow
from policies.access import STALE, Access, AccessDenied, Thing
from workflows.performance import PerformanceWorkflow, performance_workflow_id
from yichuang.refusals import RefusalLog
from yichuang.single_answer import single_answer

ANSWER_WITHIN = timedelta(seconds=30)


class PerformanceDoor:
    """Orders to the performance of projects, for one door. Safe in any number of tasks."""

    def __init__(
        self,
        client: Client,
        task_queue: str,
        *,
        access: Access,
        engine: Engine,
        refusals: RefusalLog,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`engine` is the cases store, which is only read here."""
        self._client = client
        self._task_queue = task_queue
        self._access = access
        self._engine = engine
        self._refusals = refusals
        self._now = now

    async def act(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        verb: str,
        project: str,
        body: Mapping[str, JsonValue],
    ) -> PerformanceAnswer:
        """Have an order settled. Raises `NotNow`; repeat with the same id."""
        at = self._now()
        command = Command(
            id=command_id, verb=verb, case_id=project, body=dict(body), actor=actor, source=source,
            occurred_at=at,
        )  # fmt: skip
        try:
            known = await asyncio.to_thread(self._known, command_id)
            if known is None:
                warrant = await asyncio.to_thread(self._warrant, command, at)
                known = await self._ask(command.model_copy(update={"warrant": warrant}))
            if known.order_digest != order_digest(command):
                raise AccessDenied("id_reused", "这个命令编号已用于另一命令，请换新编号")
        except AccessDenied as no:
            if no.code == STALE:
                raise NotNow(no.reason) from no
            return await asyncio.to_thread(self._refused, command, no, at)
        except (OperationalError, StoreUnwritable) as away:
            raise NotNow("办件库暂时不能使用，请用同一编号重试") from away
        return known

    def _warrant(self, command: Command, at: datetime) -> messages.Warrant:
        """Return the permission, asked of the department that the order is of."""
        thing = Thing(OBJECT, command.case_id, department=self._side(command))
        return self._access.warrant_on(command, thing, command.verb, at)

    def _side(self, command: Command) -> str:
        with reading(self._engine) as connection:
            state = performance_rows.state_of(connection, command.case_id)
        kind = BODIES.get(command.verb)
        if kind is None:
            return ""
        try:
            return side_of(state, command.verb, kind.model_validate(command.body))
        except ValidationError:
            # The worker says what is malformed, once it is known who may be told.
            named = command.body.get("department", "") if state is None else state.plan.department
            return named if isinstance(named, str) else ""

    def _known(self, command_id: str) -> PerformanceAnswer | None:
        with reading(self._engine) as connection:
            return performance_rows.answered(connection, command_id)

    def _refused(self, command: Command, no: AccessDenied, at: datetime) -> PerformanceAnswer:
        outcome = messages.Outcome(
            command_id=command.id, case_id=command.case_id, status="refused", code=no.code
        )
        self._refusals.note(command, outcome, at, OBJECT)
        return PerformanceAnswer(
            command_id=command.id,
            order_digest=order_digest(command),
            status="refused",
            project=command.case_id,
            code=no.code,
            reason="；".join(part for part in (no.reason, no.remedy) if part),
            basis=no.basis,
        )

    async def _ask(self, command: Command) -> PerformanceAnswer:
        return await single_answer(
            self._client,
            PerformanceWorkflow.run,
            command,
            name=performance_workflow_id(command.id),
            task_queue=self._task_queue,
            within=ANSWER_WITHIN,
            late="暂时没有答复，请用同一编号重试",
        )
