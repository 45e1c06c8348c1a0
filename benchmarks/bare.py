"""A bare Temporal workflow of the same shape as a case: update, main loop, one empty activity."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import activity, workflow

STEPS = 8


@activity.defn
def nothing(ids: list[str]) -> list[str]:
    return ids


@workflow.defn(name="bare")
class BareWorkflow:
    @workflow.init
    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._queue: list[str] = []
        self._answers: dict[str, asyncio.Future[str]] = {}

    @workflow.run
    async def run(self, steps: int) -> int:
        done = 0
        while done < self._steps:
            await workflow.wait_condition(lambda: bool(self._queue))
            batch, self._queue = self._queue, []
            for one in await workflow.execute_activity(
                nothing, batch, start_to_close_timeout=timedelta(seconds=20)
            ):
                self._answers.pop(one).set_result(one)
                done += 1
        await workflow.wait_condition(workflow.all_handlers_finished)
        return done

    @workflow.update
    async def act(self, command: str) -> str:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answers[command] = answer
        self._queue.append(command)
        return await answer

    @act.validator
    def _admit(self, command: str) -> None:
        if not command:
            raise ValueError("empty")
