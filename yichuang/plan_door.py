"""The one way from a door to a report of the plan: ask policy, have the worker take it, answer.

What policy refuses leaves no trace in Temporal; the door writes its entry itself. A command that
was settled before gets its stored answer, also years after its workflow is forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from temporalio.client import Client

from cases import messages, plan_rows
from cases.database import StoreUnwritable, reading
from cases.messages import Actor, Command, Source
from cases.payments import order_digest
from cases.plan.messages import OBJECT, REPORT, PlanReportAnswer, ReportFigure, report_id
from cases.reception import NotNow, Reception, Request
from policies.access import STALE, Access, AccessDenied, Thing
from workflows.plans import PlanReportWorkflow, plan_workflow_id
from yichuang.refusals import RefusalLog
from yichuang.single_answer import single_answer

ANSWER_WITHIN = timedelta(seconds=30)


class PlanDoor:
    """Reports of the plan's numbers, for one door. Safe in any number of tasks."""

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
        self._client, self._task_queue = client, task_queue
        self._access, self._engine, self._refusals, self._now = access, engine, refusals, now

    async def report(
        self, actor: Actor, source: Source, command_id: str, body: ReportFigure
    ) -> PlanReportAnswer:
        """Have a report taken. Raises `NotNow`; repeat with the same id."""
        at = self._now()
        command = Command(
            id=command_id, verb=REPORT, case_id=report_id(command_id),
            body=body.model_dump(mode="json"), actor=actor, source=source, occurred_at=at,
        )  # fmt: skip
        thing = Thing(OBJECT, command.case_id, department=body.department)
        try:
            known = await asyncio.to_thread(self._known, command_id)
            if known is None:
                warrant = await asyncio.to_thread(
                    self._access.warrant_on, command, thing, REPORT, at
                )
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

    def _known(self, command_id: str) -> PlanReportAnswer | None:
        with reading(self._engine) as connection:
            return plan_rows.answered(connection, command_id)

    def _refused(self, command: Command, no: AccessDenied, at: datetime) -> PlanReportAnswer:
        outcome = messages.Outcome(
            command_id=command.id, case_id=command.case_id, status="refused", code=no.code
        )
        self._refusals.note(command, outcome, at, OBJECT)
        return PlanReportAnswer(
            command_id=command.id,
            order_digest=order_digest(command),
            status="refused",
            code=no.code,
            reason="；".join(part for part in (no.reason, no.remedy) if part),
            basis=no.basis,
        )

    async def _ask(self, command: Command) -> PlanReportAnswer:
        return await single_answer(
            self._client, PlanReportWorkflow.run, command, name=plan_workflow_id(command.id),
            task_queue=self._task_queue, within=ANSWER_WITHIN,
            late="暂时没有答复，请用同一编号重试",
        )  # fmt: skip


class WithPlan:
    """A reception that takes reports of the plan beside what another takes."""

    def __init__(self, others: Reception, plan: PlanDoor) -> None:
        self._others, self._plan = others, plan

    async def handle(
        self, actor: Actor, source: Source, requests: Sequence[Request]
    ) -> tuple[messages.Outcome, ...]:
        """As `cases.reception.Reception`; a batch holds orders of one kind only."""
        if requests[0].verb != REPORT:
            return await self._others.handle(actor, source, requests)
        answers = []
        for one in requests:
            body = ReportFigure.model_validate(one.body)  # the door has checked it
            answers.append(outcome_of(await self._plan.report(actor, source, one.id, body)))
        return tuple(answers)


def outcome_of(answer: PlanReportAnswer) -> messages.Outcome:
    """Return the answer in the words of every order."""
    return messages.Outcome(
        command_id=answer.command_id, case_id=answer.report, status=answer.status,
        code=answer.code, reason=answer.reason, basis=answer.basis, field=answer.field,
        entry=answer.entry, repeated=answer.repeated,
    )  # fmt: skip
