"""Walking a path through a real workflow: orders by update, the law's timers by waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from cases.messages import Command, Outcome, Retimed
from cases.orders import Answers, ApprovalInput, Orders, Retime
from cases.state import CaseState
from tests.histories.paths import Path
from tests.histories.sample import order
from workflows.approval import ApprovalWorkflow, workflow_id

Handle = WorkflowHandle[ApprovalWorkflow, str]


async def file_case(
    client: Client, queue: str, command: Command, *, steps_per_run: int = 300
) -> tuple[Handle, Outcome]:
    """Start the case's workflow with its first order; return it and the order's outcome."""
    given = ApprovalInput(case_id=command.case_id, steps_per_run=steps_per_run)
    start: WithStartWorkflowOperation[ApprovalWorkflow, str] = WithStartWorkflowOperation(
        ApprovalWorkflow.run,
        given,
        id=workflow_id(command.case_id),
        task_queue=queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    answers = await client.execute_update_with_start_workflow(
        ApprovalWorkflow.act,
        Orders(commands=(command,)),
        start_workflow_operation=start,
        id=command.id,
    )
    return await start.workflow_handle(), answers.outcomes[0]


async def act(handle: Handle, *commands: Command, update_id: str = "") -> Answers:
    return await handle.execute_update(
        ApprovalWorkflow.act, Orders(commands=commands), id=update_id or commands[0].id
    )


async def refusal_of(handle: Handle, *commands: Command, update_id: str = "") -> str:
    """Return the code with which the validator or `settle` refuses; empty when it does not."""
    try:
        answers = await act(handle, *commands, update_id=update_id)
    except WorkflowUpdateFailedError as refused:
        assert isinstance(refused.cause, ApplicationError), refused.cause
        return str(refused.cause.details[0]["code"])
    return answers.outcomes[0].code


async def retime(handle: Handle, command: Command) -> CaseState:
    """Signal that the case's calendar is another; return the state once that is settled."""
    before = await handle.query(ApprovalWorkflow.state)
    assert before is not None
    why = Retimed.model_validate(command.body)
    await handle.signal(
        ApprovalWorkflow.retime, Retime(why=why, at=command.occurred_at, seen=before.seq)
    )
    async with asyncio.timeout(20):
        while True:
            after = await handle.query(ApprovalWorkflow.state)
            if after is not None and after.seq > before.seq:
                return after
            await asyncio.sleep(0.05)


async def walk_path(
    environment: WorkflowEnvironment, queue: str, path: Path, case_id: str = ""
) -> tuple[Handle, CaseState | None]:
    """Walk a path to its end; time goes by as the table says, and timers ring meanwhile."""
    case_id = case_id or f"{path.name}-{uuid4()}"
    begin = await environment.get_current_time()
    filing, *others = _moved(path, case_id, begin)
    started, outcome = await file_case(
        environment.client, queue, filing, steps_per_run=path.steps_per_run
    )
    # A run that continues as new keeps the id, not the run: ask by the id alone.
    handle = environment.client.get_workflow_handle_for(
        ApprovalWorkflow.run,
        started.id,
        first_execution_run_id=started.first_execution_run_id or started.run_id,
    )
    assert outcome.status == "done", outcome
    for step, command in zip(path.steps, others, strict=True):
        gap = command.occurred_at - await environment.get_current_time()
        if gap > timedelta(seconds=1):
            await environment.sleep(gap)
        if command.verb == "retimed":
            await retime(handle, command)
            continue
        assert await refusal_of(handle, command) == step.refused, step
    if path.wait_days:
        await environment.sleep(timedelta(days=path.wait_days))
    return handle, await handle.query(ApprovalWorkflow.state)


def _moved(path: Path, case_id: str, begin: datetime) -> Sequence[Command]:
    """Return the path's commands with their instants moved to the server's time."""
    commands = path.commands(case_id)
    shift = begin - timedelta(days=path.told_days) - commands[0].occurred_at
    return [
        order(
            command.verb,
            _shifted(command, shift),
            case_id=case_id,
            at=command.occurred_at + shift,
            who=command.actor.id,
            role=command.actor.grants[0].role if command.actor.grants else "",
            name=f"{number}-{command.verb}",
            backfill=command.occurred_at + shift < begin,
        )
        for number, command in enumerate(commands)
    ]


def _shifted(command: Command, shift: timedelta) -> dict[str, object]:
    body = dict(command.body)
    if "inspected_at" in body:
        body["inspected_at"] = (command.occurred_at + shift).isoformat()
    if "hearing_at" in body:
        body["hearing_at"] = (datetime.fromisoformat(body["hearing_at"]) + shift).isoformat()
    form = body.get("form", {})
    if "licence_until" in form:
        # As many days after the filing as the table says, whatever hour it is on the server.
        ahead = date.fromisoformat(form["licence_until"]) - _local(command.occurred_at)
        until = _local(command.occurred_at + shift) + ahead
        body["form"] = form | {"licence_until": until.isoformat()}
    return body


def _local(instant: datetime) -> date:
    return instant.astimezone(ZoneInfo("Asia/Shanghai")).date()
