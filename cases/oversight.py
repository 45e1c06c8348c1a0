"""What supervisors watch now: what is late and soon will be, whose share that is, who will breach.

Lists are rows of the clock table; whose share it is comes from the ledgers of the cases on the
page, derived again from their events, so that a share is never older than the page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Literal, NamedTuple, Protocol

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy import case as when

from cases import approval, tables
from cases.case_view import clock_event_of
from cases.clock import working_days_between
from cases.clocks.attribution import Attribution, Holder, attribute, holdings
from cases.clocks.ledger import ledger
from cases.clocks.model import Ledger
from cases.clocks.periods import newest, periods
from cases.each_case import asked_each
from cases.state import CaseState, ClockEvent
from cases.tables import case, clock
from catalogue.working_days import BeyondCalendar, Calendar

Watch = Literal["", "warning", "overdue", "standing", "provisional"]
"""All that runs · 预警 · 超期 · 停表 · 暂定."""

WATCHED = ("notice", "promised", "statutory", "step", "delivery", "rectify", "check")
"""Clocks of the authority that somebody is late in; a department's own sum is no period."""

Calendars = Mapping[str, Calendar]


@dataclass(frozen=True, slots=True)
class Share:
    """What somebody used of a period, in days (or microseconds)."""

    kind: str
    name: str
    amount: Fraction
    paused: bool = False
    over: Fraction = Fraction(0)
    """The part of it that came after the end."""


@dataclass(frozen=True, slots=True)
class WatchedClock:
    """One running clock, with whose time it has been so far."""

    case_id: str
    case_no: str
    matter: str
    matter_name: str
    department: str
    """Implementing department of the case."""
    key: str
    clock: str
    duty: str
    """Department whose duty this clock is."""
    article: str
    started_at: datetime
    due_at: datetime | None
    due_on: str
    provisional: bool
    standing: bool
    extended: bool
    limit_n: int
    limit_unit: str
    days_left: int | None
    """Working days to the end, negative when late; None where no calendar can tell."""
    warned: bool = False
    """It is in the time of warning (预警)."""
    shares: tuple[Share, ...] = ()
    """The largest first; of what was counted."""


@dataclass(frozen=True, slots=True)
class WatchCounts:
    """How many cases have a clock that …"""

    total: int
    warning: int
    overdue: int
    standing: int
    provisional: int


class OpenStep(NamedTuple):
    """What open steps have in common that are foreseen alike."""

    matter: str
    task: str
    department: str
    limit_n: int
    due_at: datetime
    case_due: datetime | None
    calendar: str
    zone: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where some lines of a list of running clocks lie."""

    instants: tuple[datetime, ...]
    """At which they are due."""
    due_never: bool
    """They may be among those that stand still, at the end of the list."""
    offset: int
    """How many that are due then come before them."""


class Runs(Protocol):
    """What runs now, from sums made ahead: `cases.tallied_running.Running`."""

    cases: dict[str, int]

    def watched(self, clock: str, state: str) -> int: ...
    def stretch(self, clock: str, state: str, offset: int, limit: int) -> Stretch | None: ...


class Kept(Protocol):
    """Sums made ahead, as one reader sees them (`cases.tallied`): the same numbers as the rows'."""

    def running(self, matter: str, department: str, now: datetime) -> Runs: ...
    def open_steps(
        self, matter: str, department: str, since: datetime
    ) -> Mapping[OpenStep, int]: ...
    def days_taken(self) -> Mapping[tuple[str, str, str], Mapping[int, int]]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which running clocks: filters of the page."""

    where: ColumnElement[bool]
    now: datetime
    watch: Watch = ""
    clock: str = ""
    matter: str = ""
    department: str = ""
    """Implementing department, or the one whose duty the clock is."""
    kept: Kept | None = None
    """Sums to take instead of counting rows; of the reader whose condition `where` is."""

    def runs(self) -> Runs | None:
        """Return what runs from kept sums; None where rows are counted."""
        if self.kept is None:
            return None
        return self.kept.running(self.matter, self.department, self.now)


# --- running clocks ------------------------------------------------------------------------------


def counts(connection: Connection, wanted: Wanted) -> WatchCounts:
    """Return how many cases there are in each state of watch. A case counts once in each."""
    runs = wanted.runs() if not wanted.clock else None  # kept of all clocks together
    if runs is not None:
        return WatchCounts(*(runs.cases.get(name, 0) for name in ("total", *WATCH_STATES)))
    state = {name: _state(name, wanted.now) for name in WATCH_STATES}
    per_case = (
        select(
            clock.c.case_id,
            *(func.max(_flag(state[name])).label(name) for name in WATCH_STATES),
        )
        .select_from(clock.join(case, case.c.id == clock.c.case_id))
        .where(running(wanted))
        .group_by(clock.c.case_id)
        .subquery()
    )
    query = select(
        func.count(), *(func.coalesce(func.sum(per_case.c[name]), 0) for name in WATCH_STATES)
    )
    row = connection.execute(query).one()
    return WatchCounts(*(int(n) for n in row))


WATCH_STATES: tuple[Watch, ...] = ("warning", "overdue", "standing", "provisional")


def watched(
    connection: Connection,
    wanted: Wanted,
    calendars: Calendars,
    *,
    limit: int,
    offset: int = 0,
    divided: bool = True,
) -> tuple[tuple[WatchedClock, ...], int]:
    """Return one page of running clocks, what is due first on top, and the number of all."""
    condition = and_(running(wanted), _state(wanted.watch, wanted.now))
    source = clock.join(case, case.c.id == clock.c.case_id)
    runs, state = wanted.runs(), wanted.watch or "total"
    if runs is not None:
        n = runs.watched(wanted.clock, state)
    else:
        counting = select(func.count()).select_from(source).where(condition)
        n = int(connection.execute(counting).scalar_one())
    standing_last = () if wanted.watch in ("overdue", "warning") else (clock.c.due_at.is_(None),)
    order = (*standing_last, clock.c.due_at, clock.c.case_id, clock.c.key)
    # Sorted by keys alone: whole rows of a long list would be carried through the sort.
    listed = select(clock.c.case_id, clock.c.key, clock.c.due_at).select_from(source)
    stretch = None if runs is None else runs.stretch(wanted.clock, state, offset, limit)
    if stretch is not None:
        then = clock.c.due_at.in_(stretch.instants)
        within = or_(then, clock.c.due_at.is_(None)) if stretch.due_never else then
        some = listed.where(condition, within).order_by(*order)
        page = some.limit(limit).offset(stretch.offset).subquery()
    elif wanted.watch in ("overdue", "warning"):
        page = _firsts(listed.where(condition).order_by(*order), wanted, limit, offset)
    else:
        page = listed.where(condition).order_by(*order).limit(limit).offset(offset).subquery()
    query = (
        select(clock, case.c.case_no, case.c.matter, case.c.matter_name, case.c.zone,
               case.c.calendar, case.c.department.label("implementing"))
        .select_from(
            page.join(clock, and_(clock.c.case_id == page.c.case_id, clock.c.key == page.c.key))
            .join(case, case.c.id == clock.c.case_id)
        )
        .order_by(*order)
    )  # fmt: skip
    rows = connection.execute(query).all()
    shares = _shares(connection, rows, calendars, wanted.now) if divided else {}
    return tuple(_watched(row, calendars, wanted.now, shares) for row in rows), n


def _firsts(listed: Select[Any], wanted: Wanted, limit: int, offset: int) -> Subquery:
    """Return a page of what is late or warned of: the first of each clock stand together in an
    index, and all of them would have to be sorted."""
    kinds = (wanted.clock,) if wanted.clock else WATCHED
    firsts = (listed.where(clock.c.clock == kind).limit(limit + offset) for kind in kinds)
    every = union_all(*(select(one.subquery()) for one in firsts)).subquery()
    return (
        select(every.c.case_id, every.c.key)
        .order_by(every.c.due_at, every.c.case_id, every.c.key)
        .limit(limit)
        .offset(offset)
        .subquery()
    )


def running(wanted: Wanted) -> ColumnElement[bool]:
    parts = [
        asked_each(wanted.where),
        clock.c.ended_at.is_(None),
        clock.c.side == "authority",
        clock.c.clock.in_(WATCHED),
        case.c.is_open,
    ]
    if wanted.clock:
        parts.append(clock.c.clock == wanted.clock)
    if wanted.matter:
        parts.append(case.c.matter == wanted.matter)
    if wanted.department:
        parts.append(
            or_(
                case.c.department == wanted.department,
                clock.c.department == wanted.department,
            )
        )
    return and_(*parts)


def _flag(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return when((condition, 1), else_=0)


def _state(watch: Watch, now: datetime) -> ColumnElement[bool]:
    late = and_(clock.c.due_at.is_not(None), clock.c.due_at <= now)
    match watch:
        case "overdue":
            return late
        case "standing":
            return clock.c.standing
        case "provisional":
            return clock.c.provisional
        case "warning":
            return and_(clock.c.warn_at <= now, clock.c.due_at > now)
        case _:
            return case.c.is_open


def _watched(
    row: Any,
    calendars: Calendars,
    now: datetime,
    shares: Mapping[tuple[str, str], tuple[Share, ...]],
) -> WatchedClock:
    return WatchedClock(
        case_id=row.case_id,
        case_no=row.case_no,
        matter=row.matter,
        matter_name=row.matter_name,
        department=row.implementing,
        key=row.key,
        clock=row.clock,
        duty=row.department,
        article=row.rule,
        started_at=row.started_at,
        due_at=row.due_at,
        due_on=row.due_on,
        provisional=row.provisional,
        standing=row.standing,
        extended=row.extended,
        limit_n=row.limit_n,
        limit_unit=row.limit_unit,
        days_left=days_between(now, row.due_at, calendars.get(row.calendar), row.zone),
        warned=row.warn_at is not None and row.warn_at <= now,
        shares=shares.get((row.case_id, row.key), ()),
    )


def days_between(
    now: datetime, due_at: datetime | None, calendar: Calendar | None, zone: str
) -> int | None:
    """Return the working days left, negative when late; None where nothing can tell."""
    if due_at is None or calendar is None:
        return None
    try:
        return working_days_between(now, due_at, calendar, zone)
    except BeyondCalendar:
        return None


# --- whose share ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Divided:
    """One clock of a case with its ledger and whose it was."""

    ledger: Ledger
    attribution: Attribution


def divided(
    state: CaseState,
    events: Sequence[ClockEvent],
    calendar: Calendar,
    now: datetime,
    keys: Collection[str],
) -> Mapping[str, Divided]:
    """Return the newest period of these clocks of a case, divided by rule YC-FT-1 as of now.

    A case has some twenty; a page shows one or two, and each ledger is walked day by day.
    """
    plan = state.plan
    held = holdings(events, plan.department, plan.lead)
    found = {}
    for key, period in newest(periods(approval.clock_rules(plan), events)).items():
        if key not in keys:
            continue
        made = ledger(period, calendar, plan.zone, now)
        found[key] = Divided(made, attribute(made, held, calendar.hours, plan.zone, now))
    return found


def shares_of(attribution: Attribution) -> tuple[Share, ...]:
    """Return what was counted, the largest share first, then what was paused."""

    def ordered(part: Mapping[Holder, Fraction], paused: bool) -> Iterable[Share]:
        for who, amount in sorted(part.items(), key=lambda one: (-one[1], one[0])):
            over = Fraction(0) if paused else attribution.over.get(who, Fraction(0))
            yield Share(who.kind, who.name, amount, paused, over)

    return (*ordered(attribution.used, False), *ordered(attribution.paused, True))


def _shares(
    connection: Connection, rows: Sequence[Any], calendars: Calendars, now: datetime
) -> Mapping[tuple[str, str], tuple[Share, ...]]:
    calendar_of = {row.case_id: row.calendar for row in rows}
    keys: dict[str, set[str]] = {}
    for row in rows:
        keys.setdefault(row.case_id, set()).add(row.key)
    states = _states(connection, list(keys))
    told = _events(connection, list(keys))
    found = {}
    for case_id, state in states.items():
        calendar = calendars.get(calendar_of[case_id])
        if calendar is None:
            continue
        those = divided(state, told.get(case_id, []), calendar, now, keys[case_id])
        for key, one in those.items():
            found[case_id, key] = shares_of(one.attribution)
    return found


def _states(connection: Connection, ids: Sequence[str]) -> dict[str, CaseState]:
    table = tables.state.c
    rows = connection.execute(select(table.case_id, table.state).where(table.case_id.in_(ids)))
    return {row.case_id: CaseState.model_validate_json(row.state) for row in rows}


def _events(connection: Connection, ids: Sequence[str]) -> dict[str, list[ClockEvent]]:
    table = tables.clock_event
    query = select(table).where(table.c.case_id.in_(ids))
    found: dict[str, list[ClockEvent]] = {}
    for row in connection.execute(query.order_by(table.c.case_id, table.c.seq, table.c.n)):
        found.setdefault(row.case_id, []).append(clock_event_of(row))
    return found
