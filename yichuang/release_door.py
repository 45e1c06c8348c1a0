"""The one way from a door to the register of versions: ask policy, have the worker settle, answer.

Only the worker writes the register. What policy refuses leaves no trace in Temporal; the door
writes its entry itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from temporalio.client import Client

from cases import releases
from cases.database import reading
from cases.messages import Actor, Command, Outcome, Source
from cases.reception import NotNow
from cases.releases import ReleaseRefused
from cases.releasing import (
    AskRevocation,
    Endorse,
    Later,
    LookAhead,
    Propose,
    ReleaseAnswer,
    Revoke,
    Sign,
    Simulate,
    Withdraw,
    new_object,
    order_digest,
    verb_of,
    verbs_of,
)
from cases.retiming import Direction
from policies.access import STALE, Access, AccessDenied, Thing
from workflows.releases import ReleaseWorkflow, release_workflow_id
from yichuang.refusals import RefusalLog
from yichuang.single_answer import single_answer

ANSWER_WITHIN = timedelta(seconds=45)
"""The longest gate (a policy proved over every pair of roles) takes 2 s (2 cores, 2026-11-22)."""


class ReleaseDoor:
    """Orders of people to the register, for one door. Safe in any number of tasks."""

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

    async def propose(
        self, actor: Actor, source: Source, command_id: str, body: Propose
    ) -> ReleaseAnswer:
        """Have a text checked and registered. Raises `NotNow`; repeat with the same id."""
        thing = Thing(verbs_of(body.kind).object_type, new_object(body.kind))
        verb = verbs_of(body.kind).propose
        return await self._order(actor, source, command_id, body.kind, verb, thing, body)

    async def sign(
        self, actor: Actor, source: Source, command_id: str, release: str, body: Sign
    ) -> ReleaseAnswer:
        """Activate what another person has proposed. Raises `NotNow`."""
        return await self._on(actor, source, command_id, release, body)

    async def withdraw(
        self, actor: Actor, source: Source, command_id: str, release: str
    ) -> ReleaseAnswer:
        """Take one's own proposal back. Raises `NotNow`."""
        return await self._on(actor, source, command_id, release, Withdraw())

    async def look_ahead(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        release: str,
        direction: Direction = "apply",
    ) -> ReleaseAnswer:
        """See anew what a version, or taking it back, would move. Raises `NotNow`."""
        return await self._on(actor, source, command_id, release, LookAhead(direction=direction))

    async def simulate(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        release: str,
        months: int | None = None,
    ) -> ReleaseAnswer:
        """Have a proposed version's dossier made anew. Raises `NotNow`: it is made all the same."""
        return await self._on(actor, source, command_id, release, Simulate(months=months))

    async def endorse(
        self, actor: Actor, source: Source, command_id: str, release: str, dossier: str
    ) -> ReleaseAnswer:
        """Sign the dossier of one's own proposal. Raises `NotNow`."""
        return await self._on(actor, source, command_id, release, Endorse(dossier=dossier))

    async def ask_revocation(
        self, actor: Actor, source: Source, command_id: str, release: str, reason: str
    ) -> ReleaseAnswer:
        """Ask that a signed version cease to count. Raises `NotNow`."""
        return await self._on(actor, source, command_id, release, AskRevocation(reason=reason))

    async def revoke(
        self, actor: Actor, source: Source, command_id: str, release: str, body: Revoke
    ) -> ReleaseAnswer:
        """Let a version cease to count, as another person has asked. Raises `NotNow`."""
        return await self._on(actor, source, command_id, release, body)

    # --- one order -------------------------------------------------------------------------------

    async def _on(
        self, actor: Actor, source: Source, command_id: str, release: str, body: Later
    ) -> ReleaseAnswer:
        try:
            known = await asyncio.to_thread(self._find, release)
        except ReleaseRefused as unknown:
            return ReleaseAnswer(
                command_id=command_id,
                order_digest="",
                status="refused",
                code=unknown.code,
                reason=unknown.reason,
            )
        verbs, verb = verbs_of(known.kind), verb_of(known.kind, body)
        if verb not in verbs.warranted:
            return ReleaseAnswer(
                command_id=command_id,
                order_digest="",
                status="refused",
                code="wrong_verb",
                reason="这一类版本不能这样办理",
            )
        # Two people: who asked for a revocation is to it what the proposer is to a version.
        first = known.revoke_asked_by if isinstance(body, Revoke) else known.proposed_by
        thing = Thing(verbs.object_type, known.id, proposed_by=first)
        return await self._order(actor, source, command_id, known.kind, verb, thing, body)

    def _find(self, release: str) -> releases.Release:
        with reading(self._engine) as connection:
            return releases.find(connection, release)

    async def _order(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        kind: str,
        verb: str,
        thing: Thing,
        body: Propose | Later,
    ) -> ReleaseAnswer:
        at = self._now()
        command = Command(
            id=command_id,
            verb=verb,
            case_id=thing.id,
            body=body.model_dump(mode="json"),
            actor=actor,
            source=source,
            occurred_at=at,
        )
        act = verbs_of(kind).warranted[verb]
        try:
            warrant = await asyncio.to_thread(self._access.warrant_on, command, thing, act, at)
        except AccessDenied as no:
            if no.code == STALE:
                raise NotNow(no.reason) from no
            return await asyncio.to_thread(self._refused, command, thing, no, at)
        answer = await self._ask(command.model_copy(update={"warrant": warrant}))
        if answer.order_digest != order_digest(command):
            reused = AccessDenied("id_reused", "这个命令编号已用于另一命令，请换新编号")
            return await asyncio.to_thread(self._refused, command, thing, reused, at)
        return answer

    def _refused(
        self, command: Command, thing: Thing, no: AccessDenied, at: datetime
    ) -> ReleaseAnswer:
        outcome = Outcome(command_id=command.id, case_id=thing.id, status="refused", code=no.code)
        self._refusals.note(command, outcome, at, thing.type)
        return ReleaseAnswer(
            command_id=command.id,
            order_digest=order_digest(command),
            status="refused",
            release="" if thing.id.startswith("new:") else thing.id,
            code=no.code,
            reason="；".join(part for part in (no.reason, no.remedy) if part),
            basis=no.basis,
        )

    async def _ask(self, command: Command) -> ReleaseAnswer:
        return await single_answer(
            self._client,
            ReleaseWorkflow.run,
            command,
            name=release_workflow_id(command.id),
            task_queue=self._task_queue,
            within=ANSWER_WITHIN,
            late="暂时没有答复，请稍后在版本列表中查看",
        )
