"""What every door to a life does whose rows hold its state: ask its workflow, read the answer.

What policy refuses leaves no trace in Temporal; the door writes its entry itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import Priority, WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from cases.messages import Command, Frozen, Outcome
from cases.payments import basis_of, first_fault
from cases.reception import NotNow
from policies.access import AccessDenied
from workflows.life import FIRST, FORBIDDEN
from yichuang.refusals import RefusalLog

ANSWER_WITHIN: Final = timedelta(seconds=30)
"""Longer than a killed worker takes to be noticed and the retry to answer."""
URGENT_TASK_WITHIN: Final = timedelta(seconds=5)
"""A worker that died over a step of an urgent life is noticed within this (Temporal: 10 s)."""
LATE: Final = "暂时没有答复，请用同一编号重试"
ACT: Final = "act"
"""Name of the update that orders come by (`workflows.life.Life.act`)."""


class Malformed(AccessDenied):
    """The body is not what its verb asks for; `field` says where."""

    def __init__(self, reason: str, path: str) -> None:
        super().__init__("malformed", reason, basis_of(path))
        self.field = f"body.{path}"


def fault_of(
    command: Command, bodies: Mapping[str, type[Frozen]], verbs: tuple[str, ...], what: str
) -> AccessDenied | None:
    """Return what is wrong with the shape of an order; None: nothing."""
    if command.verb not in verbs:
        return AccessDenied("wrong_verb", f"不是对{what}的命令")
    try:
        bodies[command.verb].model_validate(command.body)
    except ValidationError as wrong:
        path, said = first_fault(wrong.errors(include_url=False, include_input=False))
        return Malformed(f"内容不合格式：{said}", path)
    return None


def same(known: tuple[Outcome, str] | None, digest: str) -> Outcome | None:
    """Return what an order came to before; None: it was not carried out.

    `known`: as its rows have it, with the digest of what was ordered. Raises `AccessDenied` where
    another order has its id.
    """
    if known is None:
        return None
    outcome, stored = known
    if stored != digest:
        raise AccessDenied("id_reused", "这个命令编号已用于另一命令，请换新编号")
    return outcome


def refused(
    refusals: RefusalLog, command: Command, no: AccessDenied, at: datetime, object_type: str
) -> Outcome:
    """Write a refusal's entry; return the answer."""
    outcome = Outcome(
        command_id=command.id,
        case_id=command.case_id,
        status="refused",
        code=no.code,
        reason="；".join(part for part in (no.reason, no.remedy) if part),
        basis=no.basis,
        field=getattr(no, "field", ""),
    )
    refusals.note(command, outcome, at, object_type)
    return outcome


async def ask(
    client: Client,
    command: Command,
    run: Any,
    given: Frozen,
    *,
    name: str,
    task_queue: str,
    priority: Priority,
) -> Outcome:
    """Have the life's workflow settle the order, begun where it does not live. Raises `NotNow`."""
    start: WithStartWorkflowOperation[Any, str] = WithStartWorkflowOperation(
        run,
        given,
        id=name,
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        priority=priority,
        task_timeout=URGENT_TASK_WITHIN if priority == FIRST else None,
    )
    try:
        async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
            outcome: Outcome = await client.execute_update_with_start_workflow(
                ACT, command, start_workflow_operation=start, id=command.id, result_type=Outcome
            )
            return outcome
    except TimeoutError as late:
        raise NotNow(LATE) from late
    except WorkflowUpdateFailedError as failed:
        return _meaning(command, failed)
    except WorkflowUpdateRPCTimeoutOrCancelledError as late:
        raise NotNow(LATE) from late
    except RPCError as error:
        raise NotNow(f"Temporal：{error.message}") from error
    except RuntimeError as unreachable:
        # A lazy client tells that it cannot connect as RuntimeError.
        raise NotNow(f"Temporal 不在：{unreachable}") from unreachable


def _meaning(command: Command, failed: WorkflowUpdateFailedError) -> Outcome:
    cause = failed.cause
    if isinstance(cause, ApplicationError) and cause.type == FORBIDDEN and cause.details:
        return Outcome(
            command_id=command.id, case_id=command.case_id, status="refused", **cause.details[0]
        )
    raise NotNow(f"暂时不能办理：{cause}") from failed
