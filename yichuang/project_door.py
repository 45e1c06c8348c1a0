"""The one way from a door to a project: ask policy, have the workflow settle it, answer.

A command that was carried out before gets its stored answer, also years after its workflow's run
is forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from temporalio.client import Client

from cases import project_rows
from cases.database import StoreUnwritable, reading
from cases.messages import Actor, Command, Outcome, Source
from cases.project_lists import state_of
from cases.projects import messages as m
from cases.projects.machine import handled_by
from cases.projects.messages import project_id_for
from cases.projects.orders import ProjectInput
from cases.projects.state import ProjectState
from cases.reception import NotNow
from policies.access import STALE, Access, AccessDenied, Thing
from workflows.project import LATER, ProjectWorkflow, workflow_id
from yichuang.life_door import ask, fault_of, refused, same
from yichuang.refusals import RefusalLog


def project_thing(project_id: str, state: ProjectState | None, department: str = "") -> Thing:
    """Return a project as policy judges it; `department`: 实施机构 of one that is established."""
    if state is None:
        return Thing(m.OBJECT, project_id, department=department)
    return Thing(
        m.OBJECT,
        project_id,
        department=state.department,
        departments=tuple(one for one in (state.department, state.operator) if one),
        hands=handled_by(state),
    )


def department_of(command: Command) -> str:
    """Return for which department a project is to be established; empty: none is."""
    named = command.body.get("department", "") if command.verb == "establish" else ""
    return named if isinstance(named, str) else ""


class ProjectDoor:
    """Orders to projects, for one door. Safe in any number of tasks."""

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
        project_id: str,
        verb: str,
        body: Mapping[str, Any],
    ) -> Outcome:
        """Have an order carried out; return its outcome. Raises `NotNow`; repeat with the same
        id."""
        at = self._now()
        command = Command(
            id=command_id,
            verb=verb,
            case_id=project_id,
            body=dict(body),
            actor=actor,
            source=source,
            occurred_at=at,
        )
        try:
            known, state = await asyncio.to_thread(self._look, command)
            if known is not None:
                return known
            malformed = fault_of(command, m.PROJECT_BODIES, m.PROJECT_VERBS, "项目")
            if malformed is not None:
                raise malformed
            if state is None and verb != "establish":
                raise AccessDenied("unknown_project", "没有这个项目，请核对编号")
            thing = project_thing(project_id, state, department_of(command))
            warrant = await asyncio.to_thread(self._access.warrant_on, command, thing, verb, at)
            outcome = await self._ask(command.model_copy(update={"warrant": warrant}))
            # Of two orders under one id at once the server knows the first alone, and gives both
            # its answer: what was carried out must be what was asked here.
            await asyncio.to_thread(self._known, command)
        except AccessDenied as no:
            if no.code == STALE:
                raise NotNow(no.reason) from no
            return await asyncio.to_thread(refused, self._refusals, command, no, at, m.OBJECT)
        except (OperationalError, StoreUnwritable) as away:
            raise NotNow("办件库暂时不能使用，请用同一编号重试") from away
        return outcome

    async def _ask(self, command: Command) -> Outcome:
        return await ask(
            self._client,
            command,
            ProjectWorkflow.run,
            ProjectInput(project_id=command.case_id),
            name=workflow_id(command.case_id),
            task_queue=self._task_queue,
            priority=LATER,
        )

    def _known(self, command: Command) -> Outcome | None:
        """Return what the order came to before. Raises `AccessDenied`: another has its id."""
        with reading(self._engine) as connection:
            return same(project_rows.answered(connection, command.id), m.order_digest(command))

    def _look(self, command: Command) -> tuple[Outcome | None, ProjectState | None]:
        with reading(self._engine) as connection:
            known = project_rows.answered(connection, command.id)
            state = state_of(connection, command.case_id)
        return same(known, m.order_digest(command)), state


__all__ = ["ProjectDoor", "department_of", "project_id_for", "project_thing"]
