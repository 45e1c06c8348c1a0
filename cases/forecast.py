"""Who is about to breach: open steps against their department's own past, with the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Literal

from sqlalchemy import Connection, Select, and_, func, or_, select

from cases.oversight import Calendars, Wanted, days_between, running
from cases.tables import case, clock
from catalogue.working_days import Calendar

LEAST_KNOWN = 5
"""Closed steps that a median needs before anything is forecast from it (ours, 2026-11)."""


LONGEST_REST = timedelta(days=30)
"""What fell due longer ago is late by a working day at least, whatever holidays lay between: it
breaks no more, and need not be read."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """An open step that its department will probably finish too late."""

    case_id: str
    case_no: str
    matter: str
    matter_name: str
    department: str
    task: str
    median: Fraction
    """Of the department's own closed steps of this kind, working days."""
    known: int
    """How many closed steps that is."""
    used: int
    left: int
    """Of the step's own limit; negative: it is late already."""
    case_left: int | None
    """Working days left of the promised period; None while it stands still."""
    breaks: Literal["step", "case", "both"]

    @property
    def expected(self) -> Fraction:
        """Working days that the step is still expected to take."""
        return max(self.median - self.used, Fraction(0))


def forecast(
    connection: Connection, wanted: Wanted, calendars: Calendars, *, limit: int
) -> tuple[Forecast, ...]:
    """Return the open steps that will probably be finished too late, the worst first.

    A step will break its own limit when the department's median for such steps, less what this one
    has used, is more than what is left; and the promise of the case when it is more than is left
    of that. Nothing is said of a department with fewer than `LEAST_KNOWN` such steps closed.
    """
    medians = _medians(connection)
    found = []
    for row in connection.execute(_open_steps(wanted)):
        median, known = medians.get((row.matter, row.task, row.department), (None, 0))
        if median is None or known < LEAST_KNOWN:
            continue
        one = _foreseen(row, median, known, calendars.get(row.calendar), wanted.now)
        if one is not None:
            found.append(one)
    found.sort(key=lambda one: (one.left - one.expected, one.case_id))
    return tuple(found[:limit])


def _foreseen(
    row: Any, median: Fraction, known: int, calendar: Calendar | None, now: datetime
) -> Forecast | None:
    left = days_between(now, row.due_at, calendar, row.zone)
    if left is None:
        return None  # it stands still
    used = max(row.limit_n - left, 0)
    case_left = days_between(now, row.case_due, calendar, row.zone)
    expected = max(median - used, Fraction(0))
    step = left >= 0 and expected > left
    late = case_left is not None and case_left >= 0 and expected > case_left
    if not step and not late:
        return None
    return Forecast(
        case_id=row.case_id,
        case_no=row.case_no,
        matter=row.matter,
        matter_name=row.matter_name,
        department=row.department,
        task=row.task,
        median=median,
        known=known,
        used=used,
        left=left,
        case_left=case_left,
        breaks="both" if step and late else "step" if step else "case",
    )


def _medians(connection: Connection) -> dict[tuple[str, str, str], tuple[Fraction, int]]:
    """Return the median of each department's closed steps, by matter and task, and of how many.

    From how often each number of days was used: no database needs to sort all steps. Of an even
    number, halfway between the two in the middle.
    """
    kind = (case.c.matter, clock.c.task, clock.c.department)
    query = (
        select(*kind, clock.c.used, func.count())
        .select_from(clock.join(case, case.c.id == clock.c.case_id))
        .where(
            clock.c.clock == "step",
            clock.c.ended_at.is_not(None),
            clock.c.ended_by == "step_done",
            clock.c.limit_unit == "working_day",
        )
        .group_by(*kind, clock.c.used)
    )
    used: dict[tuple[str, str, str], dict[int, int]] = {}
    for matter, task, department, days, n in connection.execute(query):
        used.setdefault((matter, task, department), {})[int(days or 0)] = int(n)
    return {key: (_median(of_days), sum(of_days.values())) for key, of_days in used.items()}


def _median(of_days: Mapping[int, int]) -> Fraction:
    n = sum(of_days.values())
    lower, upper = (n + 1) // 2, (n + 2) // 2
    place, middle = 0, list[int]()
    for days, count in sorted(of_days.items()):
        middle += [days for wanted in (lower, upper) if place < wanted <= place + count]
        place += count
    return Fraction(sum(middle), 2)


def _open_steps(wanted: Wanted) -> Select[Any]:
    promise, long_ago = clock.alias("promise"), wanted.now - LONGEST_REST
    own = Wanted(
        wanted.where, wanted.now, clock="step", matter=wanted.matter, department=wanted.department
    )
    return (
        select(
            clock.c.case_id,
            clock.c.department,
            clock.c.task,
            clock.c.due_at,
            clock.c.limit_n,
            promise.c.due_at.label("case_due"),
            case.c.case_no,
            case.c.matter,
            case.c.matter_name,
            case.c.zone,
            case.c.calendar,
        )
        .select_from(
            clock.join(case, case.c.id == clock.c.case_id).outerjoin(
                promise, and_(promise.c.case_id == clock.c.case_id, promise.c.key == "promised")
            )
        )
        .where(
            running(own),
            clock.c.limit_unit == "working_day",
            or_(clock.c.due_at > long_ago, promise.c.due_at > long_ago),
        )
    )
