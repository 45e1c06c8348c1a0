"""Asking a workflow that settles one command and ends: started once under its name, waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from cases.messages import Command
from cases.reception import NotNow

Answer = TypeVar("Answer")


async def single_answer(
    client: Client,
    run: Callable[[Any, Command], Awaitable[Answer]],
    command: Command,
    *,
    name: str,
    task_queue: str,
    within: timedelta,
    late: str,
) -> Answer:
    """Return what the workflow `name` answers; the same command asked again meets the same one.

    Raises `cases.reception.NotNow`, with the sentence `late` when no answer came `within` the time.
    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            handle = await _started(client, run, command, name, task_queue)
            return await handle.result()
    except TimeoutError as silent:
        raise NotNow(late) from silent
    except (RPCError, WorkflowFailureError) as error:
        raise NotNow(f"暂时不能办理：{error}") from error
    except RuntimeError as unreachable:
        # A lazy client tells that it cannot connect as RuntimeError.
        raise NotNow(f"Temporal 不在：{unreachable}") from unreachable


async def _started(
    client: Client,
    run: Callable[[Any, Command], Awaitable[Answer]],
    command: Command,
    name: str,
    task_queue: str,
) -> WorkflowHandle[Any, Answer]:
    try:
        return await client.start_workflow(
            run,
            command,
            id=name,
            task_queue=task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
    except WorkflowAlreadyStartedError:
        return client.get_workflow_handle_for(run, name)
