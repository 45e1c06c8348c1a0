"""Reading what Temporal knows of a case's newest run: from the newest event back to the last look.

Sealed payloads are not opened: a timer's instant is its start plus its length, both in the clear.
A look that finds nothing new costs one call and one page (1.7 ms of the embedded server's CPU, a
description of the workflow 2.4; measured 2026-11-26).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from cases.armed import Armed, Heard, Seen, carried

NEW_EVENTS = 12
"""Events in the first page: a step with its timer is ten."""
OLD_EVENTS = 250
STUCK_AFTER = timedelta(seconds=10)
"""A task or activity that takes longer than this is asked about: a task's own limit is 10 s."""
MOVED_ON = ("CaseMoved", "HistoryDiffers")
"""Types of the failures by which `settle` says that the rows stand elsewhere."""
TRIED = 3
"""Attempts of `settle` after which such a failure is no race any more."""

WITHIN = timedelta(seconds=10)
"""For one call; a server that takes longer is away."""

_E = EventType
CLOSED = {
    _E.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "completed",
    _E.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "failed",
    _E.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: "timed_out",
    _E.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: "cancelled",
    _E.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: "terminated",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where a run was read when nothing was under way, and what was armed there."""

    run_id: str
    started_at: datetime | None
    event_id: int
    event_at: datetime | None
    armed: Armed


async def look(client: Client, workflow_id: str, mark: Mark | None, now: datetime) -> Seen:
    """Return what Temporal knows of the newest run. Raises `RPCError` when it is away."""
    try:
        read = await _read(client, workflow_id, mark)
        seen = _seen(read)
        if seen.is_busy and seen.busy_since and now - seen.busy_since > STUCK_AFTER:
            return await _asked(client, workflow_id, seen)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return Seen(is_known=False)
        raise
    return seen


# --- events ---


@dataclass(slots=True)
class _Read:
    """The events since `mark`, in order; since the beginning where that is None."""

    mark: Mark | None
    events: Sequence[HistoryEvent]


async def _read(client: Client, workflow_id: str, mark: Mark | None) -> _Read:
    newest_first: list[HistoryEvent] = []
    async for event in backwards(client, workflow_id):
        if mark is not None and event.event_id <= mark.event_id:
            if event.event_id == mark.event_id and moment(event.event_time) == mark.event_at:
                break
            mark = None  # another run than the one that was read: all of it is new
        newest_first.append(event)
    return _Read(mark, newest_first[::-1])


async def backwards(
    client: Client, workflow_id: str, run_id: str = ""
) -> AsyncIterator[HistoryEvent]:
    """Yield the events of a run (the newest), the newest first. Raises `RPCError`."""
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
        maximum_page_size=NEW_EVENTS,
    )
    while True:
        page = await client.workflow_service.get_workflow_execution_history_reverse(
            request, timeout=WITHIN
        )
        for event in page.history.events:
            yield event
        if not page.next_page_token:
            return
        request.next_page_token = page.next_page_token
        request.maximum_page_size = OLD_EVENTS


def _seen(read: _Read) -> Seen:
    mark, events = read.mark, read.events
    if not events:
        assert mark is not None, "a history without events"
        return Seen(
            run_id=mark.run_id,
            started_at=mark.started_at,
            event_id=mark.event_id,
            event_at=mark.event_at,
            armed=mark.armed,
            is_successor=True,
        )
    newest = events[-1]
    run_id, started_at, is_reset, fresh = _run(mark, events)
    since = _busy_since(events)
    return Seen(
        closed_as=CLOSED.get(newest.event_type, ""),
        run_id=run_id,
        started_at=started_at,
        event_id=newest.event_id,
        event_at=moment(newest.event_time),
        armed=carried(mark.armed if mark else {}, _heard(events)),
        is_reset=is_reset,
        is_busy=since is not None,
        busy_since=since,
        is_successor=fresh,
    )


def _run(
    mark: Mark | None, events: Sequence[HistoryEvent]
) -> tuple[str, datetime | None, bool, bool]:
    """Return run id, its beginning, whether it was set back, whether it goes on from another."""
    if mark is not None:
        run_id, started_at, goes_on = mark.run_id, mark.started_at, True
    else:
        began = events[0].workflow_execution_started_event_attributes
        run_id, started_at = began.original_execution_run_id, moment(events[0].event_time)
        goes_on = bool(began.continued_execution_run_id)
    for event in events:
        failed = event.workflow_task_failed_event_attributes
        if failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW:
            return failed.new_run_id, started_at, True, False
    return run_id, started_at, False, goes_on


def _heard(events: Sequence[HistoryEvent]) -> list[Heard]:
    """Return what these events say of timers."""
    tasks = {
        event.event_id: moment(event.event_time)
        for event in events
        if event.event_type == _E.EVENT_TYPE_WORKFLOW_TASK_STARTED
    }
    begun = {
        event.event_id: tasks.get(event.workflow_task_completed_event_attributes.started_event_id)
        for event in events
        if event.event_type == _E.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    }
    heard: list[Heard] = []
    for event in events:
        if event.event_type == _E.EVENT_TYPE_TIMER_STARTED:
            started = event.timer_started_event_attributes
            # The workflow counts from the start of its task, the server from the task's end.
            since = begun.get(started.workflow_task_completed_event_id) or moment(event.event_time)
            at = since + started.start_to_fire_timeout.ToTimedelta()
            heard.append(Heard("started", started.timer_id, at))
        elif event.event_type == _E.EVENT_TYPE_TIMER_FIRED:
            heard.append(Heard("fired", event.timer_fired_event_attributes.timer_id))
        elif event.event_type == _E.EVENT_TYPE_TIMER_CANCELED:
            heard.append(Heard("cancelled", event.timer_canceled_event_attributes.timer_id))
    return heard


_TASK_DONE = (_E.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,)
_TASK_OPEN = (
    _E.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    _E.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    # Another attempt follows at once; it stands in no event until it is done.
    _E.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    _E.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
)


def _busy_since(events: Sequence[HistoryEvent]) -> datetime | None:
    """Return since when a task or an activity is under way; None when nothing is."""
    if events[-1].event_type in CLOSED:
        return None
    task: datetime | None = None
    under_way: dict[int, datetime] = {}
    for event in events:
        at = moment(event.event_time)
        if event.event_type in _TASK_OPEN:
            task = task or at
        elif event.event_type in _TASK_DONE:
            task = None
        elif event.event_type == _E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            under_way[event.event_id] = at
        elif (over := _ended_activity(event)) is not None:
            under_way.pop(over, None)
        elif event.event_type == _E.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
            return at  # the next run begins in this moment
    return min((at for at in (task, *under_way.values()) if at is not None), default=None)


def _ended_activity(event: HistoryEvent) -> int | None:
    if event.event_type == _E.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
        return event.activity_task_completed_event_attributes.scheduled_event_id
    if event.event_type == _E.EVENT_TYPE_ACTIVITY_TASK_FAILED:
        return event.activity_task_failed_event_attributes.scheduled_event_id
    if event.event_type == _E.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
        return event.activity_task_timed_out_event_attributes.scheduled_event_id
    if event.event_type == _E.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
        return event.activity_task_canceled_event_attributes.scheduled_event_id
    return None


# --- what no event tells ---


async def _asked(client: Client, workflow_id: str, seen: Seen) -> Seen:
    """Return the same with what is tried again and again, which history does not hold."""
    told = await describe(client, workflow_id, seen.run_id)
    moved_on = any(
        one.attempt >= TRIED and one.last_failure.application_failure_info.type in MOVED_ON
        for one in told.pending_activities
    )
    failing = told.pending_workflow_task.attempt if told.HasField("pending_workflow_task") else 0
    return replace(seen, failing=failing, behind=moved_on)


async def describe(
    client: Client, workflow_id: str, run_id: str = ""
) -> DescribeWorkflowExecutionResponse:
    """Return Temporal's own description of a run. Raises `RPCError`, also NOT_FOUND."""
    execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    return await client.workflow_service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=execution),
        timeout=WITHIN,
    )


def moment(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC)
