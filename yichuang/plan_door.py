"""The one way from a door to a report of the plan (`yichuang.one_step_door`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from cases import messages, plan_rows
from cases.messages import Actor, Source
from cases.plan.messages import OBJECT, REPORT, PlanReportAnswer, ReportFigure, report_id
from cases.reception import Reception, Request
from policies.access import Thing
from workflows.plans import PlanReportWorkflow, plan_workflow_id
from yichuang.one_step_door import Kind, OneStepDoor


class PlanDoor(OneStepDoor[PlanReportAnswer]):
    """Reports of the plan's numbers."""

    kind: ClassVar[Kind[PlanReportAnswer]] = Kind(
        run=PlanReportWorkflow.run,
        workflow_id=plan_workflow_id,
        answer=PlanReportAnswer,
        answered=plan_rows.answered,
        thing=lambda _, command: Thing(
            OBJECT, command.case_id, department=str(command.body["department"])
        ),
        object_of=lambda _: OBJECT,
    )

    async def report(
        self, actor: Actor, source: Source, command_id: str, body: ReportFigure
    ) -> PlanReportAnswer:
        """Have a report taken. Raises `NotNow`; repeat with the same id."""
        said = body.model_dump(mode="json")
        return await self.settled(actor, source, command_id, REPORT, report_id(command_id), said)


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
