"""The one way from a door to a payment request (`yichuang.one_step_door`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from cases import messages, payment_rows
from cases.messages import Actor, Source
from cases.payments import OBJECT, REQUEST, PaymentAnswer, RequestPayment, payment_id
from cases.reception import Reception, Request
from policies.access import Thing
from workflows.payments import PaymentWorkflow, payment_workflow_id
from yichuang.one_step_door import Kind, OneStepDoor


class PaymentDoor(OneStepDoor[PaymentAnswer]):
    """Requests for money."""

    kind: ClassVar[Kind[PaymentAnswer]] = Kind(
        run=PaymentWorkflow.run,
        workflow_id=payment_workflow_id,
        answer=PaymentAnswer,
        answered=payment_rows.answered,
        thing=lambda _, command: Thing(
            OBJECT, command.case_id, department=str(command.body["department"])
        ),
        object_of=lambda _: OBJECT,
    )

    async def request(
        self, actor: Actor, source: Source, command_id: str, body: RequestPayment
    ) -> PaymentAnswer:
        """Have a request judged. Raises `NotNow`; repeat with the same id."""
        return await self.settled(
            actor, source, command_id, REQUEST, payment_id(command_id), body.said()
        )

    def may_read(self, actor: Actor, departments: Collection[str]) -> frozenset[str]:
        """Return those of the departments whose requests the actor may see."""
        at = self._now()
        return frozenset(
            one
            for one in departments
            if self._access.decide(actor, "payment_read", Thing(OBJECT, department=one), at).allowed
        )


class WithPayments:
    """A reception that takes cases' orders and requests for money alike."""

    def __init__(self, cases: Reception, payments: PaymentDoor) -> None:
        self._cases = cases
        self._payments = payments

    async def handle(
        self, actor: Actor, source: Source, requests: Sequence[Request]
    ) -> tuple[messages.Outcome, ...]:
        """As `cases.reception.Reception`; a batch holds orders of one kind only."""
        if requests[0].verb != REQUEST:
            return await self._cases.handle(actor, source, requests)
        answers = []
        for one in requests:
            body = RequestPayment.model_validate(one.body)  # the door has checked it
            answers.append(outcome_of(await self._payments.request(actor, source, one.id, body)))
        return tuple(answers)


def outcome_of(answer: PaymentAnswer) -> messages.Outcome:
    """Return the answer in the words of every order: `case_no` is the request's number, `stage`
    what the rules made of it, `code` and `basis` the first rule that stops it."""
    verdict = answer.verdict
    stop = verdict.stops[0] if verdict is not None and verdict.stops else None
    return messages.Outcome(
        command_id=answer.command_id,
        case_id=answer.payment,
        status=answer.status,
        case_no=answer.number,
        stage="" if verdict is None else verdict.outcome,
        code=answer.code or ("" if stop is None else stop.rule),
        reason=answer.reason or ("" if stop is None else stop.title),
        basis=answer.basis or ("" if stop is None else stop.basis),
        field=answer.field,
        entry=answer.entry,
        repeated=answer.repeated,
    )
