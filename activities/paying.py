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

from pydantic import ValidationError
from sqlalchemy import Connection, Engine
from temporalio import activity

from activities.entries import STEP, here
from activities.forging import Forgeries
from activities.sealing import Sealer
from audit.entry import EntryDraft, PolicyRef, RuleRef, What, Where, Who, entry_id
from audit.outbox import record_many
from cases import fund_rows, payment_rows
from cases.alarms import announce
from cases.database import reading
from cases.fund_orders import Grounds, claimed
from cases.messages import NAMESPACE, Command
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
    basis_of,
    context_of,
    first_fault,
    order_digest,
    payment_id,
    payment_number,
    verdict_of,
)
from cases.projection import json_text
from cases.rulings import Ruling
from cases.settling import Forged, RuleForbids
from cases.store import Message

NO_PROJECTS = Grounds()
REFUSED = f"{OBJECT}:-"
"""Stream of the entries of requests that never became one."""


class PaymentRules(Protocol):
    """The packs that judge requests, by the version in force at an instant."""

    def terms(self, pack: str, at: datetime) -> Terms | None:
        """Return the version in force then; None: no such pack, none yet, or not about money."""
        ...

    def evaluate(self, digest: str, context: dict[str, object], at: datetime) -> Ruling:
        """Return the ruling. Raises `RuleForbids` where the pack has no answer."""
        ...


@dataclass(frozen=True, slots=True)
class Paying:
    """Settles requests for money. One per worker process; safe in any number of threads."""

    engine: Engine
    sealer: Sealer
    verify: Callable[[Command, datetime, str, str], RuleForbids | None]
    again: Callable[[Command, str, str, str, str], RuleForbids | None]
    """Asks policy once more, as `activities.releasing.Again`."""
    forgeries: Forgeries
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
        command = order.command
        with reading(self.engine) as connection:
            known = payment_rows.answered(connection, command.id)
        if known is not None:
            return known
        try:
            return self._settled(order)
        except RuleForbids as no:
            return self._refused(command, no)

    def _settled(self, order: PaymentOrder) -> PaymentAnswer:
        command = order.command
        fault = self.verify(command, order.admitted_at, OBJECT, REQUEST)
        if fault is not None:
            raise fault
        if command.actor.on_behalf:
            raise RuleForbids("no_deputy", "付费申请须由本人提出，不得代理")
        body = _parsed(command)
        if body.department not in self.departments():
            raise RuleForbids("unknown_department", "没有这个部门", "", "body.department")
        no = self.again(command, OBJECT, REQUEST, "", body.department)
        if no is not None:
            raise no
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
        return EntryDraft(
            id=one.entry_id,
            stream=f"{OBJECT}:{one.id}",
            at=one.recorded_at,
            who=self._who(command),
            act=REQUEST,
            obj=What(OBJECT, one.id),
            why=one.verdict.outcome,
            where=Where(ip=command.source.ip or None, svc=command.source.door),
            after=after,
            pol=_policy(command),
            rule=RuleRef(first.pack, first.version, first.digest),
            wf=here(),
        )

    def _refused(self, command: Command, no: RuleForbids) -> PaymentAnswer:
        """Write the refusal's entry and return it; nothing of the body goes into the log."""
        draft = EntryDraft(
            id=entry_id(command.id, f"refused:{no.code}:{order_digest(command)}"),
            stream=REFUSED,
            at=self.now(),
            who=self._who(command),
            act=REQUEST,
            obj=What(OBJECT, command.case_id),
            res="deny",
            why=no.code,
            where=Where(ip=command.source.ip or None, svc=command.source.door),
            pol=_policy(command),
            wf=here(),
        )
        with self.engine.begin() as connection:
            record_many(connection, [(draft, ())])
            if isinstance(no, Forged):
                self.forgeries.alarm(connection, OBJECT, command.case_id, command, no, draft.at)
        return PaymentAnswer(
            command_id=command.id,
            order_digest=order_digest(command),
            status="refused",
            code=no.code,
            reason=no.reason,
            basis=no.basis,
            field=no.field,
        )

    def _who(self, command: Command) -> Who:
        actor, warrant = command.actor, command.warrant
        return Who(
            id=self.sealer.who(actor.id),
            kind=actor.kind,
            org=(warrant.department if warrant else "") or actor.department or None,
            role=(warrant.role if warrant else "") or None,
            on_behalf=self.sealer.who(actor.on_behalf) if actor.on_behalf else None,
        )

    def _tell(self, connection: Connection, one: Judged) -> None:
        message_id = str(uuid5(NAMESPACE, f"payment judged\n{one.id}"))
        document = {
            "specversion": "1.0",
            "id": message_id,
            "source": f"/dept/{one.body.department}",
            "type": f"cn.{self.city}.payment.judged.v1",
            "subject": one.number,
            "time": one.recorded_at.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "dataschema": f"{self.schemas}/payment.judged.v1.json",
            "data": judged_event(one),
        }
        subject = f"evt.{self.city}.{one.body.department}.payment.judged"
        message = Message(message_id, subject, json_text(document))
        announce(connection, message, one.id, one.recorded_at)


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


def _parsed(command: Command) -> RequestPayment:
    if command.verb != REQUEST or command.case_id != payment_id(command.id):
        raise RuleForbids("wrong_verb", "不是付费申请", "", "verb")
    try:
        return RequestPayment.model_validate(command.body)
    except ValidationError as malformed:
        path, said = first_fault(malformed.errors(include_url=False, include_input=False))
        raise RuleForbids(
            "malformed", f"内容不合格式：{said}", basis_of(path), f"body.{path}"
        ) from malformed


def _policy(command: Command) -> PolicyRef | None:
    warrant = command.warrant
    return PolicyRef(warrant.row, "allow", warrant.policy) if warrant else None
