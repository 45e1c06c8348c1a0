"""What the law and promises expect, and by when: wishes for instants, and instants that passed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter

from cases.approval import articles
from cases.approval.ending import end_if_nothing_is_due, end_withdrawn, settle_decision
from cases.approval.intake import Rulings, distribute
from cases.approval.walk import Walk
from cases.settling import TimerWish
from cases.state import CaseState, ClockEvent, Event, Timer
from catalogue.matters import Limit

RATE_WITHIN = Limit(n=30, unit="day", basis=articles.RATING)
"""How long a closed case waits for its rating. No law fixes it; ours, 2026-11."""
RECTIFY_WITHIN = Limit(n=15, unit="working_day", basis=articles.RATING)
"""差评整改. Cities differ (5 working days in one, 15 in another; domain.md §3.4); the longer."""

Pauses = tuple[tuple[datetime, datetime | None], ...]

_MOMENT = TypeAdapter(datetime)


def timer_wishes(state: CaseState) -> tuple[TimerWish, ...]:
    """Return every period that runs in this state, including those whose instant has passed."""
    if state.stage == "ended":
        return ()
    return (*_before_acceptance(state), *_until_decision(state), *_after_decision(state))


def _before_acceptance(state: CaseState) -> Iterable[TimerWish]:
    if state.accepted_at is not None or state.ending or state.received_at is None:
        return
    if not state.noticed:
        yield _wish("notice", state.received_at, (state.plan.notice,))
    elif state.stage == "supplement" and state.noticed_at is not None:
        limit = Limit(n=state.supply_within_days, unit="day", basis=articles.NOTICE)
        yield _wish("supplement", state.noticed_at, (limit,))


def _until_decision(state: CaseState) -> Iterable[TimerWish]:
    plan, accepted_at = state.plan, state.accepted_at
    if accepted_at is None or state.decided_at is not None or state.ending:
        return
    extra: tuple[Limit, ...] = ()
    if state.extended and plan.extension is not None:
        more = plan.extension
        extra = (Limit(n=more.n, unit=more.unit, basis=more.basis),)
    pauses = procedure_pauses(state)
    yield _wish("statutory", accepted_at, (plan.statutory, *extra), pauses)
    yield _wish("promised", accepted_at, (plan.promised, *extra), promise_pauses(state))
    limits = {step.code: step.limit for step in plan.steps}
    for task in state.tasks:
        limit = limits.get(task.step)
        if task.kind == "review" and task.state == "open" and limit is not None:
            yield _wish(f"step:{task.key}", task.opened_at, (limit,), pauses)
    if state.missing and plan.tolerance is not None:
        yield _wish("undertaking", accepted_at, (plan.tolerance.limit,))


def _after_decision(state: CaseState) -> Iterable[TimerWish]:
    plan, decided_at = state.plan, state.decided_at
    if decided_at is not None:
        if state.served_at is None and state.decision in ("grant", "refuse"):
            yield _wish("delivery", decided_at, (plan.delivery,))
        if state.check in ("due", "rectify") and plan.commitment is not None:
            yield _wish("check", decided_at, (plan.commitment.check_within,))
    if state.stage == "rating" and state.rated_at is None and state.closed_at is not None:
        yield _wish("rating", state.closed_at, (RATE_WITHIN,))
    if state.stage == "rectification" and state.rated_at is not None:
        yield _wish("rectify", state.rated_at, (RECTIFY_WITHIN,))


def _wish(key: str, start: datetime, limits: tuple[Limit, ...], paused: Pauses = ()) -> TimerWish:
    return TimerWish(key=key, start=start, limits=limits, article=limits[0].basis, paused=paused)


def procedure_pauses(state: CaseState, kinds: Sequence[str] | None = None) -> Pauses:
    """Return when special procedures stopped the clock, in order, without overlaps."""
    return merged(
        tuple(
            (one.started_at, one.ended_at)
            for one in state.procedures
            if kinds is None or one.kind in kinds
        )
    )


def promise_pauses(state: CaseState) -> Pauses:
    """Return when the promised clock stood: only on the grounds that the matter names."""
    grounds = state.plan.promise_pauses
    waits = state.supplement_pauses if "supplement" in grounds else ()
    return merged((*procedure_pauses(state, grounds), *waits))


def merged(pauses: Pauses) -> Pauses:
    """Return the union of the intervals, ascending and apart."""
    apart: list[tuple[datetime, datetime | None]] = []
    for since, until in sorted(pauses, key=lambda pause: pause[0]):
        if apart and (apart[-1][1] is None or since <= apart[-1][1]):
            last_since, last_until = apart[-1]
            if last_until is not None and (until is None or until > last_until):
                apart[-1] = (last_since, until)
        else:
            apart.append((since, until))
    return tuple(apart)


# --- instants ---


def timers_set(state: CaseState, timers: Sequence[Timer], at: datetime) -> tuple[Event, ...]:
    """Return the event that replaces the case's instants; () when none moved."""
    ordered = tuple(sorted(timers, key=lambda timer: (timer.due_at, timer.key)))
    if ordered == state.timers:
        return ()
    data = {"timers": [timer.model_dump(mode="json") for timer in ordered]}
    return (Event(kind="timers_set", at=at, by="system", data=data),)


def pending_timers(state: CaseState) -> tuple[Timer, ...]:
    """Return the timers whose instant has not been recorded as passed, the earliest first."""
    open_ones = (timer for timer in state.timers if state.passed.get(timer.key) != timer.due_at)
    return tuple(sorted(open_ones, key=lambda timer: (timer.due_at, timer.key)))


def passed_timers(state: CaseState, until: datetime) -> tuple[Event, ...]:
    """Return the events of the earliest instant that passed by `until`; () when none did.

    Apply them, recompute the timers and ask again: an instant may bring others about.
    """
    for timer in pending_timers(state)[:1]:
        if timer.due_at <= until:
            return timer_events(state, timer, {})
    return ()


def timer_events(state: CaseState, timer: Timer, rulings: Rulings) -> tuple[Event, ...]:
    """Return what the law makes of an instant that came.

    Its events stand at the instant, or at the case's newest event where that was later (an
    acceptance deemed in hindsight brings instants that are past already).
    """
    at = timer.due_at if state.last_at is None else max(timer.due_at, state.last_at)
    walk = Walk(state, at, "system")
    walk.emit(
        "timer_passed", timer=timer.key, due_at=timer.due_at.isoformat(), article=timer.article
    )
    if timer.key == "notice":
        _deem_accepted(walk, timer.article, rulings)
    elif timer.key == "undertaking":
        _lapse_undertaking(walk)
    elif timer.key == "rating":
        walk.emit("rating_lapsed", article=articles.RATING)
        end_if_nothing_is_due(walk)
    return tuple(walk.events)


def _deem_accepted(walk: Walk, article: str, rulings: Rulings) -> None:
    """逾期不告知的，自收到申请材料之日起即为受理: back to the day of receipt.

    With the routing ruling the case goes on to its departments at once; without one (an instant
    passed between two recorded steps) the window distributes it by `accept`.
    """
    received_at = walk.state.received_at
    assert received_at is not None  # no notice timer without receipt
    walk.emit("deemed_accepted", accepted_at=received_at.isoformat(), article=article)
    if walk.state.stage == "pre_review":
        walk.enter("received")
    if "routing" in rulings or "routing" not in walk.state.plan.rules:
        distribute(walk, rulings)


def _lapse_undertaking(walk: Walk) -> None:
    """容缺 not made good in time: what follows is the matter's own choice."""
    tolerance = walk.state.plan.tolerance
    if tolerance is None:
        return
    walk.emit(
        "undertaking_lapsed",
        missing=list(walk.state.missing),
        outcome=tolerance.overdue,
        article=tolerance.basis,
    )
    if tolerance.overdue == "withdrawn":
        end_withdrawn(walk, tolerance.basis)
        return
    for one in walk.state.procedures:
        if one.ended_at is None:
            walk.emit("procedure_ended", procedure=one.id, kind=one.kind, article=tolerance.basis)
    walk.finish_all()
    if tolerance.overdue == "refused":
        settle_decision(walk, "refuse", tolerance.basis)
    else:
        walk.emit("acceptance_revoked", ending="revoked", article=tolerance.basis)
        walk.enter("rating")


# --- clock events ---

_CLOCK = MappingProxyType(
    {
        "filed": "received",
        "noticed": "noticed",
        "supplied": "supplied",
        "accepted": "accepted",
        "deemed_accepted": "deemed_accepted",
        "procedure_started": "paused",
        "procedure_ended": "resumed",
        "extended": "extended",
        "decided": "decided",
        "served": "delivered",
        "closed": "closed",
        "withdrawn": "withdrawn",
        "acceptance_refused": "refused_acceptance",
        "found_not_required": "refused_acceptance",
        "acceptance_revoked": "closed",
        "timer_passed": "timer_passed",
    }
)
_INSTANT = MappingProxyType(
    {
        "filed": "received_at",
        "accepted": "accepted_at",
        "deemed_accepted": "accepted_at",
        "served": "served_at",
        "timer_passed": "due_at",
    }
)
"""Event → the field that holds its legally relevant instant, where that is not the event's own."""
_QUIET = frozenset({"article", "received_at", "accepted_at", "served_at", "facts", "again"})


def clock_events(events: Iterable[Event]) -> tuple[ClockEvent, ...]:
    """Return what these events mean to the clocks, in their order."""
    found = (_clock_event(event) for event in events)
    return tuple(one for one in found if one is not None)


def _clock_event(event: Event) -> ClockEvent | None:
    if event.kind in ("task_opened", "task_ended"):
        return _step_event(event)
    kind = _CLOCK.get(event.kind)
    if kind is None or event.data.get("again"):
        return None
    at: Any = event.at
    if event.data.get(_INSTANT.get(event.kind, "")) is not None:
        at = _MOMENT.validate_python(event.data[_INSTANT[event.kind]])
    detail = {key: value for key, value in event.data.items() if key not in _QUIET}
    return ClockEvent.model_validate(
        {"kind": kind, "at": at, "article": event.data.get("article", ""), "detail": detail}
    )


def _step_event(event: Event) -> ClockEvent | None:
    task = event.data["task"]
    if isinstance(task, dict):
        if task.get("kind") != "review":
            return None
        detail = {"task": task["key"], "department": task["department"]}
        return ClockEvent(kind="step_opened", at=event.at, article=articles.CASE, detail=detail)
    if not str(task).startswith("review-"):
        return None
    detail = {"task": task, "state": event.data["state"]}
    return ClockEvent(kind="step_done", at=event.at, article=articles.CASE, detail=detail)
