"""The one way from a door to an incident: ask policy, have the workflow settle it, answer.

What policy refuses leaves no trace in Temporal; the door writes its entry itself. A command that
was carried out before gets its stored answer, also years after its workflow is forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from temporalio.client import Client

from cases import incident_rows
from cases.database import StoreUnwritable, reading
from cases.incident_lists import state_of
from cases.incident_tables import HANDLING
from cases.incidents import messages as m
from cases.incidents.machine import handled_by
from cases.incidents.messages import incident_id_for
from cases.incidents.orders import IncidentInput
from cases.incidents.state import IncidentState
from cases.messages import Actor, Command, Outcome, Source
from cases.queries import facts_in
from cases.reception import NotNow
from policies.access import STALE, Access, AccessDenied, Thing
from workflows.incident import FIRST, LATER, IncidentWorkflow, workflow_id
from yichuang.life_door import ask, fault_of, refused, same
from yichuang.refusals import RefusalLog


def thing_of(
    incident_id: str, state: IncidentState | None, department: str = "", verb: str = ""
) -> Thing:
    """Return an incident as policy judges it; `department`: for which unit the order `verb`
    speaks."""
    if state is None:
        return Thing(m.OBJECT, incident_id, department=department)
    return Thing(
        m.OBJECT,
        incident_id,
        label_level=state.label_level,
        department=department,
        departments=m.asked_units(verb, department, state.departments),
        hands=handled_by(state, HANDLING),
    )


class UnknownCase(AccessDenied):
    """The case is not there, or not theirs to read: which of the two is not said."""

    field = "body.case"

    def __init__(self) -> None:
        super().__init__("unknown_case", m.UNKNOWN_CASE)


class IncidentDoor:
    """Orders to incidents, for one door. Safe in any number of tasks."""

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

    async def order(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        incident_id: str,
        verb: str,
        body: Mapping[str, Any],
        occurred_at: datetime | None = None,
    ) -> Outcome:
        """Have an order carried out; return its outcome. Raises `NotNow`; repeat with the same id.

        `occurred_at` is for systems alone: when a signal was taken, if not now. What is merged
        takes its signals along.
        """
        at = self._now()
        command = Command(
            id=command_id,
            verb=verb,
            case_id=incident_id,
            body=dict(body),
            actor=actor,
            source=source,
            occurred_at=occurred_at or at,
        )
        outcome = await self._carried_out(command, at)
        if verb == "merge" and outcome.status == "done":
            await self._take_along(command)
        return outcome

    async def _carried_out(self, command: Command, at: datetime) -> Outcome:
        try:
            known, state, into = await asyncio.to_thread(self._look, command)
            if known is not None:
                return known
            malformed = fault_of(command, m.INCIDENT_BODIES, m.INCIDENT_VERBS, "突发事件")
            if malformed is not None:
                raise malformed
            if state is None and command.verb != "report":
                raise AccessDenied("unknown_incident", "没有这个突发事件，请核对编号")
            if command.verb == "merge" and (into is None or not into.open):
                raise AccessDenied("unknown_incident", "要并入的事件不存在或者已经办结", "YCYX-13")
            thing = thing_of(command.case_id, state, m.department_of(command), command.verb)
            warrant = await asyncio.to_thread(
                self._access.warrant_on, command, thing, command.verb, at
            )
            urgent = command.body.get("level") == "red" or bool(state and state.urgent)
            await asyncio.to_thread(self._insist_on_case, command, at)
            outcome = await self._ask(command.model_copy(update={"warrant": warrant}), urgent)
            # Of two orders under one id at once the server knows the first alone, and gives both
            # its answer: what was carried out must be what was asked here.
            await asyncio.to_thread(self._known, command)
        except AccessDenied as no:
            if no.code == STALE:
                raise NotNow(no.reason) from no
            return await asyncio.to_thread(self._refused, command, no, at)
        except (OperationalError, StoreUnwritable) as away:
            raise NotNow("办件库暂时不能使用，请用同一编号重试") from away
        return outcome

    def _insist_on_case(self, command: Command, at: datetime) -> None:
        """Raise `AccessDenied` where the order names a case that the actor may not read; the same
        one as for a case that is not there, so that trying numbers tells nothing."""
        if command.verb not in m.OF_CASES:
            return
        with reading(self._engine) as connection:
            about = facts_in(connection, m.case_of(command))
        if about is not None:
            decision = self._access.decide(command.actor, "read", about, at)
            if decision.allowed:
                return
            if decision.code == STALE:
                raise AccessDenied(STALE, decision.reason)
        raise UnknownCase()

    def _known(self, command: Command) -> Outcome | None:
        """Return what the order came to before. Raises `AccessDenied`: another has its id."""
        with reading(self._engine) as connection:
            return same(incident_rows.answered(connection, command.id), m.order_digest(command))

    def _look(
        self, command: Command
    ) -> tuple[Outcome | None, IncidentState | None, IncidentState | None]:
        with reading(self._engine) as connection:
            known = incident_rows.answered(connection, command.id)
            state = state_of(connection, command.case_id)
            into = command.body.get("into")
            other = state_of(connection, into) if isinstance(into, str) else None
        return same(known, m.order_digest(command)), state, other

    async def _take_along(self, command: Command) -> None:
        """Let the other incident join the signals of the merged one; the same order for ever."""
        with reading(self._engine) as connection:
            signals = incident_rows.all_signals(connection, command.case_id)
        if not signals:
            return
        outcome = await self._carried_out(
            command.model_copy(
                update={
                    "id": f"{command.id}:join"[-128:],
                    "verb": "join",
                    "case_id": command.body["into"],
                    "body": {"signal_ids": list(signals), "source": "merge"},
                }
            ),
            self._now(),
        )
        if outcome.status != "done":
            raise NotNow(f"并入的信号尚未转入（{outcome.reason}），请用同一编号重试")

    def _refused(self, command: Command, no: AccessDenied, at: datetime) -> Outcome:
        return refused(self._refusals, command, no, at, m.OBJECT)

    async def _ask(self, command: Command, urgent: bool) -> Outcome:
        return await ask(
            self._client,
            command,
            IncidentWorkflow.run,
            IncidentInput(incident_id=command.case_id, urgent=urgent),
            name=workflow_id(command.case_id),
            task_queue=self._task_queue,
            priority=FIRST if urgent else LATER,
        )


__all__ = ["IncidentDoor", "incident_id_for", "thing_of"]
