"""The plan's numbers that this system's own rows tell: two counts each, and the cases behind them.

A year up to the end of a day, in the city's zone. Counted for the whole city, whoever asks; the
lines behind a number are shown to each reader as far as policy lets them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy import case as when

from cases.counting import DECIDED, IN_DAYS, total
from cases.each_case import asked_each
from cases.fund_rows import allotted_fen
from cases.fund_tables import fund_total
from cases.incident_tables import incident
from cases.plan.figures import Figure
from cases.project_tables import project
from cases.tables import case, clock
from catalogue.kpis import Kpis, OwnSource

WINDOW: Final = timedelta(days=365)
"""What a number of our own looks back upon: one year (design; verified: false)."""
RESPONSE: Final = timedelta(minutes=15)
"""突发事件15分钟内响应 (CSFA-15): an incident that nobody was sent to counts from then on."""
PER_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` (inclusive) to `until` (exclusive)."""

    since: datetime
    until: datetime

    def holds(self, instant: ColumnElement[Any]) -> ColumnElement[bool]:
        if self == EVER:
            return true()
        return and_(instant >= self.since, instant < self.until)


EVER: Final = Window(datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
"""What has happened at all: no condition, so that no index is walked for it."""


@dataclass(frozen=True, slots=True)
class Behind:
    """One line behind a number."""

    kind: str
    """`case`, `incident` or `project`."""
    number: str
    title: str
    department: str
    at: datetime
    amount: int
    """What it adds to the numerator."""
    of: int
    """What it adds to the denominator."""
    id: str = ""
    """Of a project, by which its page is found."""


@dataclass(frozen=True, slots=True)
class BehindPage:
    """One page of the lines that a reader may see."""

    lines: tuple[Behind, ...]
    seen: int
    """How many the reader may see."""
    every: int
    """How many there are."""


def window_of(on: date, zone: str, now: datetime) -> Window:
    """Return the year up to the end of a day, or up to now where the day is not over."""
    end = datetime.combine(on + timedelta(days=1), time(), ZoneInfo(zone))
    until = min(end, now)
    return Window(until - WINDOW, until)


class Kept(Protocol):
    """Sums made ahead, of the whole city (`cases.tallied`): the same numbers as the rows'."""

    def of_days(self, first: date, last: date) -> Mapping[tuple[str, str], int]:
        """Return what counted on the days from the first up to before the last, in the city's zone:
        (matter, column of `counted_by_day`) → number."""
        ...


def own_figures(
    connection: Connection, kpis: Kpis, on: date, zone: str, now: datetime,
    kept: Kept | None = None,
) -> dict[str, Figure]:  # fmt: skip
    """Return the counts of every number of our own that has any, by code."""
    window = window_of(on, zone, now)
    days = None if kept is None else _of_days(connection, kept, window, zone)
    found: dict[str, Figure] = {}
    for one in kpis.kpis:
        counter = _COUNTERS.get(one.source) if one.own else None
        if counter is None:
            continue
        if days is not None and one.source in OF_CASES:
            above, below = _FROM_DAYS[one.source](days)
        else:
            above, below = counter(connection, window)
        if below:
            found[one.code] = Figure(above, below, on)
    return found


# --- counting ------------------------------------------------------------------------------------

_s = clock.alias("statutory")
_p = clock.alias("promised")
_r = clock.alias("rating")


def _approval_time(connection: Connection, window: Window) -> tuple[int, int]:
    return _pair(connection, _decided(window, func.sum(_s.c.used), func.sum(_s.c.budget)))


def _is(one: Any, name: str, window: Window) -> ColumnElement[bool]:
    """Whether a row is of this clock. Of single cases in a way that no index over all cases
    answers: it would be walked for each."""
    if window == EVER:
        return func.coalesce(one.c.clock, "") == name
    return one.c.clock == name  # type: ignore[no-any-return]


def _decided(window: Window, *columns: ColumnElement[Any]) -> Select[Any]:
    """Decided cases whose statutory period is in working days."""
    source = _p.join(case, case.c.id == _p.c.case_id).join(
        _s, and_(_s.c.case_id == _p.c.case_id, _s.c.key == "statutory")
    )
    return (
        select(*columns)
        .select_from(source)
        .where(
            _is(_p, "promised", window),
            _p.c.ended_by.in_(DECIDED),
            window.holds(_p.c.ended_at),
            _s.c.limit_unit.in_(IN_DAYS),
            _s.c.used.is_not(None),
            _s.c.budget > 0,
        )
    )


def _satisfaction(connection: Connection, window: Window) -> tuple[int, int]:
    return _pair(connection, _rated(window, total(case.c.grade.between(1, 3)), func.count()))


def _rated(window: Window, *columns: ColumnElement[Any]) -> Select[Any]:
    source = _r.join(case, case.c.id == _r.c.case_id)
    return (
        select(*columns)
        .select_from(source)
        .where(_is(_r, "rating", window), _r.c.ended_by == "rated", window.holds(_r.c.ended_at))
    )


def _received(window: Window) -> ColumnElement[bool]:
    return and_(case.c.process == "approval", window.holds(case.c.received_at))


ONLINE: Final = ("computer", "mobile")


def _online(connection: Connection, window: Window) -> tuple[int, int]:
    return _matters(connection, window, case.c.channel.in_(ONLINE))


def _at_window(connection: Connection, window: Window) -> tuple[int, int]:
    return _matters(connection, window, case.c.channel == "window")


def _matters(
    connection: Connection, window: Window, condition: ColumnElement[bool]
) -> tuple[int, int]:
    """Count matters, not cases: those with such a case, and those with any."""
    each = (
        select(case.c.matter, total(condition).label("such"))
        .where(_received(window))
        .group_by(case.c.matter)
        .subquery()
    )
    query = select(total(each.c.such > 0), func.count()).select_from(each)
    return _pair(connection, query)


def _incidents(window: Window) -> ColumnElement[bool]:
    late = incident.c.reported_at <= window.until - RESPONSE
    return and_(
        window.holds(incident.c.reported_at),
        incident.c.merged_into == "",
        or_(incident.c.dispatched_at.is_not(None), late),
    )


def _response(connection: Connection, window: Window) -> tuple[int, int]:
    query = select(incident.c.reported_at, incident.c.acknowledged_at, incident.c.closed_at).where(
        _incidents(window)
    )
    seconds = [_seconds(*row, window.until) for row in connection.execute(query)]
    return sum(seconds), len(seconds)


def _seconds(
    reported: datetime, acknowledged: datetime | None, closed: datetime | None, until: datetime
) -> int:
    """Return whole seconds to the first signature; without one, to its end or until now."""
    answered = acknowledged if acknowledged is not None and acknowledged < until else None
    end = answered or (closed if closed is not None and closed < until else until)
    return max(0, int((end - reported).total_seconds()))


def _fund(connection: Connection, _window: Window) -> tuple[int, int]:
    return allotted_fen(connection), 1


PILOT: Final = "pilot_area"
"""Template of a pilot area (catalogue/projects/pilot_area.yaml)."""


def _pilots(connection: Connection, window: Window) -> tuple[int, int]:
    query = select(func.count()).select_from(project).where(_standing(window))
    return int(connection.execute(query).scalar_one()), 1


def _standing(window: Window) -> ColumnElement[bool]:
    """Pilot areas that stand by then and were not terminated."""
    return and_(
        project.c.template == PILOT,
        project.c.stage != "terminated",
        project.c.established_at < window.until,
    )


_COUNTERS: Final[Mapping[str, Callable[[Connection, Window], tuple[int, int]]]] = MappingProxyType(
    {
        "approval_time": _approval_time,
        "satisfaction": _satisfaction,
        "online": _online,
        "window": _at_window,
        "response": _response,
        "fund": _fund,
        "pilots": _pilots,
    }
)


def _pair(connection: Connection, query: Executable) -> tuple[int, int]:
    above, below = connection.execute(query).one()
    return int(above or 0), int(below or 0)


# --- from sums -----------------------------------------------------------------------------------

_EVERY: Final = true()
Days = Mapping[tuple[str, str], int]
"""(Matter, column of `counted_by_day`) → number."""


def of_cases_by_day(ids: Sequence[str]) -> Iterator[Select[Any]]:
    """Yield the same of these cases, by the keys of their rows: an index over all cases would
    answer the conditions, and be walked for each."""
    for query, own in zip(
        counted_by_day(EVER), (_key_of(_p), _key_of(_r), None, _key_of(_p)), strict=True
    ):
        mine = query.where(case.c.id.in_(ids))
        yield mine if own is None else mine.where(own[0].in_(ids), own[1])


def _key_of(one: Any) -> tuple[ColumnElement[str], ColumnElement[bool]]:
    return one.c.case_id, one.c.key == ("rating" if one is _r else "promised")


def counted_by_day(window: Window) -> Iterator[Select[Any]]:
    """Yield what is counted of each case: its `id`, the instant `at` of its day, and columns that
    add up; the same conditions as the counters'."""
    yield _decided(
        window, case.c.id, _p.c.ended_at.label("at"), literal(1).label("timed"),
        _s.c.used.label("used"), _s.c.budget.label("budget"),
    )  # fmt: skip
    yield _rated(
        window, case.c.id, _r.c.ended_at.label("at"), literal(1).label("rated"),
        _flag(case.c.grade.between(1, 3)).label("good"),
    )  # fmt: skip
    yield select(
        case.c.id, case.c.received_at.label("at"), literal(1).label("received"),
        _flag(case.c.channel.in_(ONLINE)).label("online"),
        _flag(case.c.channel == "window").label("window"),
    ).where(_received(window))  # fmt: skip
    yield _ended(
        window, case.c.id, _p.c.ended_at.label("at"), literal(1).label("decided"),
        _flag(_p.c.on_time).label("on_time"),
    )  # fmt: skip


def _ended(window: Window, *columns: ColumnElement[Any]) -> Select[Any]:
    """Decided cases, whatever their statutory period is in."""
    return (
        select(*columns)
        .select_from(_p.join(case, case.c.id == _p.c.case_id))
        .where(
            _is(_p, "promised", window), _p.c.ended_by.in_(DECIDED), window.holds(_p.c.ended_at)
        )
    )  # fmt: skip


def _of_days(
    connection: Connection, kept: Kept, window: Window, zone: str,
    where: ColumnElement[bool] = _EVERY,
) -> Days:  # fmt: skip
    """Return what counted in a window: its whole days from sums, the rest from the rows that
    `where` lets through."""
    tz = ZoneInfo(zone)
    first, last = (at.astimezone(tz).date() for at in (window.since, window.until))
    if _midnight(first, tz) < window.since:
        first += timedelta(days=1)
    if first >= last:
        return _of_rows(connection, (window,), where)
    rest = (Window(window.since, _midnight(first, tz)), Window(_midnight(last, tz), window.until))
    found = dict(kept.of_days(first, last))
    parts = [one for one in rest if one.since < one.until]
    for key, n in _of_rows(connection, parts, where).items():
        found[key] = found.get(key, 0) + n
    return found


def _midnight(day: date, tz: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tz)


def _of_rows(
    connection: Connection, windows: Iterable[Window], where: ColumnElement[bool] = _EVERY
) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for query in (query for window in windows for query in counted_by_day(window)):
        inner = query.where(where).add_columns(case.c.matter.label("matter")).subquery()
        names = [one.name for one in inner.c if one.name not in ("id", "at", "matter")]
        grouped = select(
            inner.c.matter, *(func.sum(inner.c[name]).label(name) for name in names)
        ).group_by(inner.c.matter)
        for row in connection.execute(grouped).mappings():
            for name in names:
                key = (row["matter"], name)
                found[key] = found.get(key, 0) + int(row[name] or 0)
    return found


def _summed(days: Days, name: str) -> int:
    return sum(n for (_, of), n in days.items() if of == name)


def _with_any(days: Days, name: str) -> int:
    return sum(1 for (_, of), n in days.items() if of == name and n)


_FROM_DAYS: Final[Mapping[str, Callable[[Days], tuple[int, int]]]] = MappingProxyType(
    {
        "approval_time": lambda days: (_summed(days, "used"), _summed(days, "budget")),
        "satisfaction": lambda days: (_summed(days, "good"), _summed(days, "rated")),
        "online": lambda days: (_with_any(days, "online"), _with_any(days, "received")),
        "window": lambda days: (_with_any(days, "window"), _with_any(days, "received")),
    }
)


_LINES: Final[Mapping[str, str]] = MappingProxyType(
    {"approval_time": "timed", "satisfaction": "rated", "online": "received", "window": "received"}
)
"""Which of the sums is how many lines stand behind a number."""


# --- what is behind ------------------------------------------------------------------------------

OF_CASES: Final[Sequence[OwnSource]] = ("approval_time", "satisfaction", "online", "window")
OF_INCIDENTS: Final[Sequence[OwnSource]] = ("response",)
OF_PROJECTS: Final[Sequence[OwnSource]] = ("pilots", "fund")


def behind(
    connection: Connection,
    source: str,
    window: Window,
    mine: ColumnElement[bool],
    page: int = 1,
    kept: tuple[Kept, Kept, str] | None = None,
) -> BehindPage:
    """Return one page of the lines behind a number that the reader may see, the newest first.

    `mine` is the reader's condition over `case`, over `incident` for `OF_INCIDENTS`, over `project`
    for `OF_PROJECTS`. `kept`: sums of what the reader sees and of everybody's, and their zone, from
    which it is told how many cases there are.
    """
    if source in OF_PROJECTS:
        return _behind_projects(connection, source, window, mine, page)
    if source in OF_INCIDENTS:
        return _behind_incidents(connection, window, mine, page)
    if source not in OF_CASES:
        return BehindPage((), 0, 0)
    at, above, below, query = _behind_cases(source, window)
    lines = query.with_only_columns(
        case.c.case_no, case.c.matter_name, case.c.department, at, above, below
    ).where(asked_each(mine))
    rows = connection.execute(_paged(lines.order_by(at.desc(), case.c.id), page))
    found = tuple(
        Behind("case", row[0], row[1], row[2], row[3], int(row[4] or 0), int(row[5] or 0))
        for row in rows
    )
    if kept is None:
        return BehindPage(found, _count(connection, query.where(mine)), _count(connection, query))
    own, every, zone = kept
    seen = _of_days(connection, own, window, zone, asked_each(mine))
    whole = _of_days(connection, every, window, zone)
    name = _LINES[source]
    return BehindPage(found, _summed(seen, name), _summed(whole, name))


def _behind_cases(
    source: str, window: Window
) -> tuple[ColumnElement[Any], ColumnElement[Any], ColumnElement[Any], Select[Any]]:
    if source == "approval_time":
        return _p.c.ended_at, _s.c.used, _s.c.budget, _decided(window, case.c.id)
    if source == "satisfaction":
        good = _flag(case.c.grade.between(1, 3))
        return _r.c.ended_at, good, _flag(case.c.grade > 0), _rated(window, case.c.id)
    such = case.c.channel.in_(ONLINE) if source == "online" else case.c.channel == "window"
    query = select(case.c.id).where(_received(window))
    return case.c.received_at, _flag(such), _flag(case.c.id != ""), query


def _flag(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return when((condition, 1), else_=0)


def _behind_incidents(
    connection: Connection, window: Window, mine: ColumnElement[bool], page: int
) -> BehindPage:
    c = incident.c
    query = select(
        c.number, c.title, c.lead, c.reported_at, c.acknowledged_at, c.closed_at
    ).where(_incidents(window))  # fmt: skip
    seen = query.where(mine)
    rows = connection.execute(_paged(seen.order_by(c.reported_at.desc(), c.id), page))
    found = tuple(
        Behind(
            "incident", row.number, row.title, row.lead, row.reported_at,
            _seconds(row.reported_at, row.acknowledged_at, row.closed_at, window.until), 1,
        )
        for row in rows
    )  # fmt: skip
    return BehindPage(found, _count(connection, seen), _count(connection, query))


def _behind_projects(
    connection: Connection, source: str, window: Window, mine: ColumnElement[bool], page: int
) -> BehindPage:
    """Pilot areas; of the fund the projects to which money was allotted, in fen."""
    p = project.c
    amount: ColumnElement[Any] = literal(1)
    query = select(p.number).where(_standing(window))
    if source == "fund":
        total_of = fund_total.c
        amount = total_of.allotted_fen
        query = (
            select(p.number)
            .join(fund_total, and_(total_of.scope == "project", total_of.key == p.id))
            .where(total_of.allotted_fen != 0)
        )
    seen = query.where(mine)
    lines = seen.with_only_columns(p.number, p.id, p.title, p.department, p.established_at, amount)
    rows = connection.execute(_paged(lines.order_by(p.established_at.desc(), p.id), page))
    found = tuple(
        Behind("project", row[0], row[2], row[3], row[4], int(row[5]), 1, row[1]) for row in rows
    )
    return BehindPage(found, _count(connection, seen), _count(connection, query))


def _paged(query: Select[Any], page: int) -> Select[Any]:
    return query.limit(PER_PAGE).offset((page - 1) * PER_PAGE)


def _count(connection: Connection, query: Select[Any]) -> int:
    counted = select(func.count()).select_from(query.order_by(None).subquery())
    return int(connection.execute(counted).scalar_one())


# --- for everybody -------------------------------------------------------------------------------


def statistics(
    connection: Connection, zone: str, now: datetime, kept: Kept | None = None
) -> dict[str, int]:
    """Return counts of the running year that name nobody: cases and incidents of the whole city."""
    first = datetime(now.astimezone(ZoneInfo(zone)).year, 1, 1, tzinfo=ZoneInfo(zone))
    year = Window(first, now)
    days = _of_rows(connection, (year,)) if kept is None else _of_days(connection, kept, year, zone)
    received, online, decided, on_time = (
        _summed(days, name) for name in ("received", "online", "decided", "on_time")
    )
    closed = incident.c.closed_at.is_not(None)
    handled = select(func.count(), total(closed)).where(
        year.holds(incident.c.reported_at), incident.c.merged_into == ""
    )
    reported, over = _pair(connection, handled)
    suggested, answered = _suggestions(connection, year)
    good, rated = (days.get((SUGGESTION, name), 0) for name in ("good", "rated"))
    return {
        "received": received, "online": online, "decided": decided, "on_time": on_time,
        "incidents": reported, "closed": over, "suggestions": suggested, "answered": answered,
        "suggestions_rated": rated, "suggestions_good": good,
    }  # fmt: skip


SUGGESTION: Final = "citizen-suggestion"
"""The matter 市民建议 (catalogue/matters)."""


def _suggestions(connection: Connection, year: Window) -> tuple[int, int]:
    """Return how many were received, and how many of these were answered."""
    answered = case.c.decided_at.is_not(None)
    query = select(func.count(), total(answered)).where(
        case.c.matter == SUGGESTION, year.holds(case.c.received_at)
    )
    return _pair(connection, query)
