"""The one way from a page to an act of a warning (`yichuang.one_step_door`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import JsonValue

from cases import warning_rows
from cases.messages import Actor, Source
from cases.warnings import ISSUE, OBJECT, WarningAnswer, warning_id
from policies.access import Thing
from workflows.warnings import WarningWorkflow, warning_workflow_id
from yichuang.one_step_door import Kind, OneStepDoor


class WarningDoor(OneStepDoor[WarningAnswer]):
    """Acts of warnings."""

    kind: ClassVar[Kind[WarningAnswer]] = Kind(
        run=WarningWorkflow.run,
        workflow_id=warning_workflow_id,
        answer=WarningAnswer,
        answered=warning_rows.answered,
        thing=lambda _, command: Thing(OBJECT, command.case_id),
        object_of=lambda _: OBJECT,
    )

    async def act(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        verb: str,
        warning: str,
        body: Mapping[str, JsonValue],
    ) -> WarningAnswer:
        """Have an act announced. Raises `NotNow`; repeat with the same id.

        `warning` is the one that is adjusted or lifted; one that is issued has none yet.
        """
        about = warning_id(command_id) if verb == ISSUE else warning
        return await self.settled(actor, source, command_id, verb, about, body)
