"""`announce_warning`: an act of a warning is announced; what it commits has happened.

One transaction: the act with its CAP message, the entry on the warning's own stream, the event for
the outbox. Keyed by the command id, so that a retry finds what was written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection, Engine
from temporalio import activity

from activities.entries import STEP, here
from activities.forging import Forgeries
from activities.sealing import Sealer
from activities.warning_news import news_of
from audit.entry import EntryDraft, PolicyRef, What, Where, Who, entry_id
from audit.outbox import record_many
from cases import warning_rows
from cases.alarms import announce
from cases.database import reading
from cases.incidents.cap import write_alert
from cases.messages import Command
from cases.payments import first_fault
from cases.settling import Forged, RuleForbids
from cases.warning_areas import unknown_cells
from cases.warning_rows import KeptAct, NewAct
from cases.warnings import (
    ISSUE,
    LIFT,
    OBJECT,
    VERBS,
    Announced,
    Fault,
    Lifting,
    WarningAnswer,
    WarningOrder,
    faults,
    late_faults,
    lifting_faults,
    order_digest,
    order_faults,
    warning_id,
)
from cases.warnings_cap import Said, alert_of
from catalogue.grid import Grid

REFUSED = f"{OBJECT}:-"
"""Stream of the entries of acts that never became one."""


@dataclass(frozen=True, slots=True)
class Announcing:
    """Settles acts of warnings. One per worker process; safe in any number of threads."""

    engine: Engine
    sealer: Sealer
    verify: Callable[[Command, datetime, str, str], RuleForbids | None]
    again: Callable[[Command, str, str, str, str], RuleForbids | None]
    """Asks policy once more, as `activities.releasing.Again`."""
    forgeries: Forgeries
    city: str
    address: str
    """Public address without trailing slash."""
    grid: Callable[[], Grid]
    now: Callable[[], datetime]

    @activity.defn(name="announce_warning")
    def announce(self, order: WarningOrder) -> WarningAnswer:
        """Return the answer to an act, settled now or before. A *no* is an answer.

        Raises when the world is away (`StoreUnwritable`, a busy database), or when another act of
        the same warning was faster: try again.
        """
        command = order.command
        with reading(self.engine) as connection:
            known = warning_rows.answered(connection, command.id)
        if known is not None:
            return known
        try:
            return self._settled(order)
        except RuleForbids as no:
            return self._refused(command, no)

    def _settled(self, order: WarningOrder) -> WarningAnswer:
        command = order.command
        if command.verb not in VERBS:
            raise RuleForbids("wrong_verb", "不是预警的动作", "", "verb")
        fault = self.verify(command, order.admitted_at, OBJECT, command.verb)
        if fault is not None:
            raise fault
        if command.actor.on_behalf:
            raise RuleForbids("no_deputy", "预警须由本人发布，不得代理")
        if command.verb == ISSUE and command.case_id != warning_id(command.id):
            raise RuleForbids("wrong_verb", "不是发布新的预警", "", "case_id")
        no = self.again(command, OBJECT, command.verb, "", "")
        if no is not None:
            raise no
        with self.engine.begin() as connection:
            known = warning_rows.answered(connection, command.id)
            if known is not None:
                return known
            one = self._act(connection, command)
            after = warning_rows.put(connection, one)
            record_many(connection, [(self._entry(command, one.act, after), ())])
            announce(
                connection, news_of(one.act, self.city, self.address), one.act.warning,
                one.act.issued_at,
            )  # fmt: skip
        return WarningAnswer(
            command_id=command.id,
            order_digest=one.order_digest,
            status="done",
            warning=one.act.warning,
            seq=one.act.seq,
            entry=one.act.entry_id,
        )

    def _act(self, connection: Connection, command: Command) -> NewAct:
        earlier = warning_rows.acts(connection, command.case_id)
        standing = earlier[-1].standing if earlier else None
        _forbid(next(order_faults(command.verb, standing), None), "not_now")
        said, lifting = _parsed(command, standing.said if standing else None)
        issued_at, seq, grid = self.now(), len(earlier) + 1, self.grid()
        if command.verb != LIFT:
            _forbid(next(late_faults(said, issued_at), None), "incomplete")
            if strange := unknown_cells(said.cells, grid):
                raise RuleForbids("incomplete", f"网格里没有 {strange[0][:40]}", "", "body.cells")
        told = Said(command.case_id, seq, command.verb, said, lifting, issued_at)
        alert = alert_of(
            self.city, self.address, told, [one.issued_at for one in earlier], grid
        )  # fmt: skip
        act = KeptAct(
            command.case_id,
            seq,
            command.verb,
            command.actor.id,
            said,
            lifting,
            write_alert(alert).decode(),
            issued_at,
            entry_id(command.id, STEP),
        )
        return NewAct(act, command.id, order_digest(command))

    # --- entries and events ----------------------------------------------------------------------

    def _entry(self, command: Command, act: KeptAct, after: str) -> EntryDraft:
        """Return the entry of an act; `after` binds its row, and through it every earlier one."""
        return EntryDraft(
            id=act.entry_id,
            stream=f"{OBJECT}:{act.warning}",
            at=act.issued_at,
            who=self._who(command),
            act=command.verb,
            obj=What(OBJECT, act.warning),
            why=act.said.level,
            where=Where(ip=command.source.ip or None, svc=command.source.door),
            after=after,
            pol=_policy(command),
            wf=here(),
        )

    def _refused(self, command: Command, no: RuleForbids) -> WarningAnswer:
        """Write the refusal's entry and return it; nothing of the body goes into the log."""
        draft = EntryDraft(
            id=entry_id(command.id, f"refused:{no.code}:{order_digest(command)}"),
            stream=REFUSED,
            at=self.now(),
            who=self._who(command),
            act=command.verb if command.verb in VERBS else ISSUE,
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
        return WarningAnswer(
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


def _parsed(command: Command, stood: Announced | None) -> tuple[Announced, Lifting | None]:
    """Return what is announced, and of a lifting why; raises `RuleForbids` with the article."""
    try:
        if command.verb == LIFT and stood is not None:
            lifting = Lifting.model_validate(command.body)
            _forbid(next(lifting_faults(lifting), None), "incomplete")
            return stood, lifting
        said = Announced.model_validate(command.body)
    except ValidationError as malformed:
        path, why = first_fault(malformed.errors(include_url=False, include_input=False))
        raise RuleForbids("malformed", f"内容不合格式：{why}", "", f"body.{path}") from malformed
    _forbid(next(faults(said), None), "incomplete")
    return said, None


def _forbid(fault: Fault | None, code: str) -> None:
    if fault is not None:
        raise RuleForbids(code, fault.reason, fault.basis, f"body.{fault.field}")


def _policy(command: Command) -> PolicyRef | None:
    warrant = command.warrant
    return PolicyRef(warrant.row, "allow", warrant.policy) if warrant else None
