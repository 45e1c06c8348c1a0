"""The approval workflow with a deliberate change that no history of it can bear."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.orders import ApprovalInput
    from workflows.approval import ApprovalWorkflow


@workflow.defn(name="approval")
class ChangedWorkflow(ApprovalWorkflow):
    @workflow.init
    def __init__(self, given: ApprovalInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: ApprovalInput) -> str:
        await workflow.sleep(timedelta(seconds=1))
        return await super().run(given)
