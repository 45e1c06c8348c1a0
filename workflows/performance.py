"""One order to the performance of a project: settled once, by one activity."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.messages import Command
    from cases.projects.performing_messages import PerformanceAnswer
    from workflows.one_step import settled_once

SETTLE_PERFORMANCE = "settle_performance"
"""Name of the one activity (activities/performing.py)."""


def performance_workflow_id(command_id: str) -> str:
    return f"performance-{command_id}"


@workflow.defn(name="performance")
class PerformanceWorkflow:
    """The life of one order. Its id is `performance_workflow_id(command.id)`."""

    @workflow.run
    async def run(self, command: Command) -> PerformanceAnswer:
        """Return what came of the order."""
        return await settled_once(SETTLE_PERFORMANCE, command, PerformanceAnswer)
