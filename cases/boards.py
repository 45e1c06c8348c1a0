"""The supervisors' board: what a page or the monthly report shows, read in one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import ColumnElement, Connection

from cases import counting, oversight
from cases.counting import (
    Question,
    cards_by_department,
    counted,
    shares_by_holder,
    steps_by_department,
)
from cases.forecast import Forecast, forecast
from cases.metrics import Cell, Figures, Group, grouped
from cases.months import Span, months_before, span_of
from cases.oversight import (
    Calendars,
    Wanted,
    Watch,
    WatchCounts,
    WatchedClock,
    counts,
    watched,
)
from catalogue.matters import Matter

TREND_MONTHS = 12
"""How far back the lines of a board go."""


@dataclass(frozen=True, slots=True)
class BoardQuery:
    """Filters of the board; they live in the address. Months are 2026-11."""

    first: str
    last: str
    matter: str = ""
    department: str = ""


@dataclass(frozen=True, slots=True)
class WatchQuery:
    """Filters of the list of running clocks."""

    watch: Watch = ""
    clock: str = ""
    matter: str = ""
    department: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class DepartmentLine:
    """One department among the others."""

    code: str
    group: Group
    """Its own cases, as the implementing department."""
    steps: Figures
    """Its review steps in anybody's cases, and the cards that stand against it."""
    used: float
    """Working days of the decided cases that are put down to it (YC-FT-1)."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Departments side by side."""

    query: BoardQuery
    now: datetime
    departments: tuple[DepartmentLine, ...]
    before: Mapping[str, DepartmentLine]
    """The same of the months before, as many, by code."""


@dataclass(frozen=True, slots=True)
class Watching:
    """What runs now: how many, and the top of both lists."""

    now: datetime
    counts: WatchCounts
    overdue: tuple[WatchedClock, ...]
    overdue_all: int
    warning: tuple[WatchedClock, ...]
    warning_all: int


@dataclass(frozen=True, slots=True)
class Board:
    """What a supervisor sees."""

    query: BoardQuery
    now: datetime
    counts: WatchCounts
    everything: Group
    before: Group
    """The months before, as many."""
    matters: tuple[Group, ...]
    months: tuple[Group, ...]
    """The trend, up to the last month of the query."""
    departments: tuple[DepartmentLine, ...]
    outside: Mapping[tuple[str, str], float]
    """Applicant and procedures: (kind, name) → working days, paused ones too, of decided cases."""
    overdue: tuple[WatchedClock, ...]
    overdue_all: int
    warning: tuple[WatchedClock, ...]
    warning_all: int
    forecast: tuple[Forecast, ...]
    calendars: Mapping[str, str]
    """Name → version of each calendar in force."""


class Kept(counting.Kept, oversight.Kept, Protocol):
    """Sums made ahead, as one reader sees them (`cases.tallied`)."""


@dataclass(frozen=True, slots=True)
class Boards:
    """What boards are made of, besides rows: the calendars, the matters, the zone."""

    calendars: Calendars
    matters: Sequence[Matter]
    zone: str
    kept: Kept | None = None
    """Sums made ahead, of the reader who asks; None: rows are counted."""

    def board(
        self,
        connection: Connection,
        where: ColumnElement[bool],
        query: BoardQuery,
        now: datetime,
        *,
        rows: int = 10,
    ) -> Board:
        """Return the board over the cases that `where` lets the reader see. Raises `NoMonth`."""
        span = span_of(query.first, query.last, self.zone)
        whole = self._whole(span)
        cells = counted(connection, self._question(where, whole, query, now))
        chosen = {name for name, _, _ in span.months}
        within = _of_months(cells, chosen)
        earlier = [months_before(name, len(span.months)) for name, _, _ in span.months]
        trend = [name for name, _, _ in whole.months][-TREND_MONTHS:]
        question = self._question(where, span, query, now)
        shares = shares_by_holder(connection, question)
        running = self.watching(connection, where, query, now, rows=rows)
        wanted = self._wanted(where, now, query)
        (everything,) = grouped(within, "all", self._matters(query), span.last)
        (before,) = grouped(
            _of_months(cells, set(earlier)), "all", self._matters(query), earlier[-1]
        )
        return Board(
            query=query,
            now=now,
            counts=running.counts,
            everything=everything,
            before=before,
            matters=grouped(within, "matter", self.matters, span.last),
            months=_every(grouped(_of_months(cells, set(trend)), "month"), trend),
            departments=self._departments(connection, question, within, shares),
            outside=_outside(shares),
            overdue=running.overdue,
            overdue_all=running.overdue_all,
            warning=running.warning,
            warning_all=running.warning_all,
            forecast=forecast(connection, wanted, self.calendars, limit=rows),
            calendars={name: one.version for name, one in self.calendars.items()},
        )

    def watching(
        self,
        connection: Connection,
        where: ColumnElement[bool],
        query: BoardQuery,
        now: datetime,
        *,
        rows: int = 10,
    ) -> Watching:
        """Return what runs now; the months of the query say nothing about it."""
        overdue, overdue_all = self._list(connection, where, query, now, "overdue", rows)
        warning, warning_all = self._list(connection, where, query, now, "warning", rows)
        counted_now = counts(connection, self._wanted(where, now, query))
        return Watching(now, counted_now, overdue, overdue_all, warning, warning_all)

    def compared(
        self,
        connection: Connection,
        where: ColumnElement[bool],
        query: BoardQuery,
        now: datetime,
    ) -> Compared:
        """Return departments side by side, this span and the one before. Raises `NoMonth`."""
        span = span_of(query.first, query.last, self.zone)
        n = len(span.months)
        earlier = span_of(months_before(span.first, n), months_before(span.last, n), self.zone)
        lines = []
        for one in (span, earlier):
            question = self._question(where, one, query, now)
            cells, shares = counted(connection, question), shares_by_holder(connection, question)
            lines.append(self._departments(connection, question, cells, shares))
        return Compared(query, now, lines[0], {line.code: line for line in lines[1]})

    def watched(
        self,
        connection: Connection,
        where: ColumnElement[bool],
        query: WatchQuery,
        now: datetime,
        size: int,
    ) -> tuple[tuple[WatchedClock, ...], int]:
        """Return one page of running clocks and the number of all."""
        wanted = Wanted(
            where, now, query.watch, query.clock, query.matter, query.department, self.kept
        )
        offset = (query.page - 1) * size
        return watched(connection, wanted, self.calendars, limit=size, offset=offset)

    # --- pieces ----------------------------------------------------------------------------------

    def _whole(self, span: Span) -> Span:
        """Return the months that are counted at once: the trend's, and those before the span."""
        back = max(TREND_MONTHS - 1, 2 * len(span.months) - 1)
        return span_of(months_before(span.last, min(back, 35)), span.last, self.zone)

    def _question(
        self, where: ColumnElement[bool], span: Span, query: BoardQuery, now: datetime
    ) -> Question:
        return Question(where, span, now, query.matter, query.department, self.kept)

    def _matters(self, query: BoardQuery) -> list[Matter]:
        return [
            one
            for one in self.matters
            if query.matter in ("", one.code) and query.department in ("", one.department)
        ]

    def _list(
        self,
        connection: Connection,
        where: ColumnElement[bool],
        query: BoardQuery,
        now: datetime,
        watch: Watch,
        rows: int,
    ) -> tuple[tuple[WatchedClock, ...], int]:
        return watched(
            connection, self._wanted(where, now, query, watch), self.calendars, limit=rows
        )

    def _wanted(
        self, where: ColumnElement[bool], now: datetime, query: BoardQuery, watch: Watch = ""
    ) -> Wanted:
        return Wanted(where, now, watch, "", query.matter, query.department, self.kept)

    def _departments(
        self,
        connection: Connection,
        question: Question,
        cells: Mapping[Cell, Figures],
        shares: Mapping[tuple[str, str, bool], float],
    ) -> tuple[DepartmentLine, ...]:
        groups = {
            one.key: one for one in grouped(cells, "department", self.matters, question.span.last)
        }
        steps = steps_by_department(connection, question)
        for code, cards in cards_by_department(connection, question).items():
            steps[code] = steps.get(code, {}) | cards
        used = {name: n for (kind, name, paused), n in shares.items()
                if kind == "department" and not paused}  # fmt: skip
        return tuple(
            DepartmentLine(
                code, groups.get(code, Group(code)), steps.get(code, {}), used.get(code, 0.0)
            )
            for code in sorted(groups.keys() | steps.keys() | used.keys())
        )


def _of_months(cells: Mapping[Cell, Figures], months: set[str]) -> dict[Cell, Figures]:
    return {cell: figures for cell, figures in cells.items() if cell[2] in months}


def _every(groups: Sequence[Group], months: Sequence[str]) -> tuple[Group, ...]:
    """Return a group for each month, also for those in which nothing was counted."""
    found = {one.key: one for one in groups}
    return tuple(found.get(month, Group(month)) for month in months)


def _outside(shares: Mapping[tuple[str, str, bool], float]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for (kind, name, _paused), n in shares.items():
        if kind != "department":
            found[kind, name] = found.get((kind, name), 0.0) + n
    return found
