"""The one way from a door to a payment request: ask policy, have the worker judge it, answer.

What policy refuses leaves no trace in Temporal; the door writes its entry itself. A command that
was settled before gets its stored answer, also years after its workflow is forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from temporalio.client import Client

from cases import messages, payment_rows
from cases.database import StoreUnwritable, reading
from cases.messages import Actor, Command, Source
from cases.payments import (
    OBJECT,
    REQUEST,
    PaymentAnswer,
    RequestPayment,
    order_digest,
    payment_id,
)
from cases.reception import NotNow, Reception, Request
from policies.access import STALE, Access, AccessDenied, Thing
from workflows.payments import PaymentWorkflow, payment_workflow_id
from yichuang.refusals import RefusalLog
from yichuang.single_answer import single_answer

ANSWER_WITHIN = timedelta(seconds=30)


class PaymentDoor:
    """Requests for money, for one door. Safe in any number of tasks."""

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

    async def request(
        self, actor: Actor, source: Source, command_id: str, body: RequestPayment
    ) -> PaymentAnswer:
        """Have a request judged. Raises `NotNow`; repeat with the same id."""
        at = self._now()
        command = Command(
            id=command_id,
            verb=REQUEST,
            case_id=payment_id(command_id),
            body=body.said(),
            actor=actor,
            source=source,
            occurred_at=at,
        )
        thing = Thing(OBJECT, command.case_id, department=body.department)
        try:
            known = await asyncio.to_thread(self._known, command_id)
            if known is None:
                warrant = await asyncio.to_thread(
                    self._access.warrant_on, command, thing, REQUEST, at
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

    def may_read(self, actor: Actor, departments: Collection[str]) -> frozenset[str]:
        """Return those of the departments whose requests the actor may see."""
        at = self._now()
        return frozenset(
            one
            for one in departments
            if self._access.decide(actor, "payment_read", Thing(OBJECT, department=one), at).allowed
        )

    def _known(self, command_id: str) -> PaymentAnswer | None:
        with reading(self._engine) as connection:
            return payment_rows.answered(connection, command_id)

    def _refused(self, command: Command, no: AccessDenied, at: datetime) -> PaymentAnswer:
        outcome = messages.Outcome(
            command_id=command.id, case_id=command.case_id, status="refused", code=no.code
        )
        self._refusals.note(command, outcome, at, OBJECT)
        return PaymentAnswer(
            command_id=command.id,
            order_digest=order_digest(command),
            status="refused",
            code=no.code,
            reason="；".join(part for part in (no.reason, no.remedy) if part),
            basis=no.basis,
        )

    async def _ask(self, command: Command) -> PaymentAnswer:
        return await single_answer(
            self._client,
            PaymentWorkflow.run,
            command,
            name=payment_workflow_id(command.id),
            task_queue=self._task_queue,
            within=ANSWER_WITHIN,
            late="暂时没有答复，请用同一编号重试",
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
