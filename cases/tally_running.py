"""What one case puts into the sums about what runs now: by instants that pass with nobody's doing.

A clock is late from its end on, and in the time of warning from one instant to another. A sum
keeps how many become so at which instant, and a reader adds up those that have passed
(`cases.tallied_running`): no row is asked, and no sum changes with the hour. Most ends are
midnights, so that the instants of a hundred thousand cases are some hundreds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, select, true

from cases.months import month_at
from cases.oversight import Wanted, running
from cases.tables import case, clock
from cases.tally_share import ALWAYS, BETWEEN, RUNNING, STEPS, Share

OF_CASES: Final = "cases"
OF_CLOCKS: Final = "clocks"
OF_PROMISES: Final = "promises"
OF_STEPS: Final = "steps"
"""First word of a name of `RUNNING`: what is counted."""
TOTAL: Final = "total"
LATE: Final = "overdue"
WARNED: Final = "warning"
DUE: Final = "due"
OPEN: Final = "open"
TOOK: Final = "took"
"""First words of a name of `STEPS`."""
TO_THE_DAY: Final = "working_day"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def number_of(at: datetime) -> int:
    """Return an instant as whole microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def instant_of(number: int) -> datetime:
    """Return the instant; see `number_of`."""
    return _EPOCH + number * _MICROSECOND


def named(*words: str) -> str:
    return BETWEEN.join(words)


# --- clocks that run -----------------------------------------------------------------------------


def put_running(connection: Connection, found: Mapping[str, Share], zone: str) -> None:
    """Tell which clocks of these cases run, from when on each is warned of, and late."""
    rows = connection.execute(_running(list(found))).all()
    for case_id, of_case in groupby(rows, key=attrgetter("case_id")):
        share, clocks = found[case_id], list(of_case)
        for row in clocks:
            _put_bare(share, row, zone)
        watched = [row for row in clocks if row.is_watched]
        for row in watched:
            _put_clock(share, row, zone)
        if watched:
            _put(share, (OF_CASES, ""), watched, zone)
        # A page may ask for one department: the case's own, or one whose clock it is.
        for duty in sorted({row.department for row in watched} - {share.group.department, ""}):
            own = [row for row in watched if row.department == duty]
            _put(share, (OF_CASES, duty), own, zone)


def _running(ids: Sequence[str]) -> Select[Any]:
    every = Wanted(true(), _EPOCH)
    return (
        select(
            clock.c.case_id, clock.c.clock, clock.c.department, clock.c.due_at, clock.c.warn_at,
            clock.c.standing, clock.c.provisional, running(every).label("is_watched"),
        )
        .select_from(clock.join(case, case.c.id == clock.c.case_id))
        .where(clock.c.case_id.in_(ids), clock.c.ended_at.is_(None))
        .order_by(clock.c.case_id)
    )  # fmt: skip


def _put_bare(share: Share, row: Any, zone: str) -> None:
    """Tell of promises and steps, whether the case is watched or not (`cases.counting`)."""
    if row.clock == "promised" and row.due_at is not None:
        _at(share, row.due_at, (OF_PROMISES, LATE), 1, zone)
    if row.clock == "step":
        share.add(RUNNING, ALWAYS, named(OF_STEPS, row.department, OPEN), 1)
        if row.due_at is not None:
            _at(share, row.due_at, (OF_STEPS, row.department, LATE), 1, zone)


def _put_clock(share: Share, row: Any, zone: str) -> None:
    name = (OF_CLOCKS, row.clock, row.department)
    for word, holds in (
        (TOTAL, True),
        ("standing", row.standing),
        ("provisional", row.provisional),
    ):
        share.add(RUNNING, ALWAYS, named(*name, word), int(holds))
    if row.due_at is not None:
        # From when on it is warned of stands beside its end: a list goes by the ends.
        warned = "" if row.warn_at is None else str(number_of(row.warn_at))
        _at(share, row.due_at, (*name, DUE, warned), 1, zone)


def _put(share: Share, name: tuple[str, ...], rows: Sequence[Any], zone: str) -> None:
    """Count as one whatever is said of any of these clocks."""
    share.add(RUNNING, ALWAYS, named(*name, TOTAL), 1)
    for word in ("standing", "provisional"):
        share.add(RUNNING, ALWAYS, named(*name, word), int(any(getattr(r, word) for r in rows)))
    ends = [row.due_at for row in rows if row.due_at is not None]
    if ends:
        _at(share, min(ends), (*name, LATE), 1, zone)
    warned = ((r.warn_at, r.due_at) for r in rows if r.warn_at is not None and r.due_at is not None)
    for since, until in _united(warned):
        _at(share, since, (*name, WARNED), 1, zone)
        _at(share, until, (*name, WARNED), -1, zone)


def _at(share: Share, at: datetime, name: tuple[str, ...], n: int, zone: str) -> None:
    share.add(RUNNING, month_at(at, zone), named(*name, str(number_of(at))), n)


def _united(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return the same times as spans [since, until) that do not overlap."""
    found: list[tuple[datetime, datetime]] = []
    for since, until in sorted(span for span in spans if span[0] < span[1]):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((since, until))
    return found


# --- steps of departments ------------------------------------------------------------------------

_promise = clock.alias("promise")


def put_steps(connection: Connection, found: Mapping[str, Share], zone: str) -> None:
    """Tell how many days the ended steps took, and by when each open one and its case are due."""
    query = (
        select(
            clock.c.case_id, clock.c.task, clock.c.department, clock.c.due_at, clock.c.ended_at,
            clock.c.ended_by, clock.c.used, clock.c.limit_n, _promise.c.due_at.label("case_due"),
            case.c.calendar, case.c.zone, running(Wanted(true(), _EPOCH)).label("is_watched"),
        )
        .select_from(
            clock.join(case, case.c.id == clock.c.case_id).outerjoin(
                _promise,
                and_(_promise.c.case_id == clock.c.case_id, _promise.c.key == "promised"),
            )
        )
        .where(
            clock.c.case_id.in_(list(found)),
            clock.c.clock == "step",
            clock.c.limit_unit == TO_THE_DAY,
        )
    )  # fmt: skip
    for row in connection.execute(query):
        share = found[row.case_id]
        if row.ended_at is not None:
            if row.ended_by == "step_done":
                took = (TOOK, row.task, row.department, str(int(row.used or 0)))
                share.add(STEPS, ALWAYS, named(*took), 1)
        elif row.is_watched and row.due_at is not None:
            last = row.due_at if row.case_due is None else max(row.due_at, row.case_due)
            share.add(STEPS, month_at(last, zone), _open_step(row), 1)


def _open_step(row: Any) -> str:
    due = "" if row.case_due is None else str(number_of(row.case_due))
    return named(
        OPEN, row.task, row.department, str(row.limit_n), str(number_of(row.due_at)), due,
        row.calendar, row.zone,
    )  # fmt: skip
