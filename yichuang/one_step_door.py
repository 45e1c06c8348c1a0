"""The one way from a door to an order that one activity settles: ask policy, have it settled,
answer.

What policy refuses leaves no trace in Temporal; the door writes its entry itself. A command that
was settled before gets its stored answer, also years after its workflow is forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Generic

from pydantic import JsonValue
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError
from temporalio.client import Client

from cases import messages
from cases.database import StoreUnwritable, reading
from cases.messages import Actor, Command, Source
from cases.one_step import Answer, order_digest
from cases.reception import NotNow
from policies.access import STALE, Access, AccessDenied, Thing
from yichuang.refusals import RefusalLog
from yichuang.single_answer import single_answer

ANSWER_WITHIN = timedelta(seconds=30)
LATE = "暂时没有答复，请用同一编号重试"


@dataclass(frozen=True, slots=True)
class Kind(Generic[Answer]):
    """What the orders of one kind have of their own."""

    run: Callable[[Any, Command], Awaitable[Answer]]
    """Of the workflow that settles one."""
    workflow_id: Callable[[str], str]
    answer: type[Answer]
    answered: Callable[[Connection, str], Answer | None]
    """Connection and id of a command → the stored answer; None: it was not settled."""
    thing: Callable[[Connection, Command], Thing]
    """Return what policy is asked on."""
    object_of: Callable[[Command], str]
    """Return the object type of policy, for the entry of a refusal."""
    digest: Callable[[Command], str] = order_digest
    named: str = ""
    """Field of a refusal that says what the order was about; empty: none does."""


class OneStepDoor(Generic[Answer]):
    """Orders of one kind, for one door. Safe in any number of tasks."""

    kind: ClassVar[Kind[Any]]
    """Of a subclass: its own."""

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
        self._client, self._task_queue = client, task_queue
        self._access, self._engine, self._refusals, self._now = access, engine, refusals, now

    async def settled(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        verb: str,
        about: str,
        body: Mapping[str, JsonValue],
    ) -> Answer:
        """Have an order settled. Raises `NotNow`; repeat with the same id.

        `about` is the id of what the order is about, or of what it makes.
        """
        at = self._now()
        command = Command(
            id=command_id, verb=verb, case_id=about, body=dict(body), actor=actor, source=source,
            occurred_at=at,
        )  # fmt: skip
        try:
            known: Answer | None = await asyncio.to_thread(self._known, command_id)
            if known is None:
                warrant = await asyncio.to_thread(self._warrant, command, at)
                known = await self._ask(command.model_copy(update={"warrant": warrant}))
            if known.order_digest != self.kind.digest(command):
                raise AccessDenied("id_reused", "这个命令编号已用于另一命令，请换新编号")
        except AccessDenied as no:
            if no.code == STALE:
                raise NotNow(no.reason) from no
            return await asyncio.to_thread(self._refused, command, no, at)
        except (OperationalError, StoreUnwritable) as away:
            raise NotNow("办件库暂时不能使用，请用同一编号重试") from away
        return known

    def _known(self, command_id: str) -> Answer | None:
        with reading(self._engine) as connection:
            known: Answer | None = self.kind.answered(connection, command_id)
            return known

    def _warrant(self, command: Command, at: datetime) -> messages.Warrant:
        with reading(self._engine) as connection:
            thing = self.kind.thing(connection, command)
        return self._access.warrant_on(command, thing, command.verb, at)

    def _refused(self, command: Command, no: AccessDenied, at: datetime) -> Answer:
        outcome = messages.Outcome(
            command_id=command.id, case_id=command.case_id, status="refused", code=no.code
        )
        self._refusals.note(command, outcome, at, self.kind.object_of(command))
        answer: Answer = self.kind.answer(
            command_id=command.id,
            order_digest=self.kind.digest(command),
            status="refused",
            code=no.code,
            reason="；".join(part for part in (no.reason, no.remedy) if part),
            basis=no.basis,
        )
        about = {self.kind.named: command.case_id} if self.kind.named else {}
        return answer.model_copy(update=about)

    async def _ask(self, command: Command) -> Answer:
        answer: Answer = await single_answer(
            self._client,
            self.kind.run,
            command,
            name=self.kind.workflow_id(command.id),
            task_queue=self._task_queue,
            within=ANSWER_WITHIN,
            late=LATE,
        )
        return answer
