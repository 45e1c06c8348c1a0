"""What the law's timetable says of a licence: what begins and ends each period, and how long.

Written from the articles (domain.md §2.2), not from `cases.approval.clocks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from cases.state import ClockEvent

EIGHT = frozenset(
    {"hearing", "tender", "auction", "inspection", "testing", "quarantine", "appraisal",
     "expert_review"}
)  # fmt: skip
"""第四十五条: 听证、招标、拍卖、检验、检测、检疫、鉴定、专家评审."""
NOTHING: frozenset[str] = frozenset()

Span = tuple[int, str]
"""So many of a unit."""


@dataclass(frozen=True)
class Timetable:
    """The numbers of one matter."""

    zone: str
    statutory: Span
    promised: Span
    notice: Span = (5, "working_day")
    delivery: Span = (10, "working_day")
    extension: Span | None = None
    promise_pauses: frozenset[str] = EIGHT
    steps: Mapping[str, Span] = field(default_factory=dict)
    """Task key (`review-fire`) → its limit."""
    undertaking: Span | None = None
    assignment: Span | None = None
    counts_from: str = "acceptance"
    """`receipt`: 政府信息公开条例第三十、三十三条, anew when everything was supplied."""
    late_renews: bool | None = None
    """Whether silence renews a licence asked for late; None: the matter renews none."""


@dataclass(frozen=True)
class Beginning:
    """A period begins: its key, its length, and what moves its end."""

    key: str
    span: Span
    grounds: frozenset[str] = NOTHING
    extension: Span | None = None
    roll: bool = False
    """An applicant's period does not end on a day off (民事诉讼法第八十五条第三款)."""


# --- what begins ---


def begins(timetable: Timetable, event: ClockEvent) -> Iterator[Beginning]:
    """Yield the periods that the event begins."""
    yield from _of_the_authority(timetable, event)
    yield from _before_acceptance(timetable, event)
    yield from _with_acceptance(timetable, event)
    yield from _of_a_hearing(event)
    yield from _of_the_rest(timetable, event)


def _of_the_authority(timetable: Timetable, event: ClockEvent) -> Iterator[Beginning]:
    if timetable.counts_from == "acceptance":
        is_begun = event.kind in ("accepted", "deemed_accepted")
    else:
        is_begun = event.kind == "received" or _is_complete(event)
    if is_begun:
        more = timetable.extension
        yield Beginning("statutory", timetable.statutory, EIGHT, more)
        yield Beginning("promised", timetable.promised, timetable.promise_pauses, more)


def _before_acceptance(timetable: Timetable, event: ClockEvent) -> Iterator[Beginning]:
    told: Mapping[str, Any] = event.detail
    if event.kind == "received":
        yield Beginning("notice", timetable.notice)
        renews = timetable.late_renews
        if renews is not None and (renews or not told["requested_late"]):
            yield Beginning("renewal", _until(told["licence_until"], event, timetable.zone))
    elif event.kind == "noticed" and told["back_to"] != "review":
        yield Beginning("supplement", (told["supply_within_days"], "day"), roll=True)


def _until(day: str, event: ClockEvent, zone: str) -> Span:
    """Return the days from the event's to that one, which is the last (第五十条)."""
    return (date.fromisoformat(day) - event.at.astimezone(ZoneInfo(zone)).date()).days, "day"


def _with_acceptance(timetable: Timetable, event: ClockEvent) -> Iterator[Beginning]:
    if event.kind not in ("accepted", "deemed_accepted"):
        return
    if event.detail.get("mode") == "tolerant" and timetable.undertaking is not None:
        yield Beginning("undertaking", timetable.undertaking, roll=True)
    if timetable.assignment is not None:
        yield Beginning("assignment", timetable.assignment)


def _of_a_hearing(event: ClockEvent) -> Iterator[Beginning]:
    """第四十七条: five 日 for those who may ask, twenty working days for the organ to hold it."""
    if event.kind == "hearing_right_told":
        yield Beginning("hearing_request", (5, "day"), roll=True)
    elif event.kind == "hearing_requested":
        yield Beginning("hearing", (20, "working_day"))


def _of_the_rest(timetable: Timetable, event: ClockEvent) -> Iterator[Beginning]:
    kind, told = event.kind, event.detail
    if kind == "step_opened" and (limit := timetable.steps.get(str(told["task"]))):
        yield Beginning(f"step:{told['task']}", limit, EIGHT)
    elif kind == "decided" and told["result"] in ("grant", "refuse"):
        yield Beginning("delivery", timetable.delivery)
    elif kind in ("closed", "refused_acceptance"):
        yield Beginning("rating", (30, "day"))


# --- what ends ---

_GONE = frozenset({"refused_acceptance", "withdrawn", "closed"})
_OVER = _GONE | {"decided"}
_ENDS: Mapping[str, frozenset[str]] = {
    "statutory": _OVER,
    "promised": _OVER,
    "notice": _GONE | {"noticed", "accepted", "deemed_accepted"},
    "supplement": _GONE | {"accepted", "deemed_accepted"},
    "undertaking": _OVER | {"undertaking_lapsed"},
    "assignment": _OVER | {"inspectors_assigned"},
    "hearing_request": _OVER | {"hearing_requested", "hearing_lapsed"},
    "hearing": _OVER | {"hearing_held", "hearing_cancelled"},
    "renewal": _OVER | {"deemed_renewed"},
    "step": _OVER,
    "delivery": frozenset({"delivered", "closed", "withdrawn"}),
    "rating": frozenset({"rated", "rating_lapsed"}),
}


def ends(timetable: Timetable, key: str, event: ClockEvent) -> bool:
    """Tell whether the event ends the period of that key."""
    clock, _, task = key.partition(":")
    if event.kind in _ENDS[clock]:
        return True
    if clock in ("statutory", "promised"):
        # From receipt: what is asked for begins the period anew, so until it comes none runs.
        return timetable.counts_from == "receipt" and event.kind == "noticed"
    if clock == "step":
        return event.kind == "step_done" and event.detail["task"] == task
    if clock == "supplement":
        return _is_complete(event)
    return clock == "undertaking" and bool(event.detail.get("made_good"))


def _is_complete(event: ClockEvent) -> bool:
    return event.kind == "supplied" and bool(event.detail.get("complete"))


# --- what stops ---


def pause_of(event: ClockEvent) -> tuple[str, str, bool] | None:
    """Return name and ground of the pause that begins (True) or ends (False) here."""
    told: Mapping[str, Any] = event.detail
    if event.kind == "paused":
        return str(told["name"]), str(told["ground"]), True
    if event.kind == "resumed":
        return str(told["name"]), "", False
    if event.kind == "noticed":
        return "supplement", "supplement", True
    if _is_complete(event):
        return "supplement", "supplement", False
    return None
