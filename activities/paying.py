"""`judge_payment`: a request for money is asked of its rule packs; what it commits has happened.

One transaction: the request, its rulings with context and version, the entry on the request's own
stream, the event for the outbox. Keyed by the command id, so that a retry finds what was written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from temporalio import activity

from activities.entries import STEP
from activities.one_step import Bound, OneStep
from activities.ordering import body_as
from activities.telling import Told, event_of
from audit.entry import EntryDraft, RuleRef, What, entry_id
from audit.outbox import record_many
from cases import fund_rows, payment_rows
from cases.alarms import announce
from cases.database import reading
from cases.fund_orders import Grounds, claimed
from cases.messages import NAMESPACE, Command
from cases.one_step import order_digest
from cases.payment_rows import Judged
from cases.payments import (
    OBJECT,
    REQUEST,
    FactRefused,
    PaymentAnswer,
    PaymentOrder,
    RequestPayment,
    Terms,
    asked_instant,
    context_of,
    payment_id,
    payment_number,
    verdict_of,
)
from cases.rulings import Ruling
from cases.settling import RuleForbids

NO_PROJECTS = Grounds()


class PaymentRules(Protocol):
    """The packs that judge requests, by the version in force at an instant."""

    def terms(self, pack: str, at: datetime) -> Terms | None:
        """Return the version in force then; None: no such pack, none yet, or not about money."""
        ...

    def evaluate(self, digest: str, context: dict[str, object], at: datetime) -> Ruling:
        """Return the ruling. Raises `RuleForbids` where the pack has no answer."""
        ...


@dataclass(frozen=True, slots=True)
class Paying(OneStep):
    """Settles requests for money. One per worker process; safe in any number of threads."""

    rules: PaymentRules
    departments: Callable[[], frozenset[str]]
    """Codes of the city's departments."""
    city: str
    schemas: str
    """Where the schemas stand, an address without trailing slash."""
    zone: str
    now: Callable[[], datetime]
    grounds: Grounds = NO_PROJECTS
    """What other rooms say of projects: asked where a request names a contract."""

    @activity.defn(name="judge_payment")
    def judge(self, order: PaymentOrder) -> PaymentAnswer:
        """Return the answer to a request, settled now or before. A *no* is an answer.

        Raises when the world is away (`StoreUnwritable`, a busy database): try again.
        """
        return self.once(
            order.command,
            payment_rows.answered,
            lambda: self._settled(order),
            lambda no: self._refused(order.command, no),
        )

    def _settled(self, order: PaymentOrder) -> PaymentAnswer:
        command = order.command
        self.prove(order, OBJECT, REQUEST, own="付费申请须由本人提出，不得代理")
        if command.verb != REQUEST or command.case_id != payment_id(command.id):
            raise RuleForbids("wrong_verb", "不是付费申请", "", "verb")
        body = body_as(RequestPayment, command)
        if body.department not in self.departments():
            raise RuleForbids("unknown_department", "没有这个部门", "", "body.department")
        self.allow(command, OBJECT, body.department)
        if body.contract:
            with reading(self.engine) as connection:
                body = claimed(connection, body, self.grounds)
        # The engine is asked before the transaction: a child may be starting.
        one = self._judged(command, body)
        with self.engine.begin() as connection:
            known = payment_rows.answered(connection, command.id)
            if known is not None:
                return known
            after = payment_rows.put(connection, one)
            if body.contract:
                fund_rows.claim(connection, one.id, body.contract, body.milestone)
            record_many(connection, [(self._entry(command, one, after), ())])
            self._tell(connection, one)
        return PaymentAnswer(
            command_id=command.id,
            order_digest=one.order_digest,
            status="done",
            payment=one.id,
            number=one.number,
            verdict=one.verdict,
            entry=one.entry_id,
        )

    def _judged(self, command: Command, body: RequestPayment) -> Judged:
        asked_at = command.occurred_at
        asked_on = asked_at.astimezone(ZoneInfo(self.zone)).date()
        key = payment_id(command.id)
        number = payment_number(key, asked_on)
        rulings = [self._ruling(pack, body, number, asked_at) for pack in sorted(body.facts)]
        return Judged(
            id=key,
            number=number,
            command_id=command.id,
            order_digest=order_digest(command),
            actor=command.actor.id,
            body=body,
            asked_at=asked_at,
            recorded_at=self.now(),
            verdict=verdict_of(body, asked_on, rulings),
            rulings=tuple(ruling for _, ruling in rulings),
            entry_id=entry_id(command.id, STEP),
        )

    def _ruling(
        self, pack: str, body: RequestPayment, number: str, asked_at: datetime
    ) -> tuple[Terms, Ruling]:
        try:
            at = asked_instant(pack, body, asked_at, self.zone)
            terms = self.rules.terms(pack, at)
            if terms is None:
                raise FactRefused(
                    f"facts.{pack}",
                    f"{at.astimezone(ZoneInfo(self.zone)).date()} 没有生效的付费规则包「{pack}」",
                )
            context = context_of(terms, body, number, asked_at)
        except FactRefused as wrong:
            raise RuleForbids("facts", wrong.reason, pack, f"body.{wrong.field}") from wrong
        try:
            return terms, self.rules.evaluate(terms.digest, dict(context), at)
        except RuleForbids as no:
            raise RuleForbids(no.code, no.reason, no.basis, "body.facts") from no

    # --- entries and events ----------------------------------------------------------------------

    def _entry(self, command: Command, one: Judged, after: str) -> EntryDraft:
        """Return the entry of a request; `after` binds its row and every ruling on it."""
        first = one.rulings[0]
        bound = Bound(
            f"{OBJECT}:{one.id}", What(OBJECT, one.id), after, one.verdict.outcome,
            RuleRef(first.pack, first.version, first.digest),
        )  # fmt: skip
        return self.entry(command, one.recorded_at, bound)

    def _refused(self, command: Command, no: RuleForbids) -> PaymentAnswer:
        digest = order_digest(command)
        return self.refusal(command, no, self.now(), OBJECT, digest, PaymentAnswer, REQUEST)

    def _tell(self, connection: Connection, one: Judged) -> None:
        told = Told(
            str(uuid5(NAMESPACE, f"payment judged\n{one.id}")), "payment.judged",
            one.body.department, one.number, one.recorded_at, judged_event(one),
        )  # fmt: skip
        announce(connection, event_of(self.city, self.schemas, told), one.id, one.recorded_at)


def judged_event(one: Judged) -> dict[str, object]:
    """Return the data of the event: no name, no purpose, what was asked and what came of it."""
    verdict = one.verdict
    return {
        "payment": one.id,
        "number": one.number,
        "command": one.command_id,
        "department": one.body.department,
        "amount_fen": one.body.amount_fen,
        "currency": one.body.currency,
        "budget_year": one.body.budget_year,
        "outcome": verdict.outcome,
        "stops": [stop.model_dump(mode="json", exclude={"title"}) for stop in verdict.stops],
        "due_on": _day(verdict.due_on),
        "overdue_days": verdict.overdue_days,
        "interest_fen": verdict.interest_fen,
        "rules": [{"pack": r.pack, "version": r.version, "digest": r.digest} for r in one.rulings],
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
