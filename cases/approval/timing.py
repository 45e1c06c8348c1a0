"""What the law and promises expect, and by when: instants to come, and instants that passed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter

from cases.approval import articles
from cases.approval.cards import card_due, explanation_timers
from cases.approval.clocks import HEARING_REQUEST, WITHOUT_TIMER, clock_rules
from cases.approval.ending import end_if_nothing_is_due, end_withdrawn, settle_decision
from cases.approval.hearing import lapse
from cases.approval.intake import Rulings, distribute
from cases.approval.renewal import RENEWAL, deem_renewed
from cases.approval.waiting import end_pauses
from cases.approval.walk import Walk
from cases.clocks import due_of, newest, periods, warning_of
from cases.messages import Retimed
from cases.state import CaseState, ClockEvent, Event, Timer
from catalogue.working_days import Calendar

_MOMENT = TypeAdapter(datetime)
NO_RULINGS: Rulings = MappingProxyType({})


def timers_of(
    state: CaseState, clock: Sequence[ClockEvent], calendar: Calendar
) -> tuple[Timer, ...]:
    """Return the instant of every period that runs in this state, those that passed included.

    `clock` are all clock events of the case so far; the instants are views on their periods.
    Raises `BeyondCalendar` when a period leaves the years 1990–2099.
    """
    if state.stage == "ended":
        return ()
    calendar = calendar.of(state.plan.department)
    timers = []
    for period in newest(periods(clock_rules(state.plan), clock)).values():
        if not period.is_open or period.rule.clock in WITHOUT_TIMER:
            continue
        zone = state.plan.zone
        due = due_of(period, calendar, zone)
        if due is not None:
            timers.append(
                Timer(
                    key=period.key,
                    due_at=due.at,
                    article=period.rule.limit.basis,
                    provisional=due.provisional,
                    warn_at=warning_of(period, due, calendar, zone),
                    calendar_version=due.calendar_version,
                )
            )
    return (*timers, *explanation_timers(state, calendar))


# --- instants ---


def timers_set(state: CaseState, timers: Sequence[Timer], at: datetime) -> tuple[Event, ...]:
    """Return the event that replaces the case's instants; () when none moved."""
    kept = _as_known(state, timers)
    ordered = tuple(sorted(kept, key=_turn))
    if ordered == state.timers:
        return ()
    data = {"timers": [timer.model_dump(mode="json") for timer in ordered]}
    return (Event(kind="timers_set", at=at, by="system", data=data),)


def _as_known(state: CaseState, timers: Sequence[Timer]) -> Iterable[Timer]:
    """Yield the timers; one that only another version of the calendar confirms stays as it was.

    Else each step after a new notice would tell of instants that did not move.
    """
    known = {timer.key: timer for timer in state.timers if timer.calendar_version}
    for timer in timers:
        before = known.get(timer.key)
        yield before if before is not None and _same(before, timer) else timer


def _same(before: Timer, after: Timer) -> bool:
    if before.warn_at is not None and before.warn_at != after.warn_at:
        return False
    return (before.due_at, before.article, before.provisional) == (
        after.due_at, after.article, after.provisional,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Move:
    """An instant before and after its calendar changed; None: there is none."""

    key: str
    before: Timer | None
    after: Timer | None


def moved(before: Sequence[Timer], after: Sequence[Timer]) -> tuple[Move, ...]:
    """Return the instants that differ, with their warning and whether they are firm, by key.

    Cards are no instants of the law: they follow from its clocks, and are looked for anew.
    """
    return _differing(*([one for one in timers if not one.is_card] for timers in (before, after)))


def moved_cards(state: CaseState, after: Sequence[Timer]) -> tuple[Move, ...]:
    """Return the cards that are forecast for another instant than the case waits for, by key."""
    waited = [timer for timer in pending_timers(state) if timer.is_card]
    return _differing(waited, [timer for timer in after if timer.is_card])


def _differing(before: Sequence[Timer], after: Sequence[Timer]) -> tuple[Move, ...]:
    old, new = ({timer.key: timer for timer in timers} for timers in (before, after))
    pairs = [Move(key, old.get(key), new.get(key)) for key in sorted(old.keys() | new.keys())]
    return tuple(
        one
        for one in pairs
        if one.before is None or one.after is None or not _same(one.before, one.after)
    )


def retimed(
    state: CaseState, timers: Sequence[Timer], why: Retimed, at: datetime
) -> tuple[Event, ...]:
    """Return the events by which instants are derived again: what moved and why, and the instants.

    Told also when nothing moved: another step may have come first, and the order has its answer.
    """
    data = why.model_dump(mode="json") | {
        "moved": [
            {
                "key": one.key,
                "before": _instant(one.before),
                "after": _instant(one.after),
                "provisional_before": one.before is not None and one.before.provisional,
                "provisional_after": one.after is not None and one.after.provisional,
            }
            for one in (
                moved_cards(state, timers) if why.kind == "rules" else moved(state.timers, timers)
            )
        ]
    }
    return (
        Event(kind="retimed", at=at, by="system", data=data),
        *timers_set(state, timers, at),
    )


def _instant(timer: Timer | None) -> str | None:
    return None if timer is None else timer.due_at.isoformat()


def pending_timers(state: CaseState) -> tuple[Timer, ...]:
    """Return the timers whose instant has not been recorded as passed, the earliest first."""
    open_ones = (timer for timer in state.timers if state.passed.get(timer.key) != timer.due_at)
    return tuple(sorted(open_ones, key=_turn))


def _turn(timer: Timer) -> tuple[datetime, bool, str]:
    """What the law makes of an instant comes before the card for it."""
    return (timer.due_at, timer.is_card, timer.key)


def passed_timers(
    state: CaseState, until: datetime, rulings: Rulings = NO_RULINGS
) -> tuple[Event, ...]:
    """Return the events of the earliest instant that passed by `until`; () when none did.

    Apply them, recompute the timers and ask again: an instant may bring others about. `rulings`
    answer `questions_of_time`; without them an accepted case waits for `accept` to distribute it.
    """
    for timer in pending_timers(state)[:1]:
        if timer.due_at <= until:
            return timer_events(state, timer, rulings)
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
    elif timer.key == HEARING_REQUEST:
        lapse(walk)
    elif timer.key == RENEWAL:
        deem_renewed(walk, timer.article)
    elif timer.key == "rating":
        walk.emit("rating_lapsed", article=articles.RATING)
        end_if_nothing_is_due(walk)
    elif timer.is_supervision:
        card_due(walk, timer, rulings)
    return tuple(walk.events)


def _deem_accepted(walk: Walk, article: str, rulings: Rulings) -> None:
    """逾期不告知的，自收到申请材料之日起即为受理: back to the day of receipt.

    With the routing ruling the case goes on to its departments at once; without one the window
    distributes it by `accept`.
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
    end_pauses(walk, tolerance.basis)
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
        "gathered": "gathered",
        "returned": "returned",
        "decided": "decided",
        "served": "delivered",
        "closed": "closed",
        "withdrawn": "withdrawn",
        "acceptance_refused": "refused_acceptance",
        "found_not_required": "refused_acceptance",
        "acceptance_revoked": "closed",
        "timer_passed": "timer_passed",
        "rated": "rated",
        "rating_lapsed": "rating_lapsed",
        "rectified": "rectified",
        "called_back": "called_back",
        "checked": "checked",
        "undertaking_lapsed": "undertaking_lapsed",
        "receipt_confirmed": "received",
        "wait_started": "paused",
        "wait_ended": "resumed",
        "pause_disallowed": "pause_disallowed",
        "pause_restored": "pause_restored",
        "hearing_right_told": "hearing_right_told",
        "hearing_requested": "hearing_requested",
        "hearing_lapsed": "hearing_lapsed",
        "hearing_notified": "hearing_notified",
        "hearing_held": "hearing_held",
        "hearing_cancelled": "hearing_cancelled",
        "inspectors_assigned": "inspectors_assigned",
        "deemed_renewed": "deemed_renewed",
    }
)
ARRIVED = "arrived"
"""A request that is received only when both sides confirm it (政府信息公开条例第三十一条)."""
CLOCK_KINDS = frozenset({*_CLOCK.values(), ARRIVED, "step_opened", "step_done"})
"""Every kind of clock event that an approval makes."""
_INSTANT = MappingProxyType(
    {
        "filed": "received_at",
        "accepted": "accepted_at",
        "deemed_accepted": "accepted_at",
        "served": "served_at",
        "timer_passed": "due_at",
        "hearing_held": "held_at",
    }
)
"""Event → the field that holds its legally relevant instant, where that is not the event's own."""
_QUIET = frozenset({
    "article", "received_at", "accepted_at", "served_at", "held_at", "hearing_held_at", "facts",
    "again", "wait", "interested_told_on",
})  # fmt: skip


def clock_events(events: Iterable[Event], seq: int = 0) -> tuple[ClockEvent, ...]:
    """Return what these events of step `seq` mean to the clocks, in their order."""
    found = (_clock_event(event) for event in events)
    told = [one for one in found if one is not None]
    return tuple(one.model_copy(update={"id": f"{seq}.{n}"}) for n, one in enumerate(told))


def _clock_event(event: Event) -> ClockEvent | None:
    if event.kind in ("task_opened", "task_ended"):
        return _step_event(event)
    kind = _CLOCK.get(event.kind)
    if kind is None or event.data.get("again"):
        return None
    if event.data.get("unconfirmed"):
        kind = ARRIVED
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
