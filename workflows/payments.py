"""One payment request: judged once, by one activity. Applying, reviewing, paying come later."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.messages import Command
    from cases.payments import PaymentAnswer
    from workflows.one_step import settled_once

JUDGE_PAYMENT = "judge_payment"
"""Name of the one activity (activities/paying.py)."""


def payment_workflow_id(command_id: str) -> str:
    return f"payment-{command_id}"


@workflow.defn(name="payment")
class PaymentWorkflow:
    """The life of one request. Its id is `payment_workflow_id(command.id)`."""

    @workflow.run
    async def run(self, command: Command) -> PaymentAnswer:
        """Return what came of the request."""
        return await settled_once(JUDGE_PAYMENT, command, PaymentAnswer)
