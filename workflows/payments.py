"""One payment request: judged once, by one activity. Applying, reviewing, paying come later."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from cases.messages import Command
    from cases.payments import PaymentAnswer, PaymentOrder

JUDGE_PAYMENT = "judge_payment"
"""Name of the one activity (activities/paying.py)."""
JUDGE_WITHIN = timedelta(seconds=30)

_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=20)
)


def payment_workflow_id(command_id: str) -> str:
    return f"payment-{command_id}"


@workflow.defn(name="payment")
class PaymentWorkflow:
    """The life of one request. Its id is `payment_workflow_id(command.id)`."""

    @workflow.run
    async def run(self, command: Command) -> PaymentAnswer:
        """Return what came of the request."""
        # The server's instant: a warrant that was good then is good whenever a worker comes back.
        order = PaymentOrder(command=command, admitted_at=workflow.info().start_time)
        answer: PaymentAnswer = await workflow.execute_activity(
            JUDGE_PAYMENT,
            order,
            result_type=PaymentAnswer,
            start_to_close_timeout=JUDGE_WITHIN,
            retry_policy=_RETRY,
        )
        return answer
