"""`settle_fund`: an order to the fund or to a payment is settled; what it commits has happened.

One transaction, under the fund's lock: the order's row with its journal, the entry on the stream of
its thing, the event for the outbox. Keyed by the command id, so that a retry finds what was
written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid5
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError
from temporalio import activity

from activities.entries import STEP, here
from activities.forging import Forgeries
from activities.sealing import Sealer
from audit.entry import EntryDraft, PolicyRef, What, Where, Who, entry_id
from audit.outbox import record_many
from cases import fund as f
from cases import fund_rows as rows
from cases import payment_rows
from cases.alarms import announce
from cases.database import reading
from cases.fund_orders import Asked, Grounds, ordered
from cases.fund_rows import Ordered
from cases.messages import NAMESPACE, Command
from cases.payments import basis_of, first_fault
from cases.projection import json_text
from cases.settling import Forged, RuleForbids
from cases.store import Message

REFUSED: Final = f"{f.OBJECT}:-"
"""Stream of the entries of orders that were refused."""


def object_of(verb: str) -> str:
    """Return the object type of policy that an order is asked on."""
    return f.PAYMENT if verb in f.OF_PAYMENT else f.OBJECT


@dataclass(frozen=True, slots=True)
class Funding:
    """Settles orders to the fund. One per worker process; safe in any number of threads."""

    engine: Engine
    sealer: Sealer
    verify: Callable[[Command, datetime, str, str], RuleForbids | None]
    again: Callable[[Command, str, str, str, str], RuleForbids | None]
    """Asks policy once more, as `activities.releasing.Again`."""
    forgeries: Forgeries
    grounds: Grounds
    departments: Callable[[], frozenset[str]]
    """Codes of the city's departments."""
    city: str
    schemas: str
    """Where the schemas stand, an address without trailing slash."""
    zone: str
    now: Callable[[], datetime]

    @activity.defn(name="settle_fund")
    def settle(self, order: f.FundOrder) -> f.FundAnswer:
        """Return the answer to an order, settled now or before. A *no* is an answer.

        Raises when the world is away (`StoreUnwritable`, a busy database): try again.
        """
        command = order.command
        with reading(self.engine) as connection:
            known = rows.answered(connection, command.id)
        if known is not None:
            return known
        try:
            return self._settled(order)
        except RuleForbids as no:
            return self._refused(command, no)

    def _settled(self, order: f.FundOrder) -> f.FundAnswer:
        command = order.command
        body = self._proved(order)
        try:
            with self.engine.begin() as connection:
                return self._written(connection, command, body)
        except IntegrityError as held:
            # Another process was faster, or the rows hold what was not foreseen.
            with reading(self.engine) as connection:
                known = rows.answered(connection, command.id)
            if known is not None:
                return known
            raise RuleForbids(
                "held", "账本不允许这一步：数据库的约束把住了", f.BY_EVIDENCE
            ) from held

    def _written(self, connection: Connection, command: Command, body: f.Body) -> f.FundAnswer:
        last = rows.lock(connection)
        known = rows.answered(connection, command.id)
        if known is not None:
            return known
        at = self.now()
        asked = Asked(
            command, body, at.astimezone(ZoneInfo(self.zone)).date(), at, entry_id(command.id, STEP)
        )
        one = ordered(connection, asked, self.grounds)
        after = rows.put(connection, one, last)
        record_many(connection, [(self._entry(command, one, after), ())])
        self._tell(connection, one)
        change = f.moved(one.lines)
        return f.FundAnswer(
            command_id=command.id,
            order_digest=one.order_digest,
            status="done",
            thing=one.thing,
            entry=one.entry_id,
            paid_fen=change.paid_fen,
            retained_fen=change.retained_fen,
            interest_fen=change.interest_fen,
        )

    def _proved(self, order: f.FundOrder) -> f.Body:
        """Return what is asked once it is proved to be meant and allowed. Raises `RuleForbids`."""
        command = order.command
        if command.verb not in f.VERBS:
            raise RuleForbids("wrong_verb", "不是对基金或者付费的命令", "", "verb")
        about = object_of(command.verb)
        fault = self.verify(command, order.admitted_at, about, command.verb)
        if fault is not None:
            raise fault
        if command.actor.on_behalf:
            raise RuleForbids("no_deputy", "经手资金须由本人办理，不得代理")
        if command.case_id != f.thing_of(command.verb, command.id, command.case_id):
            raise RuleForbids("wrong_verb", "命令与对象不符", "", "case_id")
        body = _parsed(command)
        department = self._department(command, body)
        no = self.again(command, about, command.verb, "", department)
        if no is not None:
            raise no
        return body

    def _department(self, command: Command, body: f.Body) -> str:
        named = getattr(body, "department", "")
        if named and named not in self.departments():
            raise RuleForbids("unknown_department", "没有这个部门", "", "body.department")
        if named or command.verb not in f.OF_PAYMENT:
            return str(named)
        with reading(self.engine) as connection:
            found = payment_rows.find(connection, command.case_id)
        if found is None:
            raise RuleForbids("unknown_payment", "没有这件付费申请", "", "payment")
        return found.department

    # --- entries and events ----------------------------------------------------------------------

    def _entry(self, command: Command, one: Ordered, after: str) -> EntryDraft:
        """Return the entry of an order; `after` binds its row and all that it booked."""
        return EntryDraft(
            id=one.entry_id,
            stream=f"{f.OBJECT}:{one.thing}",
            at=one.recorded_at,
            who=self._who(command),
            act=one.verb,
            obj=What(object_of(one.verb), one.thing),
            where=Where(ip=command.source.ip or None, svc=command.source.door),
            after=after,
            pol=_policy(command),
            wf=here(),
        )

    def _refused(self, command: Command, no: RuleForbids) -> f.FundAnswer:
        """Write the refusal's entry and return it; nothing of the body goes into the log."""
        digest = f.order_digest(command)
        about = object_of(command.verb)
        draft = EntryDraft(
            id=entry_id(command.id, f"refused:{no.code}:{digest}"),
            stream=REFUSED,
            at=self.now(),
            who=self._who(command),
            act=command.verb,
            obj=What(about, command.case_id),
            res="deny",
            why=no.code,
            where=Where(ip=command.source.ip or None, svc=command.source.door),
            pol=_policy(command),
            wf=here(),
        )
        with self.engine.begin() as connection:
            record_many(connection, [(draft, ())])
            if isinstance(no, Forged):
                self.forgeries.alarm(connection, about, command.case_id, command, no, draft.at)
        return f.FundAnswer(
            command_id=command.id,
            order_digest=digest,
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

    def _tell(self, connection: Connection, one: Ordered) -> None:
        message_id = str(uuid5(NAMESPACE, f"fund changed\n{one.id}"))
        department = one.department or "fund"
        document = {
            "specversion": "1.0",
            "id": message_id,
            "source": f"/dept/{department}",
            "type": f"cn.{self.city}.fund.changed.v1",
            "subject": one.thing,
            "time": one.recorded_at.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "dataschema": f"{self.schemas}/fund.changed.v1.json",
            "data": changed_event(one),
        }
        subject = f"evt.{self.city}.{department}.fund.changed"
        announce(
            connection,
            Message(message_id, subject, json_text(document)),
            one.thing,
            one.recorded_at,
        )


def changed_event(one: Ordered) -> dict[str, object]:
    """Return the data of the event: no name, no purpose, what was done and by how much."""
    change = f.moved(one.lines)
    return {
        "verb": one.verb,
        "thing": one.thing,
        "command": one.command_id,
        "project": one.project,
        "contract": one.contract or "",
        "payment": one.payment or "",
        "budget_year": one.budget_year or None,
        "amount_fen": one.amount_fen,
        "paid_fen": change.paid_fen,
        "retained_fen": change.retained_fen,
        "interest_fen": change.interest_fen,
    }


def _parsed(command: Command) -> f.Body:
    try:
        return f.BODIES[command.verb].model_validate(command.body)
    except ValidationError as malformed:
        path, said = first_fault(malformed.errors(include_url=False, include_input=False))
        raise RuleForbids(
            "malformed", f"内容不合格式：{said}", basis_of(path), f"body.{path}"
        ) from malformed


def _policy(command: Command) -> PolicyRef | None:
    warrant = command.warrant
    return PolicyRef(warrant.row, "allow", warrant.policy) if warrant else None
