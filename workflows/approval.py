"""One case, from filing to archive: it queues orders, has them settled in turn, and keeps time.

The update only decides whether an order may be admitted and queues it; the main loop settles what
has queued by one normal activity, and only then do the callers get their answers. First history,
then rows, then the answer (docs/decisions; reference measurements in benchmarks/).
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime, timedelta
from uuid import uuid5

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from cases import approval
    from cases.armed import AWAY, RESTS_AFTER, rings_at
    from cases.messages import NAMESPACE, OF_LAW, Actor, Command, Outcome, Source, TimerFired
    from cases.orders import Answers, ApprovalInput, Doubted, Orders, Retime, case_workflow
    from cases.settling import Batch, RuleForbids, Settled
    from cases.state import CaseState, Timer

SETTLE = "settle"
"""Name of the one activity that settles a batch (activities/settle.py)."""
BATCH = 10
"""Commands settled at a time: few enough that even ten documents fit into the timeout."""
SETTLE_WITHIN = timedelta(seconds=20)
"""A worker that died is noticed only when this has passed."""
KEEP_IDS = 200
"""Newest command ids carried along: a repeated one is let through to its stored answer."""
FILE_WITHIN = timedelta(minutes=5)
"""A case whose filing was never admitted is given up: nobody else would end it."""
FORBIDDEN = "RuleForbids"
"""Type of the error by which an update is refused; details: code, reason, basis, field."""
RESTS = "backfilled-rests"
"""Patch: the past of a backfilled case is rung when its telling has ended. Runs from before leave
it to the case's next order; the census starts them anew."""
IMPOSSIBLE = ("Impossible", "HistoryDiffers")
"""Types of the errors by which `settle` says that an invariant is broken: not retried."""


DOUBT = "doubt"
"""Name of the activity that records and alarms an order which no door can have sent."""
STALE_AFTER = timedelta(days=1)
"""Server and doors give an order up within seconds; a warrant that ran out so long ago was kept by
somebody. One that ran out since then is what an outage leaves: refused, and the door signs anew."""


class OutOfStep(Exception):
    """Rows and history disagree. The workflow task fails and is tried again until it is mended."""


def workflow_id(case_id: str) -> str:
    return case_workflow(case_id)


def timer_command(case_id: str, timer: Timer) -> Command:
    """Return the law's own order for an instant that came, the same one for ever.

    It has no warrant: only the worker can issue it, and does when it settles.
    """
    name = f"timer\n{case_id}\n{timer.key}\n{timer.due_at.isoformat()}"
    body = TimerFired(timer=timer.key, due_at=timer.due_at, article=timer.article)
    return Command(
        id=str(uuid5(NAMESPACE, name)),
        verb="timer_fired",
        case_id=case_id,
        body=body.model_dump(mode="json"),
        actor=Actor(id="system", kind="system"),
        source=Source(door="worker"),
        occurred_at=timer.due_at,
    )


def retime_command(case_id: str, order: Retime) -> Command:
    """Return the order to derive the instants again, the same one for the same finding."""
    return Command(
        id=str(uuid5(NAMESPACE, f"retime\n{case_id}\n{order.why.cause}\n{order.seen}")),
        verb="retimed",
        case_id=case_id,
        body=order.why.model_dump(mode="json"),
        actor=Actor(id="system", kind="system"),
        source=Source(door="worker"),
        occurred_at=order.at,
    )


@workflow.defn(name="approval")
class ApprovalWorkflow:
    """The life of a case. Its id is `workflow_id(case_id)`."""

    @workflow.init
    def __init__(self, given: ApprovalInput) -> None:
        self._case_id = given.case_id
        self._state = given.state
        self._steps_per_run = given.steps_per_run
        self._told_until = given.told_until
        self._backfilled_at = given.backfilled_at
        self._steps = 0
        self._recent: deque[str] = deque(given.recent, maxlen=KEEP_IDS)
        self._queue: list[Command] = []
        self._under_way: list[Command] = []
        self._answers: dict[str, asyncio.Future[Outcome]] = {}
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_for: tuple[Timer, datetime] | None = None

    @workflow.run
    async def run(self, given: ApprovalInput) -> str:
        """Return how the case ended; empty when it was never filed."""
        self._set_alarm()
        while True:
            if not await self._something_queued():
                return ""
            await self._settle()
            self._set_alarm()
            if self._queue or not (self._is_over or self._is_long):
                continue
            await workflow.wait_condition(workflow.all_handlers_finished)
            if self._queue:
                continue
            if self._state is None or self._state.stage == "ended":
                return self._state.ending if self._state else ""
            workflow.continue_as_new(
                ApprovalInput(
                    case_id=self._case_id,
                    state=self._state,
                    recent=tuple(self._recent),
                    steps_per_run=self._steps_per_run,
                    backfilled_at=self._backfilled_at,
                )
            )

    async def _something_queued(self) -> bool:
        """Wait for an order; False when none came in time to a case not filed, or long ended."""
        if self._is_over and not self._queue:
            try:
                await workflow.wait_condition(
                    lambda: bool(self._queue), timeout=FILE_WITHIN, timeout_summary="未收件"
                )
            except TimeoutError:
                return False
        await workflow.wait_condition(lambda: bool(self._queue))
        return True

    @property
    def _is_over(self) -> bool:
        return self._state is None or self._state.stage == "ended"

    @property
    def _is_long(self) -> bool:
        return self._steps >= self._steps_per_run or workflow.info().is_continue_as_new_suggested()

    # --- orders ----------------------------------------------------------------------------------

    @workflow.update
    async def act(self, orders: Orders) -> Answers:
        """Queue the orders and return their outcomes once they are settled."""
        for command in orders.commands:
            # Of what older programs admitted nothing is doubted: their histories replay.
            fault = self._doubt(command)
            if fault is not None:
                await self._tell(command, fault)
                raise _refusal(fault)
        answers = [self._enqueue(command) for command in orders.commands]
        return Answers(outcomes=tuple([await answer for answer in answers]))

    @act.validator
    def _admit(self, orders: Orders) -> None:
        """Refuse at once what cannot be: no trace of it stays in history.

        What no door can have sent is let in, to be refused by `act` with an entry and an alarm.
        """
        now = workflow.now()
        if any(self._doubt(command) for command in orders.commands):
            return
        for command in orders.commands:
            fault = approval.warrant_fault(command, now)
            if fault is not None:
                raise _refusal(fault)
        if not orders.commands:
            raise _refusal(RuleForbids("nothing_ordered", "没有命令"))
        first = orders.commands[0]
        # What is under way may change the state: then only `settle` can tell.
        if self._queue or self._under_way or first.id in self._recent:
            return
        no = approval.impossible(self._state, first)
        if no is not None:
            raise _refusal(no)

    @workflow.query
    def state(self) -> CaseState | None:
        """Return the case as its workflow remembers it."""
        return self._state

    @workflow.signal
    def retime(self, order: Retime) -> None:
        """Queue the order once; a case that has ended, or was never filed, has no instants."""
        if self._is_over:
            return
        command = retime_command(self._case_id, order)
        waiting = {one.id for one in (*self._queue, *self._under_way)}
        if command.id not in self._recent and command.id not in waiting:
            self._queue.append(command)

    def _doubt(self, command: Command) -> RuleForbids | None:
        """Return why no door can have sent this order, as far as can be told without keys."""
        if command.case_id != self._case_id or command.verb in OF_LAW:
            return RuleForbids("wrong_case", "命令不属于本办件", "", "case_id")
        warrant, now = command.warrant, workflow.now()
        if warrant is None:
            return approval.warrant_fault(command, now)
        fault = approval.warrant_fault(command, warrant.expires_at - timedelta(microseconds=1))
        if fault is None and now - warrant.expires_at > STALE_AFTER:
            return RuleForbids("warrant_expired", "授权早已过期", "", "warrant")
        return fault

    async def _tell(self, command: Command, fault: RuleForbids) -> None:
        await workflow.execute_activity(
            DOUBT,
            Doubted(
                case_id=self._case_id,
                command=command,
                code=fault.code,
                reason=fault.reason,
                field=fault.field,
            ),
            start_to_close_timeout=SETTLE_WITHIN,
            retry_policy=RetryPolicy(
                initial_interval=timedelta(milliseconds=200),
                maximum_interval=timedelta(seconds=20),
            ),
        )

    def _enqueue(self, command: Command) -> asyncio.Future[Outcome]:
        answer = self._answers.get(command.id)
        if answer is None:
            answer = asyncio.get_running_loop().create_future()
            self._answers[command.id] = answer
            self._queue.append(command)
        return answer

    # --- settling --------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Settle the head of the queue: one activity, then the events, then the answers."""
        self._under_way, self._queue = self._queue[:BATCH], self._queue[BATCH:]
        batch = Batch(state=self._state, commands=tuple(self._under_way))
        try:
            settled = await workflow.execute_activity(
                SETTLE,
                batch,
                result_type=Settled,
                start_to_close_timeout=SETTLE_WITHIN,
                retry_policy=RetryPolicy(
                    initial_interval=timedelta(milliseconds=200),
                    maximum_interval=timedelta(seconds=20),
                    non_retryable_error_types=list(IMPOSSIBLE),
                ),
            )
        except ActivityError as broken:
            self._give_up(broken)
            return
        self._apply(settled)
        self._told_until = None
        self._note_backfilled(settled)
        for step in settled.steps:
            self._recent.append(step.outcome.command_id)
            answer = self._answers.pop(step.outcome.command_id, None)
            if answer is not None:
                answer.set_result(step.outcome)
        self._under_way = []
        self._steps += len(settled.steps)

    def _apply(self, settled: Settled) -> None:
        """Apply what was settled; a step whose number the state already has is a repetition."""
        for step in settled.steps:
            known = 0 if self._state is None else self._state.seq
            if step.outcome.status != "done" or step.outcome.seq <= known:
                continue
            if self._state is None:
                self._state = settled.state
                continue
            if step.outcome.seq != known + 1:
                raise OutOfStep(f"expected step {known + 1}, found {step.outcome.seq}")
            self._state = approval.apply(self._state, step.events)

    def _note_backfilled(self, settled: Settled) -> None:
        """Keep when the newest backfilled order was recorded, as the rows tell it too."""
        backfilled = {command.id for command in self._under_way if command.backfill}
        for step in settled.steps:
            at = step.outcome.recorded_at
            told = step.outcome.command_id in backfilled and step.outcome.status == "done"
            if told and at is not None:
                self._backfilled_at = max(at, self._backfilled_at or at)

    def _give_up(self, broken: ActivityError) -> None:
        """An invariant is broken: tell the callers, keep the case as it was."""
        reason = str(broken.cause or broken)
        for command in self._under_way:
            answer = self._answers.pop(command.id, None)
            if answer is not None:
                answer.set_exception(
                    ApplicationError(reason, type=IMPOSSIBLE[0], non_retryable=True)
                )
        # What the law orders and cannot be settled must not come again at once.
        self._recent.extend(c.id for c in self._under_way if c.verb in OF_LAW)
        self._under_way = []

    # --- time ------------------------------------------------------------------------------------

    def _set_alarm(self) -> None:
        """Keep one timer, to the earliest instant that the law or a promise gives.

        In a backfilled case it rings when the case has come to rest, if that is later: then all
        that is past follows, one instant after the other.
        """
        wanted = self._next_timer()
        if wanted == self._alarm_for:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_for = wanted
        self._alarm = None if wanted is None else asyncio.create_task(self._ring(*wanted))

    def _next_timer(self) -> tuple[Timer, datetime] | None:
        """Return the earliest instant that was not rung, and when to ring for it."""
        if self._state is None or self._state.stage == "ended":
            return None
        rests = self._state.backfilled and workflow.patched(RESTS)
        left_to_orders = self._state.backfilled and not rests
        told_until = self._told_until or workflow.now()
        for timer in approval.pending_timers(self._state):
            if left_to_orders and timer.due_at <= told_until:
                continue
            if timer_command(self._case_id, timer).id not in self._recent:
                return timer, rings_at(timer.due_at, self._backfilled_at if rests else None)
        return None

    async def _ring(self, timer: Timer, at: datetime) -> None:
        """Wait until `at`, then put the law's order before all others."""
        delay = _until(at)
        summary = f"{timer.key} {timer.article}"[:200]
        if delay > timedelta(0):
            await workflow.sleep(delay, summary=summary)
            while at > timer.due_at and _until(at) < -AWAY:
                # We were away over the rest, and what else there is to tell perhaps with us.
                at = workflow.now() + RESTS_AFTER
                await workflow.sleep(RESTS_AFTER, summary=summary)
        if at > timer.due_at and any(c.backfill for c in (*self._under_way, *self._queue)):
            self._alarm_for = None  # what tells more is here already: it comes first
            return
        self._queue.insert(0, timer_command(self._case_id, timer))


def _until(at: datetime) -> timedelta:
    return at - workflow.now()


def _refusal(no: RuleForbids) -> ApplicationError:
    details = {"code": no.code, "reason": no.reason, "basis": no.basis, "field": no.field}
    return ApplicationError(no.reason, details, type=FORBIDDEN, non_retryable=True)
