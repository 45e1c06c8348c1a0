"""Who is about to breach: open steps against their department's own past, with the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from cases.oversight import Calendars, Kept, OpenStep, Wanted, days_between, running
from cases.tables import case, clock

LEAST_KNOWN = 5
"""Closed steps that a median needs before anything is forecast from it (ours, 2026-11)."""


ALIKE_AT_ONCE = 100
"""Kinds of steps that one query looks up; SQLite nests each of the alternatives."""

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
    if wanted.kept is not None:
        return _from_sums(connection, wanted, wanted.kept, calendars, limit)
    medians = _medians(_days_taken(connection))
    found = _foreseen(connection, _open_steps(wanted), medians, calendars, wanted.now)
    found.sort(key=_worst_first)
    return tuple(one for one, _ in found[:limit])


def _worst_first(found: tuple[Forecast, str]) -> tuple[Fraction, str, str]:
    one, key = found
    return one.left - one.expected, one.case_id, key


Medians = Mapping[tuple[str, str, str], tuple[Fraction, int]]


def _foreseen(
    connection: Connection,
    steps: Select[Any],
    medians: Medians,
    calendars: Calendars,
    now: datetime,
) -> list[tuple[Forecast, str]]:
    """Return which of these steps will break, each with its clock's key."""
    found = []
    for row in connection.execute(steps):
        foreseen = _breaks(row, medians, calendars, now)
        if foreseen is None:
            continue
        median, known = medians[row.matter, row.task, row.department]
        one = Forecast(
            case_id=row.case_id,
            case_no=row.case_no,
            matter=row.matter,
            matter_name=row.matter_name,
            department=row.department,
            task=row.task,
            median=median,
            known=known,
            used=foreseen.used,
            left=foreseen.left,
            case_left=foreseen.case_left,
            breaks=foreseen.breaks,
        )
        found.append((one, str(row.key)))
    return found


@dataclass(frozen=True, slots=True)
class _Breaks:
    used: int
    left: int
    case_left: int | None
    expected: Fraction
    breaks: Literal["step", "case", "both"]


def _breaks(step: Any, medians: Medians, calendars: Calendars, now: datetime) -> _Breaks | None:
    """Return how a step, or all that are alike (`OpenStep`), will break; None: it will not."""
    median, known = medians.get((step.matter, step.task, step.department), (Fraction(0), 0))
    if known < LEAST_KNOWN:
        return None
    calendar = calendars.get(step.calendar)
    left = days_between(now, step.due_at, calendar, step.zone)
    if left is None:
        return None  # it stands still
    used = max(step.limit_n - left, 0)
    case_left = days_between(now, step.case_due, calendar, step.zone)
    expected = max(median - used, Fraction(0))
    own = left >= 0 and expected > left
    late = case_left is not None and case_left >= 0 and expected > case_left
    if not own and not late:
        return None
    return _Breaks(
        used, left, case_left, expected, "both" if own and late else "step" if own else "case"
    )


def _from_sums(
    connection: Connection, wanted: Wanted, kept: Kept, calendars: Calendars, limit: int
) -> tuple[Forecast, ...]:
    """Return the same without reading every open step: of those that are alike one is foreseen,
    and only those that fall out worst are looked up."""
    medians = _medians(kept.days_taken())
    alike: dict[Fraction, list[OpenStep]] = {}
    steps = kept.open_steps(wanted.matter, wanted.department, wanted.now - LONGEST_REST)
    for step in steps:
        foreseen = _breaks(step, medians, calendars, wanted.now)
        if foreseen is not None:
            place = foreseen.left - foreseen.expected
            alike.setdefault(place, []).append(step)
    found: list[Forecast] = []
    for place in sorted(alike):
        if len(found) >= limit:
            break
        of_place: list[tuple[Forecast, str]] = []
        for start in range(0, len(alike[place]), ALIKE_AT_ONCE):
            some = or_(*map(_is_like, alike[place][start : start + ALIKE_AT_ONCE]))
            query = _open_steps(wanted).where(some).order_by(clock.c.case_id, clock.c.key)
            those = query.limit(limit - len(found))
            of_place += _foreseen(connection, those, medians, calendars, wanted.now)
        of_place.sort(key=_worst_first)
        found += [one for one, _ in of_place[: limit - len(found)]]
    return tuple(found)


def _is_like(step: OpenStep) -> ColumnElement[bool]:
    return and_(
        clock.c.due_at == step.due_at,
        _promise.c.due_at.is_(None)
        if step.case_due is None
        else _promise.c.due_at == step.case_due,
        case.c.matter == step.matter,
        clock.c.task == step.task,
        clock.c.department == step.department,
        clock.c.limit_n == step.limit_n,
        case.c.calendar == step.calendar,
        case.c.zone == step.zone,
    )


def _medians(taken: Mapping[tuple[str, str, str], Mapping[int, int]]) -> Medians:
    """Return the median of each department's closed steps, by matter and task, and of how many."""
    return {key: (_median(of_days), sum(of_days.values())) for key, of_days in taken.items()}


def _days_taken(connection: Connection) -> dict[tuple[str, str, str], dict[int, int]]:
    """Return how often each number of days was used, by matter, task and department.

    No database needs to sort all steps for their medians.
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
    return used


def _median(of_days: Mapping[int, int]) -> Fraction:
    """Return the middle one; of an even number, halfway between the two in the middle."""
    n = sum(of_days.values())
    lower, upper = (n + 1) // 2, (n + 2) // 2
    place, middle = 0, list[int]()
    for days, count in sorted(of_days.items()):
        middle += [days for wanted in (lower, upper) if place < wanted <= place + count]
        place += count
    return Fraction(sum(middle), 2)


_promise = clock.alias("promise")


def _open_steps(wanted: Wanted) -> Select[Any]:
    long_ago = wanted.now - LONGEST_REST
    own = Wanted(
        wanted.where, wanted.now, clock="step", matter=wanted.matter, department=wanted.department
    )
    return (
        select(
            clock.c.case_id,
            clock.c.key,
            clock.c.department,
            clock.c.task,
            clock.c.due_at,
            clock.c.limit_n,
            _promise.c.due_at.label("case_due"),
            case.c.case_no,
            case.c.matter,
            case.c.matter_name,
            case.c.zone,
            case.c.calendar,
        )
        .select_from(
            clock.join(case, case.c.id == clock.c.case_id).outerjoin(
                _promise, and_(_promise.c.case_id == clock.c.case_id, _promise.c.key == "promised")
            )
        )
        .where(
            running(own),
            clock.c.limit_unit == "working_day",
            or_(clock.c.due_at > long_ago, _promise.c.due_at > long_ago),
        )
    )
