"""One report of one of the plan's numbers: settled once, by one activity."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.messages import Command
    from cases.plan.messages import PlanReportAnswer
    from workflows.one_step import settled_once

TAKE_PLAN_REPORT = "take_plan_report"
"""Name of the one activity (activities/plan_reports.py)."""


def plan_workflow_id(command_id: str) -> str:
    return f"plan-{command_id}"


@workflow.defn(name="plan_report")
class PlanReportWorkflow:
    """The life of one report. Its id is `plan_workflow_id(command.id)`."""

    @workflow.run
    async def run(self, command: Command) -> PlanReportAnswer:
        """Return what came of the report."""
        return await settled_once(TAKE_PLAN_REPORT, command, PlanReportAnswer)
