"""What every activity does that settles an order in one step: known before, allowed still, settled
or refused, written down, told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from activities.entries import STEP, here
from activities.forging import Forgeries
from activities.ordering import Refusal, policy_of, who_of
from activities.sealing import Sealer
from audit.entry import EntryDraft, RuleRef, What, Where, entry_id
from cases.database import reading
from cases.messages import Command
from cases.one_step import Answer, OneStepOrder
from cases.settling import RuleForbids


@dataclass(frozen=True, slots=True)
class Bound:
    """What the entry of a settled order says beside who ordered it and when."""

    stream: str
    obj: What
    after: str
    """Binds the rows that were written with it."""
    why: str | None = None
    rule: RuleRef | None = None


@dataclass(frozen=True, slots=True)
class OneStep:
    """Settles orders of one kind. One per worker process; safe in any number of threads."""

    engine: Engine
    sealer: Sealer
    verify: Callable[[Command, datetime, str, str], RuleForbids | None]
    again: Callable[[Command, str, str, str, str], RuleForbids | None]
    """Asks policy once more, as `activities.releasing.Again`."""
    forgeries: Forgeries

    def once(
        self,
        command: Command,
        answered: Callable[[Connection, str], Answer | None],
        settle: Callable[[], Answer],
        refuse: Callable[[RuleForbids], Answer],
    ) -> Answer:
        """Return the answer to an order, settled now or before. A *no* is an answer."""
        with reading(self.engine) as connection:
            known = answered(connection, command.id)
        if known is not None:
            return known
        try:
            return settle()
        except RuleForbids as no:
            return refuse(no)

    def prove(self, order: OneStepOrder, about: str, verb: str, *, own: str = "") -> None:
        """Raise `RuleForbids` unless a door has let this very order pass. `own`: with which
        sentence a deputy is refused; empty: a deputy may order it too."""
        command = order.command
        fault = self.verify(command, order.admitted_at, about, verb)
        if fault is not None:
            raise fault
        if own and command.actor.on_behalf:
            raise RuleForbids("no_deputy", own)

    def allow(self, command: Command, about: str, department: str) -> None:
        """Raise `RuleForbids` unless policy allows it still."""
        no = self.again(command, about, command.verb, "", department)
        if no is not None:
            raise no

    def entry(self, command: Command, at: datetime, bound: Bound) -> EntryDraft:
        """Return the entry of a settled order."""
        return EntryDraft(
            id=entry_id(command.id, STEP),
            stream=bound.stream,
            at=at,
            who=who_of(self.sealer, command),
            act=command.verb,
            obj=bound.obj,
            why=bound.why,
            where=Where(ip=command.source.ip or None, svc=command.source.door),
            after=bound.after,
            pol=policy_of(command),
            rule=bound.rule,
            wf=here(),
        )

    def refusal(
        self,
        command: Command,
        no: RuleForbids,
        at: datetime,
        about: str,
        digest: str,
        answer: type[Answer],
        verb: str = "",
        stream: str = "",
    ) -> Answer:
        """Write a refusal's entry and return it; nothing of the body goes into the log.

        `verb`: the act that the entry names where the command's own is none. `stream`: where it is
        not the one of the object type's refusals.
        """
        left = Refusal(about, stream or f"{about}:-", verb or command.verb, digest)
        left.write(self.engine, self.sealer, self.forgeries, command, no, at)
        return answer(
            command_id=command.id,
            order_digest=digest,
            status="refused",
            code=no.code,
            reason=no.reason,
            basis=no.basis,
            field=no.field,
        )
