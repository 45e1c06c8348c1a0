"""Who is about to breach: open steps against their department's own past, with the figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Literal

from sqlalchemy import Connection, Select, and_, func, or_, select

from cases.oversight import Calendars, Wanted, days_between, running
from cases.tables import case, clock
from catalogue.working_days import Calendar

LEAST_KNOWN = 5
"""Closed steps that a median needs before anything is forecast from it (ours, 2026-11)."""


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
    medians = {
        (row.matter, row.task, row.department): (Fraction(row.twice, 2), row.known)
        for row in connection.execute(_medians())
    }
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


def _medians() -> Select[Any]:
    """Return twice the median of each department's closed steps, by matter and task.

    By row numbers, since SQLite has no median: of an even number the two in the middle.
    """
    kind = (case.c.matter, clock.c.task, clock.c.department)
    n = func.count().over(partition_by=kind)
    place = func.row_number().over(partition_by=kind, order_by=(clock.c.used, clock.c.case_id))
    ranked = (
        select(*kind, clock.c.used, n.label("known"), place.label("place"))
        .select_from(clock.join(case, case.c.id == clock.c.case_id))
        .where(
            clock.c.clock == "step",
            clock.c.ended_at.is_not(None),
            clock.c.ended_by == "step_done",
            clock.c.limit_unit == "working_day",
        )
        .subquery()
    )
    lower, upper = (ranked.c.known + 1) // 2, (ranked.c.known + 2) // 2
    middle = or_(ranked.c.place == lower, ranked.c.place == upper)
    return (
        select(
            ranked.c.matter,
            ranked.c.task,
            ranked.c.department,
            func.max(ranked.c.known).label("known"),
            (func.min(ranked.c.used) + func.max(ranked.c.used)).label("twice"),
        )
        .where(middle)
        .group_by(ranked.c.matter, ranked.c.task, ranked.c.department)
    )


def _open_steps(wanted: Wanted) -> Select[Any]:
    promise = clock.alias("promise")
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
        .where(running(own), clock.c.limit_unit == "working_day")
    )
