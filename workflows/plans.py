"""One report of one of the plan's numbers: settled once, by one activity."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from cases.messages import Command
    from cases.plan.messages import PlanReportAnswer, PlanReportOrder

TAKE_PLAN_REPORT = "take_plan_report"
"""Name of the one activity (activities/plan_reports.py)."""
TAKE_WITHIN = timedelta(seconds=30)

_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=20)
)


def plan_workflow_id(command_id: str) -> str:
    return f"plan-{command_id}"


@workflow.defn(name="plan_report")
class PlanReportWorkflow:
    """The life of one report. Its id is `plan_workflow_id(command.id)`."""

    @workflow.run
    async def run(self, command: Command) -> PlanReportAnswer:
        """Return what came of the report."""
        # The server's instant: a warrant that was good then is good whenever a worker comes back.
        order = PlanReportOrder(command=command, admitted_at=workflow.info().start_time)
        answer: PlanReportAnswer = await workflow.execute_activity(
            TAKE_PLAN_REPORT,
            order,
            result_type=PlanReportAnswer,
            start_to_close_timeout=TAKE_WITHIN,
            retry_policy=_RETRY,
        )
        return answer
