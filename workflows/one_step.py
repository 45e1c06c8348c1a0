"""What every workflow does that settles one order by one activity, and ends."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from cases.messages import Command
    from cases.one_step import Answer, OneStepOrder

SETTLE_WITHIN = timedelta(seconds=30)

_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=20)
)


async def settled_once(activity: str, command: Command, answer: type[Answer]) -> Answer:
    """Return what the activity of this name makes of the order."""
    # The server's instant: a warrant that was good then is good whenever a worker comes back.
    order = OneStepOrder(command=command, admitted_at=workflow.info().start_time)
    found: Answer = await workflow.execute_activity(
        activity,
        order,
        result_type=answer,
        start_to_close_timeout=SETTLE_WITHIN,
        retry_policy=_RETRY,
    )
    return found
