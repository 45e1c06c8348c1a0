"""One order to the fund or to a payment: settled once, by one activity."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from cases.fund import FundAnswer, FundOrder
    from cases.messages import Command

SETTLE_FUND = "settle_fund"
"""Name of the one activity (activities/funding.py)."""
SETTLE_WITHIN = timedelta(seconds=30)

_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=20)
)


def fund_workflow_id(command_id: str) -> str:
    return f"fund-{command_id}"


@workflow.defn(name="fund")
class FundWorkflow:
    """The life of one order. Its id is `fund_workflow_id(command.id)`."""

    @workflow.run
    async def run(self, command: Command) -> FundAnswer:
        """Return what came of the order."""
        # The server's instant: a warrant that was good then is good whenever a worker comes back.
        order = FundOrder(command=command, admitted_at=workflow.info().start_time)
        answer: FundAnswer = await workflow.execute_activity(
            SETTLE_FUND,
            order,
            result_type=FundAnswer,
            start_to_close_timeout=SETTLE_WITHIN,
            retry_policy=_RETRY,
        )
        return answer
