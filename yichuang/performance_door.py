"""The one way from a door to the performance of a project (`yichuang.one_step_door`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import JsonValue, ValidationError
from sqlalchemy import Connection

from activities.performing import side_of
from cases import performance_rows
from cases.messages import Actor, Command, Source
from cases.projects.performing_messages import BODIES, OBJECT, PerformanceAnswer, order_digest
from policies.access import Thing
from workflows.performance import PerformanceWorkflow, performance_workflow_id
from yichuang.one_step_door import Kind, OneStepDoor


def performance_thing(connection: Connection, command: Command) -> Thing:
    """Return what policy is asked on, of the department that the order is of."""
    return Thing(OBJECT, command.case_id, department=_side(connection, command))


def _side(connection: Connection, command: Command) -> str:
    state = performance_rows.state_of(connection, command.case_id)
    kind = BODIES.get(command.verb)
    if kind is None:
        return ""
    try:
        return side_of(state, command.verb, kind.model_validate(command.body))
    except ValidationError:
        # The worker says what is malformed, once it is known who may be told.
        named = command.body.get("department", "") if state is None else state.plan.department
        return named if isinstance(named, str) else ""


class PerformanceDoor(OneStepDoor[PerformanceAnswer]):
    """Orders to the performance of projects."""

    kind: ClassVar[Kind[PerformanceAnswer]] = Kind(
        run=PerformanceWorkflow.run,
        workflow_id=performance_workflow_id,
        answer=PerformanceAnswer,
        answered=performance_rows.answered,
        thing=performance_thing,
        object_of=lambda _: OBJECT,
        digest=order_digest,
        named="project",
    )

    async def act(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        verb: str,
        project: str,
        body: Mapping[str, JsonValue],
    ) -> PerformanceAnswer:
        """Have an order settled. Raises `NotNow`; repeat with the same id."""
        return await self.settled(actor, source, command_id, verb, project, body)
