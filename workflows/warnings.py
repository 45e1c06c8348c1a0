"""One announced act of a warning: settled once, by one activity."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from cases.messages import Command
    from cases.warnings import WarningAnswer, WarningOrder

ANNOUNCE_WARNING = "announce_warning"
"""Name of the one activity (activities/warning.py)."""
ANNOUNCE_WITHIN = timedelta(seconds=30)

_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=20)
)


def warning_workflow_id(command_id: str) -> str:
    return f"warning-{command_id}"


@workflow.defn(name="warning")
class WarningWorkflow:
    """The life of one act. Its id is `warning_workflow_id(command.id)`."""

    @workflow.run
    async def run(self, command: Command) -> WarningAnswer:
        """Return what came of the act."""
        # The server's instant: a warrant that was good then is good whenever a worker comes back.
        order = WarningOrder(command=command, admitted_at=workflow.info().start_time)
        answer: WarningAnswer = await workflow.execute_activity(
            ANNOUNCE_WARNING,
            order,
            result_type=WarningAnswer,
            start_to_close_timeout=ANNOUNCE_WITHIN,
            retry_policy=_RETRY,
        )
        return answer
