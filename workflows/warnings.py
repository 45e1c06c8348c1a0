"""One announced act of a warning: settled once, by one activity."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.messages import Command
    from cases.warnings import WarningAnswer
    from workflows.one_step import settled_once

ANNOUNCE_WARNING = "announce_warning"
"""Name of the one activity (activities/warning.py)."""


def warning_workflow_id(command_id: str) -> str:
    return f"warning-{command_id}"


@workflow.defn(name="warning")
class WarningWorkflow:
    """The life of one act. Its id is `warning_workflow_id(command.id)`."""

    @workflow.run
    async def run(self, command: Command) -> WarningAnswer:
        """Return what came of the act."""
        return await settled_once(ANNOUNCE_WARNING, command, WarningAnswer)
