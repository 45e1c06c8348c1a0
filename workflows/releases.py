"""One order to the register of versions: taken in by history first, then settled, then answered."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from cases.messages import Command
    from cases.releasing import ReleaseAnswer, ReleaseOrder

RELEASE = "release"
"""Name of the one activity that settles an order (activities/releasing.py)."""
RELEASE_WITHIN = timedelta(minutes=2)
"""The gate may start an engine in a child and prove a policy over every pair of roles."""


def release_workflow_id(command_id: str) -> str:
    return f"release-{command_id}"


@workflow.defn(name="release")
class ReleaseWorkflow:
    """The life of one order. Its id is `release_workflow_id(command.id)`."""

    @workflow.run
    async def run(self, command: Command) -> ReleaseAnswer:
        """Return what came of the order."""
        # The server's instant: a warrant that was good then is good whenever a worker comes back.
        order = ReleaseOrder(command=command, admitted_at=workflow.info().start_time)
        answer: ReleaseAnswer = await workflow.execute_activity(
            RELEASE,
            order,
            result_type=ReleaseAnswer,
            start_to_close_timeout=RELEASE_WITHIN,
            retry_policy=RetryPolicy(
                initial_interval=timedelta(milliseconds=200),
                maximum_interval=timedelta(seconds=20),
            ),
        )
        return answer
