"""Which entries a run's history stands for: read from the newest event back to the last mark.

Sealed payloads are opened: an order's id is in the input of the activity that settled it, the id
of its entry in the answer. What is not said there is not guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson
from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.entries import STEP
from audit.entry import entry_id
from cases.orders import Doubted
from cases.reconciled import Evidence, Mark
from workflows.approval import DOUBT, SETTLE
from workflows.fund import SETTLE_FUND
from workflows.incident import SETTLE_INCIDENT
from workflows.payments import JUDGE_PAYMENT
from workflows.performance import SETTLE_PERFORMANCE
from workflows.plans import TAKE_PLAN_REPORT
from workflows.project import SETTLE_PROJECT
from workflows.releases import RELEASE, RETIME, SIMULATE
from workflows.warnings import ANNOUNCE_WARNING
from yichuang.acts import RELEASES
from yichuang.history import CLOSED, backwards

Json = Any
Named = Callable[[Json], Sequence[str]]
Answered = Callable[[Json, Json], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Step:
    """What the entries of an activity are: those that its order may write, seen from its input,
    and those that must be there once it has answered."""

    ordered: Named
    answered: Answered


@dataclass(frozen=True, slots=True)
class RunRead:
    """What was read of a run; `mark` is where to go on, None where Temporal knows no such run."""

    evidence: tuple[Evidence, ...]
    activities: frozenset[str]
    """Ids of the activities that were read, under way or done."""
    done: int
    """Activities that have completed."""
    mark: Mark | None


class ActivityUnknown(Exception):
    """History holds an activity whose entries nobody has told us: impossible."""


async def read_run(
    client: Client, workflow_id: str, run_id: str, mark: Mark | None = None
) -> RunRead:
    """Read what a run's history has since `mark`. Raises `RPCError` when Temporal is away."""
    since = mark.event_id if mark else 0
    newest_first: list[HistoryEvent] = []
    try:
        async for event in backwards(client, workflow_id, run_id):
            if event.event_id <= since:
                break
            newest_first.append(event)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return RunRead((), frozenset(), 0, None)
        raise
    return await _told(client, workflow_id, run_id, since, newest_first[::-1])


async def _told(
    client: Client, workflow_id: str, run_id: str, since: int, events: Sequence[HistoryEvent]
) -> RunRead:
    under_way: dict[int, tuple[str, Json]] = {}
    found: list[Evidence] = []
    named: set[str] = set()
    done = 0
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            begun = event.activity_task_scheduled_event_attributes
            kind, given = begun.activity_type.name, await _opened(client, begun.input)
            under_way[event.event_id] = (kind, given)
            named.add(begun.activity_id)
            found += _each(_step(kind).ordered(given), workflow_id, run_id, event.event_id, False)
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            over = event.activity_task_completed_event_attributes
            kind, given = under_way.pop(over.scheduled_event_id)
            answer = await _opened(client, over.result)
            entries = _step(kind).answered(given, answer)
            found += _each(entries, workflow_id, run_id, event.event_id, True)
            done += 1
        elif (ended := _ended(event)) is not None:
            under_way.pop(ended, None)
    newest = events[-1].event_id if events else since
    is_closed = bool(events) and events[-1].event_type in _OVER
    upto = newest if is_closed else min([newest + 1, *under_way]) - 1
    mark = Mark(run_id, workflow_id, upto, is_closed)
    return RunRead(tuple(found), frozenset(named), done, mark)


_OVER = frozenset({*CLOSED, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW})


def _ended(event: HistoryEvent) -> int | None:
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
        return event.activity_task_failed_event_attributes.scheduled_event_id
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
        return event.activity_task_timed_out_event_attributes.scheduled_event_id
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
        return event.activity_task_canceled_event_attributes.scheduled_event_id
    return None


def _each(
    entries: Sequence[str], workflow_id: str, run_id: str, event_id: int, needed: bool
) -> list[Evidence]:
    return [Evidence(one, workflow_id, run_id, event_id, needed) for one in entries]


async def _opened(client: Client, sealed: Payloads) -> Json:
    """Return the one value of an input or answer as JSON."""
    codec = client.data_converter.payload_codec
    payloads = list(sealed.payloads)
    plain = await codec.decode(payloads) if codec and payloads else payloads
    return orjson.loads(plain[0].data) if plain else None


# --- what each activity writes -------------------------------------------------------------------


def _step(kind: str) -> Step:
    known = STEPS.get(kind)
    if known is None:
        raise ActivityUnknown(kind)
    return known


def _batch(given: Json) -> Sequence[str]:
    return [entry_id(one["id"], STEP) for one in given["commands"]]


def _settled(_given: Json, answer: Json) -> Sequence[str]:
    return [step["outcome"]["entry"] for step in answer["steps"]]


def _order(given: Json) -> Sequence[str]:
    return [entry_id(given["command"]["id"], STEP)]


def _released(given: Json, answer: Json) -> Sequence[str]:
    if answer["status"] == "refused":
        return _refused(given, answer)
    return _order(given) if given["command"]["verb"] in RELEASES else []


def _judged(given: Json, answer: Json) -> Sequence[str]:
    return _refused(given, answer) if answer["status"] == "refused" else [answer["entry"]]


def _refused(given: Json, answer: Json) -> Sequence[str]:
    said = f"refused:{answer['code']}:{answer['order_digest']}"
    return [entry_id(given["command"]["id"], said)]


def _incident(given: Json) -> Sequence[str]:
    return [entry_id(one["command"]["id"], STEP) for one in given["commands"]]


def _incident_settled(_given: Json, answer: Json) -> Sequence[str]:
    """An instant that no longer waited has no entry."""
    return [one["entry"] for one in answer["outcomes"] if one["entry"]]


def _dossier(given: Json) -> Sequence[str]:
    return [entry_id(given["id"], "dossier")]


def _doubted(given: Json) -> Sequence[str]:
    one = Doubted.model_validate(given)
    return [entry_id(one.command.id, one.step)]


def _retimed(given: Json) -> Sequence[str]:
    return [entry_id(given["cause"]["id"], "retimed")]


STEPS: Final[Mapping[str, Step]] = MappingProxyType(
    {
        SETTLE: Step(_batch, _settled),
        RELEASE: Step(_order, _released),
        JUDGE_PAYMENT: Step(_order, _judged),
        ANNOUNCE_WARNING: Step(_order, _judged),
        SETTLE_PERFORMANCE: Step(_order, _judged),
        TAKE_PLAN_REPORT: Step(_order, _judged),
        SETTLE_FUND: Step(_order, _judged),
        SETTLE_INCIDENT: Step(_incident, _incident_settled),
        SETTLE_PROJECT: Step(_incident, _incident_settled),
        SIMULATE: Step(_dossier, lambda given, _answer: _dossier(given)),
        DOUBT: Step(_doubted, lambda given, _answer: _doubted(given)),
        # The last pass alone writes, and not where another was faster.
        RETIME: Step(_retimed, lambda _given, _answer: ()),
    }
)
"""By the name of the activity; a test holds them against those that a worker carries out."""
