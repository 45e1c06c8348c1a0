"""One order to the fund or to a payment: settled once, by one activity."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.fund import FundAnswer
    from cases.messages import Command
    from workflows.one_step import settled_once

SETTLE_FUND = "settle_fund"
"""Name of the one activity (activities/funding.py)."""


def fund_workflow_id(command_id: str) -> str:
    return f"fund-{command_id}"


@workflow.defn(name="fund")
class FundWorkflow:
    """The life of one order. Its id is `fund_workflow_id(command.id)`."""

    @workflow.run
    async def run(self, command: Command) -> FundAnswer:
        """Return what came of the order."""
        return await settled_once(SETTLE_FUND, command, FundAnswer)
