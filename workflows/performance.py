"""One order to the performance of a project: settled once, by one activity."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from cases.messages import Command
    from cases.projects.performing_messages import PerformanceAnswer, PerformanceOrder

SETTLE_PERFORMANCE = "settle_performance"
"""Name of the one activity (activities/performing.py)."""
SETTLE_WITHIN = timedelta(seconds=30)

_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=20)
)


def performance_workflow_id(command_id: str) -> str:
    return f"performance-{command_id}"


@workflow.defn(name="performance")
class PerformanceWorkflow:
    """The life of one order. Its id is `performance_workflow_id(command.id)`."""

    @workflow.run
    async def run(self, command: Command) -> PerformanceAnswer:
        """Return what came of the order."""
        # The server's instant: a warrant that was good then is good whenever a worker comes back.
        order = PerformanceOrder(command=command, admitted_at=workflow.info().start_time)
        answer: PerformanceAnswer = await workflow.execute_activity(
            SETTLE_PERFORMANCE,
            order,
            result_type=PerformanceAnswer,
            start_to_close_timeout=SETTLE_WITHIN,
            retry_policy=_RETRY,
        )
        return answer
