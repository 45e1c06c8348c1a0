"""What every activity does that settles orders to a life: who ordered, how it is answered."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import uuid5

from pydantic import ValidationError
from sqlalchemy import Connection, Engine

from activities.entries import here
from activities.forging import Forgeries
from activities.sealing import Sealer
from activities.telling import Told, event_of
from audit.entry import EntryDraft, PolicyRef, What, Where, Who, entry_id
from audit.outbox import record_many
from cases.alarms import announce
from cases.lives import RING
from cases.messages import NAMESPACE, Command, Frozen, Outcome
from cases.payments import basis_of, first_fault
from cases.settling import Forged, RuleForbids


def who_of(sealer: Sealer, command: Command) -> Who:
    """Return who ordered it, as the log says it: pseudonyms, with the role of the warrant."""
    actor, warrant = command.actor, command.warrant
    return Who(
        id=sealer.who(actor.id),
        kind=actor.kind,
        org=(warrant.department if warrant else "") or actor.department or None,
        role=(warrant.role if warrant else "") or None,
        on_behalf=sealer.who(actor.on_behalf) if actor.on_behalf else None,
    )


def policy_of(command: Command) -> PolicyRef | None:
    """Return by which row of which policy it was allowed; None: no warrant."""
    warrant = command.warrant
    return PolicyRef(warrant.row, "allow", warrant.policy) if warrant else None


def parsed(bodies: Mapping[str, type[Frozen]], command: Command) -> Frozen:
    """Return the body of the order's verb, as `body_as`."""
    return body_as(bodies[command.verb], command)


Body = TypeVar("Body", bound=Frozen)


def body_as(kind: type[Body], command: Command) -> Body:
    """Return the order's typed body. Raises `RuleForbids` that says which field is wrong."""
    try:
        return kind.model_validate(command.body)
    except ValidationError as malformed:
        path, said = first_fault(malformed.errors(include_url=False, include_input=False))
        raise RuleForbids(
            "malformed", f"内容不合格式：{said}", basis_of(path), f"body.{path}"
        ) from malformed


def repeated(known: tuple[Outcome, str], digest: str) -> Outcome:
    """Return the stored outcome. Raises `RuleForbids` where another order has its id."""
    outcome, stored = known
    if stored != digest:
        raise RuleForbids("id_reused", "这个命令编号已用于另一命令，请换新编号", "", "id")
    return outcome


def refused(command: Command, no: RuleForbids, number: str, entry: str) -> Outcome:
    """Return a *no* as an outcome."""
    return Outcome(
        command_id=command.id,
        case_id=command.case_id,
        status="refused",
        case_no=number,
        code=no.code,
        reason=no.reason,
        basis=no.basis,
        field=no.field,
        entry=entry,
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refused order leaves in the log: nothing of its body."""

    object_type: str
    """Of policy."""
    stream: str
    act: str
    digest: str
    """What was ordered and by whom, as SHA-256."""

    def write(
        self, engine: Engine, sealer: Sealer, forgeries: Forgeries, command: Command,
        no: RuleForbids, at: datetime,
    ) -> str:  # fmt: skip
        """Write its entry, the same one at every retry, and ring where it was forged; return the
        entry's id."""
        draft = EntryDraft(
            id=entry_id(command.id, f"refused:{no.code}:{self.digest}"),
            stream=self.stream,
            at=at,
            who=who_of(sealer, command),
            act=self.act,
            obj=What(self.object_type, command.case_id),
            res="deny",
            why=no.code,
            where=Where(ip=command.source.ip or None, svc=command.source.door),
            pol=policy_of(command),
            wf=here(),
        )
        with engine.begin() as connection:
            record_many(connection, [(draft, ())])
            if isinstance(no, Forged):
                forgeries.alarm(connection, self.object_type, command.case_id, command, no, at)
        return draft.id


# --- a life whose rows hold its state ------------------------------------------------------------


class Stands(Protocol):
    """How a life stands after an order, as its entry and its answer say it."""

    @property
    def number(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def stage(self) -> str: ...


def settled(command: Command, state: Stands, entry: str, at: datetime) -> Outcome:
    """Return what an order came to that was carried out just now."""
    return Outcome(
        command_id=command.id,
        case_id=command.case_id,
        status="done",
        case_no=state.number,
        seq=state.seq,
        stage=state.stage,
        entry=entry,
        recorded_at=at,
    )


@dataclass(frozen=True, slots=True)
class Trail:
    """What orders to one kind of life leave in the log."""

    object_type: str
    """Of policy; the first word of each life's stream."""
    acts: Container[str]
    """What may be ordered; another word is not repeated in the log."""
    sealer: Sealer
    forgeries: Forgeries
    digest: Callable[[Command], str]
    """What is ordered and by whom, as SHA-256."""

    def entry(
        self, command: Command, state: Stands, entry: str, at: datetime,
        before: str | None, after: str,
    ) -> EntryDraft:  # fmt: skip
        """Return the entry of an order; `before` and `after` are digests of the state."""
        life = command.case_id
        return EntryDraft(
            id=entry,
            stream=f"{self.object_type}:{life}",
            at=at,
            who=who_of(self.sealer, command),
            act=command.verb,
            obj=What(self.object_type, life, str(state.seq)),
            why=state.stage,
            where=Where(ip=command.source.ip or None, svc=command.source.door),
            before=before,
            after=after,
            pol=policy_of(command),
            wf=here(),
        )

    def refused(
        self, engine: Engine, command: Command, no: RuleForbids, state: Stands | None, at: datetime
    ) -> Outcome:
        """Write the refusal's entry and return it; nothing of the body goes into the log."""
        number = state.number if state else ""
        if command.verb == RING and not isinstance(no, Forged):
            # An instant that no longer waits: nothing has happened, nobody asked for it.
            return refused(command, no, number, "")
        left = Refusal(
            self.object_type,
            f"{self.object_type}:{command.case_id if state else '-'}",
            command.verb if command.verb in self.acts else "unknown",
            self.digest(command),
        )
        entry = left.write(engine, self.sealer, self.forgeries, command, no, at)
        return refused(command, no, number, entry)


@dataclass(frozen=True, slots=True)
class Announced:
    """Where the events of one kind of life go."""

    object_type: str
    city: str
    schemas: str
    """Where the schemas stand, an address without trailing slash."""

    def changed(
        self, connection: Connection, life: str, state: Stands, department: str, at: datetime,
        data: Mapping[str, object],
    ) -> None:  # fmt: skip
        """Put the event of a step into the outbox, the same one at every retry."""
        kind = self.object_type
        message_id = str(uuid5(NAMESPACE, f"{kind} changed\n{life}\n{state.seq}"))
        told = Told(message_id, f"{kind}.changed", department, state.number, at, data)
        announce(connection, event_of(self.city, self.schemas, told), life, at)
