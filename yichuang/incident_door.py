"""The one way from a door to an incident: ask policy, have the workflow settle it, answer.

What policy refuses leaves no trace in Temporal; the door writes its entry itself. A command that
was carried out before gets its stored answer, also years after its workflow is forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from cases import incident_rows
from cases.database import StoreUnwritable, reading
from cases.incident_lists import state_of
from cases.incident_tables import HANDLING
from cases.incidents import messages as m
from cases.incidents.machine import handled_by
from cases.incidents.messages import incident_id_for
from cases.incidents.orders import IncidentInput
from cases.incidents.state import IncidentState
from cases.messages import Actor, Command, Outcome, Source
from cases.payments import first_fault
from cases.reception import NotNow
from policies.access import STALE, Access, AccessDenied, Thing
from workflows.incident import FIRST, FORBIDDEN, LATER, IncidentWorkflow, workflow_id
from yichuang.refusals import RefusalLog

ANSWER_WITHIN: Final = timedelta(seconds=30)
"""Longer than a killed worker takes to be noticed and the retry to answer."""

LATE = "暂时没有答复，请用同一编号重试"


def thing_of(incident_id: str, state: IncidentState | None, department: str = "") -> Thing:
    """Return an incident as policy judges it; `department`: for which unit the order speaks."""
    if state is None:
        return Thing(m.OBJECT, incident_id, department=department)
    return Thing(
        m.OBJECT,
        incident_id,
        label_level=state.label_level,
        department=department,
        departments=state.departments,
        hands=handled_by(state, HANDLING),
    )


class IncidentDoor:
    """Orders to incidents, for one door. Safe in any number of tasks."""

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

    async def order(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        incident_id: str,
        verb: str,
        body: Mapping[str, Any],
        occurred_at: datetime | None = None,
    ) -> Outcome:
        """Have an order carried out; return its outcome. Raises `NotNow`; repeat with the same id.

        `occurred_at` is for systems alone: when a signal was taken, if not now. What is merged
        takes its signals along.
        """
        at = self._now()
        command = Command(
            id=command_id,
            verb=verb,
            case_id=incident_id,
            body=dict(body),
            actor=actor,
            source=source,
            occurred_at=occurred_at or at,
        )
        outcome = await self._carried_out(command, at)
        if verb == "merge" and outcome.status == "done":
            await self._take_along(command)
        return outcome

    async def _carried_out(self, command: Command, at: datetime) -> Outcome:
        try:
            known, state, into = await asyncio.to_thread(self._look, command)
            if known is not None:
                return known
            malformed = _malformed(command)
            if malformed is not None:
                raise malformed
            if state is None and command.verb != "report":
                raise AccessDenied("unknown_incident", "没有这个突发事件，请核对编号")
            if command.verb == "merge" and (into is None or not into.open):
                raise AccessDenied("unknown_incident", "要并入的事件不存在或者已经办结", "YCYX-13")
            thing = thing_of(command.case_id, state, m.department_of(command))
            warrant = await asyncio.to_thread(
                self._access.warrant_on, command, thing, command.verb, at
            )
        except AccessDenied as no:
            if no.code == STALE:
                raise NotNow(no.reason) from no
            return await asyncio.to_thread(self._refused, command, no, at)
        except (OperationalError, StoreUnwritable) as away:
            raise NotNow("办件库暂时不能使用，请用同一编号重试") from away
        urgent = command.body.get("level") == "red" or bool(state and state.urgent)
        return await self._ask(command.model_copy(update={"warrant": warrant}), urgent)

    def _look(
        self, command: Command
    ) -> tuple[Outcome | None, IncidentState | None, IncidentState | None]:
        with reading(self._engine) as connection:
            known = incident_rows.answered(connection, command.id)
            state = state_of(connection, command.case_id)
            into = command.body.get("into")
            other = state_of(connection, into) if isinstance(into, str) else None
        if known is None:
            return None, state, other
        outcome, digest = known
        if digest != m.order_digest(command):
            raise AccessDenied("id_reused", "这个命令编号已用于另一命令，请换新编号")
        return outcome, state, other

    async def _take_along(self, command: Command) -> None:
        """Let the other incident join the signals of the merged one; the same order for ever."""
        with reading(self._engine) as connection:
            signals = incident_rows.all_signals(connection, command.case_id)
        if not signals:
            return
        outcome = await self._carried_out(
            command.model_copy(
                update={
                    "id": f"{command.id}:join"[-128:],
                    "verb": "join",
                    "case_id": command.body["into"],
                    "body": {"signal_ids": list(signals), "source": "merge"},
                }
            ),
            self._now(),
        )
        if outcome.status != "done":
            raise NotNow(f"并入的信号尚未转入（{outcome.reason}），请用同一编号重试")

    def _refused(self, command: Command, no: AccessDenied, at: datetime) -> Outcome:
        outcome = Outcome(
            command_id=command.id,
            case_id=command.case_id,
            status="refused",
            code=no.code,
            reason="；".join(part for part in (no.reason, no.remedy) if part),
            basis=no.basis,
            field=getattr(no, "field", ""),
        )
        self._refusals.note(command, outcome, at, m.OBJECT)
        return outcome

    async def _ask(self, command: Command, urgent: bool) -> Outcome:
        start: WithStartWorkflowOperation[IncidentWorkflow, str] = WithStartWorkflowOperation(
            IncidentWorkflow.run,
            IncidentInput(incident_id=command.case_id, urgent=urgent),
            id=workflow_id(command.case_id),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            priority=FIRST if urgent else LATER,
        )
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                return await self._client.execute_update_with_start_workflow(
                    IncidentWorkflow.act, command, start_workflow_operation=start, id=command.id
                )
        except TimeoutError as late:
            raise NotNow(LATE) from late
        except WorkflowUpdateFailedError as failed:
            return _meaning(command, failed)
        except WorkflowUpdateRPCTimeoutOrCancelledError as late:
            raise NotNow(LATE) from late
        except RPCError as error:
            raise NotNow(f"Temporal：{error.message}") from error
        except RuntimeError as unreachable:
            # A lazy client tells that it cannot connect as RuntimeError.
            raise NotNow(f"Temporal 不在：{unreachable}") from unreachable


class _Malformed(AccessDenied):
    """The body is not what its verb asks for; `field` says where."""

    def __init__(self, reason: str, field: str) -> None:
        super().__init__("malformed", reason)
        self.field = field


def _malformed(command: Command) -> AccessDenied | None:
    if command.verb not in m.INCIDENT_VERBS:
        return AccessDenied("wrong_verb", "不是对突发事件的命令")
    try:
        m.INCIDENT_BODIES[command.verb].model_validate(command.body)
    except ValidationError as wrong:
        path, said = first_fault(wrong.errors(include_url=False, include_input=False))
        return _Malformed(f"内容不合格式：{said}", f"body.{path}")
    return None


def _meaning(command: Command, failed: WorkflowUpdateFailedError) -> Outcome:
    cause = failed.cause
    if isinstance(cause, ApplicationError) and cause.type == FORBIDDEN and cause.details:
        return Outcome(
            command_id=command.id, case_id=command.case_id, status="refused", **cause.details[0]
        )
    raise NotNow(f"暂时不能办理：{cause}") from failed


__all__ = ["IncidentDoor", "incident_id_for", "thing_of"]
