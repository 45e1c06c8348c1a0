"""Behind a number of the supervisors' pages: exactly the rows that it counts, and how they fall.

The conditions are those of `cases.counting`, so that a list is as long as its number says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, literal, or_, select
from sqlalchemy import case as when

from cases import counting
from cases.counting import Counted, Kept, Question
from cases.each_case import asked_each
from cases.months import NoMonth, Span, span_of
from cases.tables import case

ENDED: Final = (
    "closed", "on_time_promised", "late_ended", "on_time_statutory", "early", "closed_in_days",
    "with_procedure",
)  # fmt: skip
RECEIVED: Final = ("received", "online", "spot", "noticed", "noticed_twice")
SERVED: Final = ("served", "fully_online", "one_visit")
RATED: Final = (
    "rating_ended", "rated", "satisfied", "good", "bad", "rectified", "rectified_on_time",
    "called_back",
)  # fmt: skip
CARDS: Final = ("reminders", "warnings", "yellow", "red", "cards_asked", "cards_settled")
IN_HAND: Final = ("open", "late_open")
BOTH: Final = ("late", "handled")
"""Sums of one count over what was decided and one over what was in hand at the end."""
STEPS: Final = ("steps", "steps_on_time", "steps_in_days", "steps_open", "steps_late")
COUNTS: Final = (*ENDED, *RECEIVED, *SERVED, *RATED, *CARDS, *IN_HAND, *BOTH, *STEPS)
"""Every count that has rows. Sums of days and counts of the catalogue's matters have none."""

AT_END: Final = frozenset({*IN_HAND, *BOTH, "steps_open", "steps_late"})
"""Counts that hold at an instant, wholly or in part: they do not fall into days."""


class NoCount(ValueError):
    """The word names no count that has rows."""


class NoDay(ValueError):
    """The words name no day within the span: 2026-11-05 is one."""


@dataclass(frozen=True, slots=True)
class DrillQuery:
    """Which number; the filters live in the address. Months are 2026-11, a day is 2026-11-05."""

    count: str
    first: str
    last: str
    matter: str = ""
    department: str = ""
    """Implementing department, as on the board."""
    duty: str = ""
    """Department that the row is put down to: whose step, whose card."""
    day: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class DrilledRow:
    """One row that a number counts."""

    case_id: str
    case_no: str
    matter: str
    matter_name: str
    department: str
    duty: str
    key: str
    """Clock whose ledger shows it."""
    at: datetime | None
    """The instant by which it is counted; None: it still runs."""
    is_open: bool


@dataclass(frozen=True, slots=True)
class Drilled:
    """A page of the rows, and how all of them fall."""

    total: int
    rows: tuple[DrilledRow, ...]
    by_time: tuple[tuple[str, int], ...]
    """Days of one month, months of several, in order, empty ones too; nothing for what holds at an
    instant."""
    by_matter: Mapping[str, int]
    by_duty: Mapping[str, int]


def drilled(
    connection: Connection,
    where: ColumnElement[bool],
    query: DrillQuery,
    now: datetime,
    zone: str,
    size: int,
    kept: Kept | None = None,
) -> Drilled:
    """Return the rows behind a number, the newest first. Raises `NoMonth`, `NoDay`, `NoCount`.

    `kept`: sums made ahead, from which it is told how many rows there are and how they fall; whose
    step or card it is is not kept.
    """
    span = span_of(query.first, query.last, zone)
    question = Question(where, span, now, query.matter, query.department)
    counted, condition = _rows_of(connection, question, query.count)
    parts = [counted.only, condition, question.condition()]
    if query.duty:
        parts.append(counted.duty == query.duty)
    chosen = asked_each(and_(*parts))
    if query.day:
        since, until = _day(query, span, zone)
        chosen = and_(chosen, counted.instant >= since, counted.instant < until)
    places = [] if query.count in AT_END else _places(span, zone)
    from_sums = _from_sums(connection, replace(question, kept=kept), query)
    cells = _cells(connection, counted, chosen, places) if from_sums is None else from_sums
    total = sum(n for *_, n in cells)
    page = _page(counted, chosen).limit(size).offset((query.page - 1) * size)
    return Drilled(
        total,
        tuple(DrilledRow(*row) for row in connection.execute(page)),
        tuple((name, _sum(cells, 2, name)) for name, _ in places) if not query.day else (),
        _sums(cells, 0),
        _sums(cells, 1),
    )


def _rows_of(
    connection: Connection, question: Question, count: str
) -> tuple[Counted, ColumnElement[bool]]:
    """Return where the rows lie and which of them count, the span included."""
    if count in IN_HAND:
        rows = _at_end(question)
        return rows, rows.counts[count]
    if count in BOTH:
        return _decided_or_in_hand(question, count)
    if count in STEPS:
        rows = counting.steps(question)
        return rows, rows.counts[count]
    if count in ENDED:
        rows = counting.ended()
    elif count in RECEIVED:
        rows = counting.received(counting.spot_digests(connection))
    elif count in SERVED:
        rows = counting.served()
    elif count in RATED:
        rows = counting.rated()
    elif count in CARDS:
        rows = counting.cards()
    else:
        raise NoCount(count)
    return rows, and_(rows.counts[count], counting.within(rows.instant, question.span))


def _at_end(question: Question) -> Counted:
    """Return what was in hand when the span's last month ended; nothing where it has not begun."""
    _, since, until = question.span.months[-1]
    rows = counting.in_hand(min(until, question.now))
    return rows if since <= question.now else replace(rows, only=false())


_PARTS: Final = {"late": ("late_ended", "late_open"), "handled": ("closed", "open")}
"""Of `BOTH`: what was decided in the span, and what was in hand at its end."""


def _decided_or_in_hand(question: Question, count: str) -> tuple[Counted, ColumnElement[bool]]:
    decided, standing = counting.ended(), _at_end(question)
    name, other = _PARTS[count]
    over = and_(decided.only, decided.counts[name], counting.within(decided.instant, question.span))
    # Both are rows of the same clock; what was decided in the span is not in hand at its end.
    either = or_(over, and_(standing.only, standing.counts[other]))
    return replace(decided, only=counting.TRUE), either


def _places(span: Span, zone: str) -> list[tuple[str, datetime]]:
    """Return the days of one month or the months of several: name and first instant after it."""
    if len(span.months) > 1:
        return [(name, until) for name, _, until in span.months]
    tz = ZoneInfo(zone)
    day, found = span.since.astimezone(tz).date(), []
    while (until := _midnight(day + timedelta(days=1), tz)) <= span.until:
        found.append((day.isoformat(), until))
        day += timedelta(days=1)
    return found


def _midnight(day: date, tz: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=tz)


def _day(query: DrillQuery, span: Span, zone: str) -> tuple[datetime, datetime]:
    tz = ZoneInfo(zone)
    try:
        since = _midnight(date.fromisoformat(query.day), tz)
        until = _midnight(date.fromisoformat(query.day) + timedelta(days=1), tz)
    except (ValueError, OverflowError) as wrong:
        raise NoDay(f"「{query.day}」不是日期，应如 {query.first}-01") from wrong
    if query.count in AT_END or not span.since <= since < span.until:
        raise NoDay(f"「{query.day}」不在 {query.first}—{query.last} 之内，或者这个数不按日计")
    return since, until


def _cells(
    connection: Connection,
    counted: Counted,
    chosen: ColumnElement[bool],
    places: Sequence[tuple[str, datetime]],
) -> list[tuple[str, str, str, int]]:
    """Return how many rows each matter, department and place has."""
    steps = [(counted.instant < until, literal(name)) for name, until in places[:-1]]
    last = literal(places[-1][0] if places else "")
    place = when(*steps, else_=last) if steps else last
    inner = (
        select(case.c.matter.label("m"), counted.duty.label("d"), place.label("p"))
        .select_from(counted.source)
        .where(chosen)
        .subquery()
    )
    query = select(inner.c.m, inner.c.d, inner.c.p, func.count()).group_by(
        inner.c.m, inner.c.d, inner.c.p
    )
    return [(row[0], row[1], row[2], int(row[3])) for row in connection.execute(query)]


def _from_sums(
    connection: Connection, question: Question, query: DrillQuery
) -> list[tuple[str, str, str, int]] | None:
    """Return the same cells from sums; None where rows must be counted."""
    months = question.span.months
    if question.kept is None or query.count in (*STEPS, *CARDS):
        return None
    if query.count not in AT_END and (query.day or len(months) == 1):
        days = question.kept.by_day(question, query.count)
        wanted = date.fromisoformat(query.day).isoformat() if query.day else ""
        return [
            (matter, department, day, n) for (matter, department, day), n in days.items()
            if n and query.duty in ("", department) and wanted in ("", day)
        ]  # fmt: skip
    found = []
    for (matter, department, month), figures in counting.counted(connection, question).items():
        if query.duty not in ("", department):
            continue  # these are put down to whoever implements the matter
        if query.count in BOTH:
            ended, standing = _PARTS[query.count]
            n = figures.get(ended, 0) + (figures.get(standing, 0) if month == months[-1][0] else 0)
        elif query.count in IN_HAND:
            n = figures.get(query.count, 0) if month == months[-1][0] else 0
        else:
            n = figures.get(query.count, 0)
        if n:
            found.append((matter, department, "" if query.count in AT_END else month, n))
    return found


def _page(counted: Counted, chosen: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            counted.case_id,
            case.c.case_no,
            case.c.matter,
            case.c.matter_name,
            case.c.department,
            counted.duty,
            counted.key,
            counted.instant,
            case.c.is_open,
        )
        .select_from(counted.source)
        .where(chosen)
        .order_by(counted.instant.desc(), counted.case_id, counted.key)
    )


def _sums(cells: Sequence[tuple[str, str, str, int]], place: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in cells:
        name = str(one[place])
        found[name] = found.get(name, 0) + one[3]
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def _sum(cells: Sequence[tuple[str, str, str, int]], place: int, name: str) -> int:
    return sum(one[3] for one in cells if one[place] == name)


__all__ = ["COUNTS", "DrillQuery", "Drilled", "DrilledRow", "NoCount", "NoDay", "NoMonth",
           "drilled"]  # fmt: skip
