"""What every life whose rows hold its state does: queue orders, settle them in turn, keep time.

The history of such a life holds orders, answers and the next instant alone. The machine may
change; histories replay. A workflow that is one says what it is called and what it hands on.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar, Protocol

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from cases.lives import RING, Admitted, Due, Memory, ring_command
    from cases.messages import Command, Outcome
    from cases.settling import RuleForbids

BATCH = 10
SETTLE_WITHIN = timedelta(seconds=20)
"""A worker that died is noticed only when this has passed."""
SETTLE_URGENT_WITHIN = timedelta(seconds=5)
"""The same for what is urgent: settling takes some 50 ms, and the same step twice is one."""
REPORT_WITHIN = timedelta(minutes=5)
"""A run whose first order was refused is given up: nobody else would end it."""
KEEP_IDS = 200
FIRST, LATER = Priority(priority_key=1), Priority(priority_key=3)
"""What is urgent before all else (1 is the highest of 5)."""
FORBIDDEN = "RuleForbids"
IMPOSSIBLE = ("Impossible", "IncidentDiffers")
"""Types of the errors by which the activity says that an invariant is broken: not retried."""

_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    maximum_interval=timedelta(seconds=20),
    non_retryable_error_types=list(IMPOSSIBLE),
)


class Settled(Protocol):
    """What the activity answers: one outcome per order, and how the life stands (None: none)."""

    outcomes: tuple[Outcome, ...]
    memory: Memory | None


class Life(ABC):
    """The common part; the workflow that is one has `init`, `run` and the two methods below."""

    activity: ClassVar[str]
    """Name of the one activity that settles its orders."""
    settled: ClassVar[type[Any]]
    """Type of that activity's answer."""
    not_mine: ClassVar[tuple[str, str]]
    """Code and sentence for an order to another life."""
    unbegun: ClassVar[str]
    """What a wait for the first order is called."""

    def begin(
        self, life: str, memory: Memory | None, recent: Sequence[str], steps_per_run: int,
        *, urgent: bool = False, wake: bool = False,
    ) -> None:  # fmt: skip
        """Take up the life as the run's input says it stands."""
        self._id = life
        self._memory = memory
        self._urgent = urgent
        self._steps_per_run = steps_per_run
        self._wake = wake
        self._steps = 0
        self._turned = False
        self._recent: deque[str] = deque(recent, maxlen=KEEP_IDS)
        self._queue: list[Admitted] = []
        self._under_way: list[Admitted] = []
        self._answers: dict[str, asyncio.Future[Outcome]] = {}
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_for: Due | None = None

    @abstractmethod
    def batch(self, seq: int, commands: tuple[Admitted, ...]) -> object:
        """Return what the activity is handed."""

    @abstractmethod
    def anew(self) -> object:
        """Return with what the next run begins."""

    def ends_run(self, command: Command) -> bool:
        """Whether the run ends with this order, and another begins."""
        return False

    async def live(self) -> str:
        """Return the stage in which nothing more was awaited; empty when nothing was begun."""
        self._set_alarm()
        while await self._something_queued():
            await self._settle()
            self._set_alarm()
            if self._queue or self._wake or not (self._is_over or self._is_long):
                continue
            await workflow.wait_condition(workflow.all_handlers_finished)
            if self._queue or self._wake:
                continue
            if self._is_over:
                break
            workflow.continue_as_new(self.anew())
        return self._memory.stage if self._memory else ""

    async def _something_queued(self) -> bool:
        """Wait for an order; False when none came in time to a life that waits for nothing."""
        if self._is_over and not self._queue and not self._wake:
            try:
                await workflow.wait_condition(
                    lambda: bool(self._queue) or self._wake,
                    timeout=REPORT_WITHIN,
                    timeout_summary=self.unbegun,
                )
            except TimeoutError:
                return False
        await workflow.wait_condition(lambda: bool(self._queue) or self._wake)
        return True

    @property
    def _is_over(self) -> bool:
        return self._memory is None or self._memory.over

    @property
    def _is_long(self) -> bool:
        return (
            self._turned
            or self._steps >= self._steps_per_run
            or workflow.info().is_continue_as_new_suggested()
        )

    # --- orders ----------------------------------------------------------------------------------

    @workflow.update
    async def act(self, command: Command) -> Outcome:
        """Queue the order and return its outcome once it is settled."""
        answer = self._answers.get(command.id)
        if answer is None:
            answer = asyncio.get_running_loop().create_future()
            self._answers[command.id] = answer
            self._queue.append(Admitted(command=command, admitted_at=workflow.now()))
        return await answer

    @act.validator
    def _admit(self, command: Command) -> None:
        """Refuse at once what is for another life, or of the law alone."""
        if command.case_id != self._id:
            code, sentence = self.not_mine
            no = RuleForbids(code, sentence, "", "case_id")
        elif command.verb == RING:
            no = RuleForbids("of_law", "定时令只能由流程发出", "", "verb")
        else:
            return
        details = {"code": no.code, "reason": no.reason, "basis": no.basis, "field": no.field}
        raise ApplicationError(str(no), details, type=FORBIDDEN, non_retryable=True)

    @workflow.signal
    def wake(self) -> None:
        """Look at the rows anew: the census found the life without its timer."""
        self._wake = True

    # --- settling --------------------------------------------------------------------------------

    async def _settle(self) -> None:
        self._wake = False
        self._under_way, self._queue = self._queue[:BATCH], self._queue[BATCH:]
        seq = self._memory.seq if self._memory else 0
        try:
            settled: Settled = await workflow.execute_activity(
                self.activity,
                self.batch(seq, tuple(self._under_way)),
                result_type=self.settled,
                start_to_close_timeout=SETTLE_URGENT_WITHIN if self._urgent else SETTLE_WITHIN,
                retry_policy=_RETRY,
                priority=FIRST if self._urgent else LATER,
            )
        except ActivityError as broken:
            self._give_up(broken)
            return
        self._memory = settled.memory
        self._urgent = settled.memory.urgent if settled.memory else self._urgent
        for outcome in settled.outcomes:
            self._recent.append(outcome.command_id)
            answer = self._answers.pop(outcome.command_id, None)
            if answer is not None:
                answer.set_result(outcome)
        self._turned = self._turned or any(self.ends_run(one.command) for one in self._under_way)
        self._under_way = []
        self._steps += len(settled.outcomes)

    def _give_up(self, broken: ActivityError) -> None:
        """An invariant is broken: tell the callers, keep the life as it was."""
        reason = str(broken.cause or broken)
        for one in self._under_way:
            answer = self._answers.pop(one.command.id, None)
            if answer is not None:
                answer.set_exception(
                    ApplicationError(reason, type=IMPOSSIBLE[0], non_retryable=True)
                )
        self._recent.extend(one.command.id for one in self._under_way if one.command.verb == RING)
        self._under_way = []

    # --- time ------------------------------------------------------------------------------------

    def _set_alarm(self) -> None:
        """Keep one timer, to the earliest instant that anything is expected by."""
        wanted = None if self._memory is None else self._memory.next
        if wanted is not None and ring_command(self._id, wanted).id in self._recent:
            wanted = None
        if wanted == self._alarm_for and (self._alarm is None or not self._alarm.done()):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_for = wanted
        self._alarm = None if wanted is None else asyncio.create_task(self._ring(wanted))

    async def _ring(self, due: Due) -> None:
        """Wait for the instant, then put the law's order before all others."""
        delay = due.due_at - workflow.now()
        if delay > timedelta(0):
            await workflow.sleep(delay, summary=f"{due.key} {due.article}"[:200])
        order = ring_command(self._id, due)
        self._queue.insert(0, Admitted(command=order, admitted_at=workflow.now()))
