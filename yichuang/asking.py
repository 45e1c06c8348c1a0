"""Asking a case's workflow: one update for a batch of orders, and what Temporal's errors mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import uuid5

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from cases.messages import NAMESPACE, Command, Outcome
from cases.orders import Answers, ApprovalInput, Orders
from cases.reception import NotNow
from cases.settling import RuleForbids
from workflows.approval import FORBIDDEN, ApprovalWorkflow, workflow_id

ANSWER_WITHIN = timedelta(seconds=30)
"""Longer than a killed worker takes to be noticed (`SETTLE_WITHIN`) and the retry to answer."""

Carried = Callable[[], ApprovalInput | None]


class Refused(Exception):
    """The workflow's final *no* to the first of the orders; `case_gone`: there is no workflow."""

    def __init__(self, code: str, reason: str, basis: str = "", field: str = "") -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.basis = basis
        self.field = field

    def as_rule(self) -> RuleForbids:
        return RuleForbids(self.code, self.reason, self.basis, self.field)


class Asker:
    """Sends orders to the workflows of cases."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def ask(self, commands: Sequence[Command], carried: Carried) -> tuple[Outcome, ...]:
        """Return the outcomes of orders of one case, in order.

        `carried` reads that from which a workflow that Temporal has lost goes on. Raises
        `Refused` for the first order, or `NotNow`.
        """
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                answers = await self._ask(commands, carried)
        except TimeoutError as late:
            raise NotNow("暂时没有答复，请用同一编号重试") from late
        except WorkflowUpdateFailedError as failed:
            raise _meaning(failed) from failed
        except WorkflowUpdateRPCTimeoutOrCancelledError as late:
            raise NotNow("暂时没有答复，请用同一编号重试") from late
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise Refused("case_gone", "") from error
            raise NotNow(f"Temporal：{error.message}") from error
        except RuntimeError as unreachable:
            # A lazy client tells that it cannot connect as RuntimeError.
            raise NotNow(f"Temporal 不在：{unreachable}") from unreachable
        return answers.outcomes

    async def _ask(self, commands: Sequence[Command], carried: Carried) -> Answers:
        first = commands[0]
        if first.verb == "file":
            return await self._with_start(commands, ApprovalInput(case_id=first.case_id))
        try:
            return await self._client.get_workflow_handle_for(
                ApprovalWorkflow.run, workflow_id(first.case_id)
            ).execute_update(
                ApprovalWorkflow.act, Orders(commands=tuple(commands)), id=_id(commands)
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            held = await asyncio.to_thread(carried)
            if held is None:
                raise
            # The rows know an open case that Temporal does not: it goes on from the rows.
            return await self._with_start(commands, held)

    async def _with_start(self, commands: Sequence[Command], given: ApprovalInput) -> Answers:
        start: WithStartWorkflowOperation[ApprovalWorkflow, str] = WithStartWorkflowOperation(
            ApprovalWorkflow.run,
            given,
            id=workflow_id(given.case_id),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        return await self._client.execute_update_with_start_workflow(
            ApprovalWorkflow.act,
            Orders(commands=tuple(commands)),
            start_workflow_operation=start,
            id=_id(commands),
        )


def _id(commands: Sequence[Command]) -> str:
    """Return the update's id: the command's own, or one that stands for all of them."""
    if len(commands) == 1:
        return commands[0].id
    return str(uuid5(NAMESPACE, "orders\n" + "\n".join(command.id for command in commands)))


def _meaning(failed: WorkflowUpdateFailedError) -> Exception:
    cause = failed.cause
    if isinstance(cause, ApplicationError) and cause.type == FORBIDDEN and cause.details:
        return Refused(**cause.details[0])
    if isinstance(cause, ApplicationError) and cause.type == "AcceptedUpdateCompletedWorkflow":
        return Refused("case_gone", "")
    return NotNow(f"暂时不能办理：{cause}")
