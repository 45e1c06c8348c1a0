"""One line per clock of a case: what boards count, so that they need not derive ledgers again.

A line says what does not change while time only passes: of a period that runs, when it ends; of one
that has ended, what it used. So it is written with the step that changed it, and any reader can
derive it again from the same events and calendar (`yichuang clocks check`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from cases.clocks.attribution import Holdings, attribute, holdings
from cases.clocks.ledger import due_of, in_time, ledger, warning_of
from cases.clocks.model import Cause, Ledger, Period
from cases.clocks.periods import newest, periods
from cases.state import ClockEvent, Plan
from catalogue.clock_rules import ClockRule
from catalogue.working_days import Calendar

DIVIDED = ("statutory", "promised")
"""Clocks of the whole case, whose time is divided among those who held it."""

JUDGED = frozenset({"pause_disallowed", "pause_restored"})
"""Events that tell anew, also of a clock that has ended, who held the case long before."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ShareLine:
    """What one holder used of a clock that has ended."""

    holder_kind: str
    holder: str
    paused: bool
    amount: float
    """For sums on a board."""
    exact: str
    """The fraction itself, `7/2`."""
    together: float | None
    """`amount` of both rows of the holder, on the first of them: what lists go by."""


@dataclass(frozen=True, slots=True)
class ClockLine:
    """One clock of a case: the newest period of its key."""

    key: str
    clock: str
    rule: str
    side: str
    department: str
    """Whose duty it is: the step's department, else the implementing one."""
    task: str
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    ended_by: str
    """Kind of the event that ended it."""
    ended_how: str
    """How: method of service, result of the decision, grade of the rating; may be empty."""
    due_at: datetime | None
    """None: it stands still before its end."""
    due_on: str
    """The last day, ISO, in the case's zone; empty with `due_at`."""
    warn_at: datetime | None
    """From when it is shown as 预警."""
    provisional: bool
    limit_n: int
    """Units of the limit and its extensions."""
    limit_unit: str
    extended: bool
    stops: int
    """Pauses of this clock so far."""
    standing: bool
    """A pause is open now."""
    budget: int | None
    """This and the next three once it has ended, None before: in days, or in microseconds where
    the unit is shorter than a day."""
    used: int | None
    paused: int | None
    remaining: int | None
    """What was left at its end, negative when late."""
    on_time: bool | None
    calendar_version: str
    shares: tuple[ShareLine, ...] = ()

    def row(self, case_id: str) -> Row:
        """Return the columns of the table `clock`."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "shares"}
        return own | {"case_id": case_id}

    def share_rows(self, case_id: str) -> list[Row]:
        """Return the rows of the table `clock_share`."""
        return [
            {"case_id": case_id, "key": self.key}
            | {f.name: getattr(one, f.name) for f in fields(one)}
            for one in self.shares
        ]


def lines(
    rules: Sequence[ClockRule],
    events: Sequence[ClockEvent],
    calendar: Calendar,
    plan: Plan,
    already: int = 0,
) -> tuple[ClockLine, ...]:
    """Return the line of each clock that ever ran in a case, by key.

    `events` are all clock events of the case so far. With `already`, only the lines that the
    events after so many have made or changed. Raises `BeyondCalendar` outside 1990–2099.
    """
    calendar = calendar.of(plan.department)
    found = newest(periods(rules, events))
    known = newest(periods(rules, events[:already])) if already else {}
    judged = any(event.kind in JUDGED for event in events[already:])
    changed = [
        period
        for key, period in found.items()
        if known.get(key) != period or (judged and period.rule.clock in DIVIDED)
    ]
    held = holdings(events, plan.department, plan.lead) if changed else None
    details = {event.id: event.detail for event in events}
    made = (_line(period, calendar, plan, held, details) for period in changed if held is not None)
    return tuple(sorted(made, key=lambda line: line.key))


def _line(
    period: Period,
    calendar: Calendar,
    plan: Plan,
    held: Holdings,
    details: dict[str, dict[str, Any]],
) -> ClockLine:
    rule, end = period.rule, period.end
    period = in_time(period, calendar, plan.zone)
    due = due_of(period, calendar, plan.zone)
    started = details.get(period.start.id, {})
    ended = None if end is None else ledger(period, calendar, plan.zone, end.at)
    limits = [part.limit for part in period.parts]
    return ClockLine(
        key=period.key,
        clock=rule.clock,
        rule=rule.id,
        side=rule.side,
        department=str(started.get("department", "")) if rule.key_by else plan.department,
        task=str(started.get("task", "")) if rule.key_by == "task" else "",
        started_at=period.start.at,
        started_by=period.start.kind,
        ended_at=None if end is None else end.at,
        ended_by="" if end is None else end.kind,
        ended_how="" if end is None else _how(end, details),
        due_at=None if due is None else due.at,
        due_on="" if due is None else due.day.isoformat(),
        warn_at=None if due is None else warning_of(period, due, calendar, plan.zone),
        provisional=due is not None and due.provisional,
        limit_n=sum(limit.n for limit in limits),
        limit_unit=limits[0].unit,
        extended=len(limits) > 1,
        stops=sum(1 for stop in period.stops),
        standing=end is None and any(stop.until is None for stop in period.stops),
        budget=None if ended is None else ended.budget,
        used=None if ended is None else ended.used,
        paused=None if ended is None else ended.paused,
        remaining=None if ended is None else ended.left,
        on_time=None if end is None or due is None else end.at < due.at,
        calendar_version=calendar.version,
        shares=() if ended is None else tuple(_shares(ended, held, calendar, plan.zone)),
    )


def _how(end: Cause, details: dict[str, dict[str, Any]]) -> str:
    detail = details.get(end.id, {})
    return str(detail.get("method") or detail.get("result") or detail.get("grade") or "")[:20]


def _shares(made: Ledger, held: Holdings, calendar: Calendar, zone: str) -> Iterator[ShareLine]:
    if made.period.rule.clock not in DIVIDED:
        return
    assert made.period.end is not None
    divided = attribute(made, held, calendar.hours, zone, made.period.end.at)
    for paused, part in ((False, divided.used), (True, divided.paused)):
        for holder, share in part.items():
            both = float(divided.used.get(holder, 0)) + float(divided.paused.get(holder, 0))
            together = None if paused and holder in divided.used else both
            exact = f"{share.numerator}/{share.denominator}"
            yield ShareLine(holder.kind, holder.name, paused, float(share), exact, together)
