"""One clock of a case at one instant, as the rules of supervision see it.

A day is used when it has ended: on the last morning of ten working days nine are used and one is
left. `is_overdue` holds from the first instant that is too late (`Due.at`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from cases.clock import Due
from cases.clocks import Ledger, Period, Stop, due_of, ledger
from catalogue.working_days import Calendar

_INSTANT = timedelta(microseconds=1)
_PER_UNIT = {"minute": 60_000_000, "hour": 3_600_000_000, "working_hour": 3_600_000_000}
_ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Seen:
    """What the case knows besides the clock."""

    department: str
    matter: str
    backfilled: bool = False
    issued: frozenset[str] = frozenset()
    """Rules that have given a card on this run of the clock."""
    levels: tuple[str, ...] = ()
    yellow_since: datetime | None = None
    """When the first yellow card on this run that stands was recorded."""


@dataclass(frozen=True)
class Clock:
    """A period with its ledger up to a horizon, as if nothing more happened."""

    period: Period
    book: Ledger
    calendar: Calendar
    zone: str

    @classmethod
    def of(cls, period: Period, calendar: Calendar, zone: str, horizon: datetime) -> Clock:
        """Return the clock; an end is left out, for what would have been without it."""
        running = replace(period, end=None, superseded=False)
        return cls(running, ledger(running, calendar, zone, horizon), calendar, zone)

    @property
    def due(self) -> Due | None:
        return self.book.due

    @property
    def in_days(self) -> bool:
        return self.book.scale == "day"

    @property
    def per_unit(self) -> int:
        """Amounts of the ledger in one of the limit's unit."""
        return 1 if self.in_days else _PER_UNIT[self.period.parts[0].limit.unit]

    @property
    def stands_still(self) -> bool:
        """Whether a pause has no end yet."""
        return any(stop.until is None for stop in self.period.stops)

    def _ordinal(self, at: datetime) -> int:
        """Return the day of an instant, as `date.toordinal` counts."""
        return at.astimezone(self._tz).toordinal()

    def used(self, at: datetime) -> int:
        """Return what was used by that instant, in the ledger's scale."""
        index = bisect_right(self._ends, at) - 1
        used = self.book.rows[index].used if index >= 0 else 0
        following = index + 1
        if not self.in_days and following < len(self.book.rows):
            row = self.book.rows[following]
            if row.state in ("counted", "over") and row.since < at:
                used += (at - row.since) // _INSTANT
        return used

    def paused(self, at: datetime) -> int:
        """Return what would have counted by that instant had nothing stopped it."""
        in_working_days = self.period.parts[0].limit.unit in ("working_day", "working_hour")
        start = date.fromordinal(self._ordinal(self.period.start.at))
        total = 0
        for row in self.book.rows:
            if row.until > at:
                break
            if row.state == "paused" and (row.working or not in_working_days):
                if not self.in_days:
                    total += (row.until - row.since) // _INSTANT
                elif row.day > start:
                    total += 1
        return total

    def is_paused(self, at: datetime) -> bool:
        return any(
            one.since.at <= at and (one.until is None or at < one.until.at)
            for one in self.period.stops
        )

    def remaining_working_days(self, at: datetime, due: Due) -> int:
        """Return the working days that have not ended, up to and with the due day."""
        last, today = due.day.toordinal(), self._ordinal(at)
        return max(0, self.calendar.count(last) - self.calendar.count(today - 1))

    def working_days_ended(self, since: datetime, at: datetime) -> int:
        """Return how many working days after the day of `since` had ended by `at`."""
        first, today = self._ordinal(since), self._ordinal(at)
        return max(0, self.calendar.count(today - 1) - self.calendar.count(first))

    def left_at_last_pause(self, at: datetime) -> int | None:
        """Return the working days that were left when the newest pause by `at` began."""
        left = None
        for since, days in self._left_at_pauses:
            if since <= at:
                left = days
        return left

    @cached_property
    def _tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @cached_property
    def still(self) -> dict[str, JsonValue]:
        """Facts that no instant changes."""
        return {
            "clock": self.period.rule.clock,
            "since": self.period.start.at.isoformat(),
            "limit": _amount(self.book.budget, self.per_unit),
        }

    @cached_property
    def _ends(self) -> list[datetime]:
        return [row.until for row in self.book.rows]

    @cached_property
    def _left_at_pauses(self) -> tuple[tuple[datetime, int], ...]:
        if not self.in_days:
            return ()
        stops = sorted(self.period.stops, key=lambda stop: stop.since.at)
        stops = [stop for stop in stops if stop.ground != _ELSEWHERE]
        found = []
        for index, stop in enumerate(stops):
            due = self._due_without(stops[index:])
            if due is not None and stop.since.at < due.at:
                found.append((stop.since.at, self.remaining_working_days(stop.since.at, due)))
        return tuple(found)

    def _due_without(self, later: Sequence[Stop]) -> Due | None:
        earlier = tuple(stop for stop in self.period.stops if stop not in later)
        return due_of(replace(self.period, stops=earlier), self.calendar, self.zone)


def facts(clock: Clock, at: datetime, seen: Seen) -> dict[str, JsonValue]:
    """Return the context of the rules for that instant; what cannot be said is left out."""
    per, budget, used = clock.per_unit, clock.book.budget, clock.used(at)
    paused = clock.is_paused(at)
    found: dict[str, JsonValue] = {
        **clock.still,
        "is_paused": paused,
        "used": _amount(used, per),
        "left": _amount(budget - used, per),
        "department": seen.department,
        "matter": seen.matter,
        "backfilled": seen.backfilled,
    }
    if budget:
        found["elapsed_percent"] = _amount(used * 100, budget)
    first = clock.period.parts[0].limit.n * per
    if first and clock.period.stops:
        found["paused_total_percent"] = _amount(clock.paused(at) * 100, first)
    left = clock.left_at_last_pause(at)
    if left is not None:
        found["paused_at_left_working_days"] = left
    due = clock.due
    if due is not None:
        found["is_overdue"] = at >= due.at
        if clock.in_days:
            found["remaining_working_days"] = clock.remaining_working_days(at, due)
        if at >= due.at:
            found["overdue_working_days"] = clock.working_days_ended(due.at - _INSTANT, at)
    if seen.yellow_since is not None:
        found["yellow_open_working_days"] = clock.working_days_ended(seen.yellow_since, at)
    if seen.levels:
        found["issued"] = [*seen.levels]
    return found


def _amount(value: int, per: int) -> int | float:
    """Return a whole number where it is one."""
    return value // per if value % per == 0 else value / per
