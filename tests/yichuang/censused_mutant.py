"""An approval workflow whose timers can be meddled with, as a wrong version of ours might."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.orders import ApprovalInput
    from workflows.approval import ApprovalWorkflow


@workflow.defn(name="approval")
class Meddled(ApprovalWorkflow):
    """Like ours, and lets its timers be meddled with."""

    @workflow.init
    def __init__(self, given: ApprovalInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: ApprovalInput) -> str:
        return await super().run(given)

    @workflow.signal
    def drop_timer(self) -> None:
        assert self._alarm is not None
        self._alarm.cancel()

    @workflow.signal
    async def second_timer(self) -> None:
        await workflow.sleep(timedelta(days=400))
