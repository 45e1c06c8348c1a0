"""`announce_warning`: an act of a warning is announced; what it commits has happened.

One transaction: the act with its CAP message, the entry on the warning's own stream, the event for
the outbox. Keyed by the command id, so that a retry finds what was written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from temporalio import activity

from activities.entries import STEP
from activities.one_step import Bound, OneStep
from activities.ordering import body_as
from activities.warning_news import news_of
from audit.entry import EntryDraft, What, entry_id
from audit.outbox import record_many
from cases import warning_rows
from cases.alarms import announce
from cases.incidents.cap import write_alert
from cases.messages import Command
from cases.one_step import order_digest
from cases.settling import RuleForbids
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
    order_faults,
    warning_id,
)
from cases.warnings_cap import Said, alert_of
from catalogue.grid import Grid


@dataclass(frozen=True, slots=True)
class Announcing(OneStep):
    """Settles acts of warnings. One per worker process; safe in any number of threads."""

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
        return self.once(
            order.command,
            warning_rows.answered,
            lambda: self._settled(order),
            lambda no: self._refused(order.command, no),
        )

    def _settled(self, order: WarningOrder) -> WarningAnswer:
        command = order.command
        if command.verb not in VERBS:
            raise RuleForbids("wrong_verb", "不是预警的动作", "", "verb")
        self.prove(order, OBJECT, command.verb, own="预警须由本人发布，不得代理")
        if command.verb == ISSUE and command.case_id != warning_id(command.id):
            raise RuleForbids("wrong_verb", "不是发布新的预警", "", "case_id")
        self.allow(command, OBJECT, "")
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
        bound = Bound(f"{OBJECT}:{act.warning}", What(OBJECT, act.warning), after, act.said.level)
        return self.entry(command, act.issued_at, bound)

    def _refused(self, command: Command, no: RuleForbids) -> WarningAnswer:
        verb = command.verb if command.verb in VERBS else ISSUE
        digest = order_digest(command)
        return self.refusal(command, no, self.now(), OBJECT, digest, WarningAnswer, verb)


def _parsed(command: Command, stood: Announced | None) -> tuple[Announced, Lifting | None]:
    """Return what is announced, and of a lifting why; raises `RuleForbids` with the article."""
    if command.verb == LIFT and stood is not None:
        lifting = body_as(Lifting, command)
        _forbid(next(lifting_faults(lifting), None), "incomplete")
        return stood, lifting
    said = body_as(Announced, command)
    _forbid(next(faults(said), None), "incomplete")
    return said, None


def _forbid(fault: Fault | None, code: str) -> None:
    if fault is not None:
        raise RuleForbids(code, fault.reason, fault.basis, f"body.{fault.field}")
