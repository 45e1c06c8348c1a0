"""Which durable timers a run has armed, told by what its history says; and what is wrong with them.

Pure: history is read elsewhere (yichuang/history.py). A case with an open instant has exactly one
armed timer, at the earliest of them; a case without one has none. A backfilled case (补录) has its
timer at its rest, where that is later: what came due while its past was still being told is settled
when the telling has ended, never between two of its orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

TOLERANCE = timedelta(seconds=2)
"""How far a timer may lie from its instant. Ours: the workflow counts from the start of its task,
and a step must not be told later than anybody would notice (measured offsets: 0–80 ms)."""
RESTS_AFTER = timedelta(minutes=15)
"""A backfilled case rests when no backfilled order has come for so long. Ours: longer than the ten
minutes without an answer after which a replay gives its orders up (yichuang/replaying.py). No
setting: workflows and census must agree on it, also in runs begun long ago."""
AWAY = timedelta(seconds=60)
"""A rest that is noticed so late was slept through by whoever would have told more: the telling
gets its time anew. As the census's own minute (`cases.census.OVERDUE_AFTER`)."""

Armed = Mapping[str, datetime]
"""Timer id → the instant at which it fires."""

Fault = Literal[
    "missing",  # Temporal does not know the workflow
    "closed",  # the workflow is over, the case is not
    "reset",  # the run was set back to an earlier point
    "wedged",  # its tasks fail again and again
    "behind",  # its rows are ahead of what it remembers
    "ahead",  # it remembers steps that no row tells of: rows were lost, nothing here mends that
    "unarmed",  # an instant is open and no timer waits for it
    "doubled",  # more than one timer
    "misarmed",  # one timer, at another instant
    "stray",  # a timer, and no instant is open
    "late",  # its timer should have fired
    "lingering",  # the case is over, the workflow is not
]

IN_CHINESE: Mapping[Fault, str] = {
    "missing": "流程不存在",
    "closed": "流程已终止而办件未结",
    "reset": "流程被重置到较早的位置",
    "wedged": "流程任务反复失败",
    "behind": "流程落后于办件记录",
    "ahead": "流程记得的环节多于办件记录",
    "unarmed": "有待响的时刻而没有定时器",
    "doubled": "定时器不止一个",
    "misarmed": "定时器不在最早的时刻",
    "stray": "定时器不属于任何时刻",
    "late": "定时器过时未响",
    "lingering": "办件已结而流程未止",
}

STRAY: frozenset[Fault] = frozenset({"doubled", "stray", "lingering"})
"""Faults in which a timer belongs to no instant; in the others an instant lacks its timer."""


def rings_at(due_at: datetime, backfilled_at: datetime | None) -> datetime:
    """Return when the timer of an instant is due: at the instant, or at its case's rest if later.

    `backfilled_at` is when the newest backfilled order of a backfilled case was recorded; None for
    a case that is none.
    """
    return due_at if backfilled_at is None else max(due_at, backfilled_at + RESTS_AFTER)


@dataclass(frozen=True, slots=True)
class Heard:
    """What one event of a history says about one timer."""

    what: Literal["started", "fired", "cancelled"]
    timer: str
    at: datetime | None = None
    """When it fires; only for a start."""


def carried(armed: Armed, heard: Iterable[Heard]) -> dict[str, datetime]:
    """Return what is armed after these events, told in the order of the history."""
    now = dict(armed)
    for one in heard:
        if one.what == "started":
            assert one.at is not None
            now[one.timer] = one.at
        else:
            now.pop(one.timer, None)
    return now


@dataclass(frozen=True, slots=True)
class Seen:
    """What Temporal says of the newest run of a case's workflow."""

    is_known: bool = True
    closed_as: str = ""
    """How it ended (`terminated`, `cancelled`, …); empty while it runs."""
    run_id: str = ""
    started_at: datetime | None = None
    event_id: int = 0
    """The newest event read: the watermark of the next look."""
    event_at: datetime | None = None
    """Its instant: with its number it tells this run from another."""
    armed: Armed = field(default_factory=dict)
    is_reset: bool = False
    is_successor: bool = False
    """It goes on from the run that was seen last, or from one that continued as new."""
    is_busy: bool = False
    """A task or an activity is under way: what is armed is about to change."""
    busy_since: datetime | None = None
    failing: int = 0
    """Attempt of the workflow task that is being tried again; 0 where none failed."""
    behind: bool = False
    """Its settling is tried again because the rows have moved on without it."""

    @property
    def is_running(self) -> bool:
        return self.is_known and not self.closed_as


WEDGED_AT = 3
"""Attempt of a workflow task from which it counts as wedged: one failure may be a killed worker."""


def fault_of(
    seen: Seen,
    *,
    is_open: bool,
    due_at: datetime | None,
    late_before: datetime,
    put_off_to: datetime | None = None,
) -> Fault | None:
    """Return what is wrong; None when nothing is, or while the run is busy with a step.

    `due_at` is when the timer of the earliest open instant should fire, by the rows (`rings_at`);
    a case that comes to rest may have put it off, at most to `put_off_to` (`AWAY`). An armed timer
    that should have fired before `late_before` is late; say the distant past while a server or a
    worker has only just come back.
    """
    if not is_open:
        return "lingering" if seen.is_running and not seen.is_busy else None
    if not seen.is_known:
        return "missing"
    if seen.closed_as:
        return "closed"
    if seen.is_reset:
        return "reset"
    if seen.failing >= WEDGED_AT:
        return "wedged"
    if seen.behind:
        return "behind"
    if seen.is_busy:
        return None
    latest = max(due_at, put_off_to) if due_at and put_off_to else due_at
    return _of_timers(seen.armed, due_at, latest, late_before)


def _of_timers(
    armed: Armed, due_at: datetime | None, latest: datetime | None, late_before: datetime
) -> Fault | None:
    if due_at is None or latest is None:
        return "stray" if armed else None
    if not armed:
        return "unarmed"
    if len(armed) > 1:
        return "doubled"
    (fires_at,) = armed.values()
    if not due_at - TOLERANCE <= fires_at <= latest + TOLERANCE:
        return "misarmed"
    return "late" if fires_at < late_before else None
