"""`settle_fund`: an order to the fund or to a payment is settled; what it commits has happened.

One transaction, under the fund's lock: the order's row with its journal, the entry on the stream of
its thing, the event for the outbox. Keyed by the command id, so that a retry finds what was
written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from temporalio import activity

from activities.entries import STEP
from activities.one_step import Bound, OneStep
from activities.ordering import body_as
from activities.telling import Told, event_of
from audit.entry import EntryDraft, What, entry_id
from audit.outbox import record_many
from cases import fund as f
from cases import fund_rows as rows
from cases import payment_rows
from cases.alarms import announce
from cases.database import reading
from cases.fund_orders import Asked, Grounds, ordered
from cases.fund_rows import Ordered
from cases.messages import NAMESPACE, Command
from cases.one_step import order_digest
from cases.settling import RuleForbids


def object_of(verb: str) -> str:
    """Return the object type of policy that an order is asked on."""
    return f.PAYMENT if verb in f.OF_PAYMENT else f.OBJECT


@dataclass(frozen=True, slots=True)
class Funding(OneStep):
    """Settles orders to the fund. One per worker process; safe in any number of threads."""

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
        return self.once(
            order.command,
            rows.answered,
            lambda: self._settled(order),
            lambda no: self._refused(order.command, no),
        )

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
        self.prove(order, about, command.verb, own="经手资金须由本人办理，不得代理")
        if command.case_id != f.thing_of(command.verb, command.id, command.case_id):
            raise RuleForbids("wrong_verb", "命令与对象不符", "", "case_id")
        body: f.Body = body_as(f.BODIES[command.verb], command)
        department = self._department(command, body)
        self.allow(command, about, department)
        return body

    def _department(self, command: Command, body: f.Body) -> str:
        if isinstance(body, f.Use):
            with reading(self.engine) as connection:
                return rows.paying_department(connection, body.contract)
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
        obj = What(object_of(one.verb), one.thing)
        return self.entry(command, one.recorded_at, Bound(f"{f.OBJECT}:{one.thing}", obj, after))

    def _refused(self, command: Command, no: RuleForbids) -> f.FundAnswer:
        digest, about = order_digest(command), object_of(command.verb)
        stream = f"{f.OBJECT}:-"
        return self.refusal(command, no, self.now(), about, digest, f.FundAnswer, stream=stream)

    def _tell(self, connection: Connection, one: Ordered) -> None:
        told = Told(
            str(uuid5(NAMESPACE, f"fund changed\n{one.id}")), "fund.changed",
            one.department or "fund", one.thing, one.recorded_at, changed_event(one),
        )  # fmt: skip
        announce(connection, event_of(self.city, self.schemas, told), one.thing, one.recorded_at)


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
