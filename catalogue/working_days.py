"""Working-day calendars as values: which days an office works, up to the last published notice.

The year's arrangement is a State Council notice published in October or November of the year
before (全国年节及纪念日放假办法第七条). Past `horizon` nothing is published: what stands there is a
guess, the days of the week and the holidays that the law itself fixes, and whatever is counted over
it is provisional.
"""

from __future__ import annotations

import copy
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from types import MappingProxyType

from catalogue.festivals import statutory

TABLE_FIRST = date(1990, 1, 1)
TABLE_LAST = date(2099, 12, 31)
"""Days that can be counted over; far outside any period of a case."""

Hours = tuple[tuple[time, time], ...]
"""Office hours of a day, in order."""

OFFICE_HOURS: Hours = ((time(9), time(12)), (time(13), time(17, 30)))
"""Office hours where a calendar names none; a city writes its own into the calendar's file."""

_BASE = TABLE_FIRST.toordinal() - 1
_SATURDAY = 5


class BeyondCalendar(ValueError):
    """A period leaves the years 1990–2099: the start or the limit is wrong."""


@dataclass(frozen=True, eq=False)
class Calendar:
    """One version of a calendar.

    `off` and `on` are the days that differ from Monday-to-Friday, from `first` to `horizon`
    inclusive. `every_day` makes each day count (calendar `none`); it has no horizon.
    """

    name: str
    version: str
    """Of an overlay, its own and its base's: `yn-2026.1+2026-notice`."""
    first: date
    horizon: date
    off: frozenset[date] = frozenset()
    on: frozenset[date] = frozenset()
    hours: Hours = OFFICE_HOURS
    every_day: bool = False
    base: str = ""
    """Name of the calendar that this one lies over; empty: none."""
    festivals: bool = False
    """The national holidays hold also where no notice is published yet (the provisional guess)."""
    names: Mapping[date, str] = field(default_factory=dict, repr=False)
    """What a day's being off or on is for: 春节."""
    papers: Mapping[int, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """Year → the notices it was taken from."""
    department_hours: Mapping[str, Hours] = field(default_factory=dict, repr=False)
    _counts: array[int] = field(init=False, repr=False)
    _days: array[int] = field(init=False, repr=False)
    _whole: Calendar = field(init=False, repr=False)
    """The calendar with its general hours, also where this is one department's."""
    _of: Mapping[str, Calendar] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        counts, days = _tables(self._guessed_off(), self.on, self.every_day)
        object.__setattr__(self, "_counts", counts)
        object.__setattr__(self, "_days", days)
        object.__setattr__(self, "_whole", self)
        others = {}
        for department, hours in self.department_hours.items():
            others[department] = copy.copy(self)  # the tables are shared
            object.__setattr__(others[department], "hours", hours)
        object.__setattr__(self, "_of", MappingProxyType(others))

    def of(self, department: str) -> Calendar:
        """Return the same days with the office hours of that department."""
        return self._whole._of.get(department, self._whole)

    def is_working(self, day: date) -> bool:
        """Tell whether the office works that day; past the horizon, whether it is likely to."""
        ordinal = day.toordinal()
        return self.count(ordinal) != self.count(ordinal - 1)

    def is_known(self, first: int, last: int) -> bool:
        """Tell whether all days between two ordinals are covered by published notices."""
        return self.every_day or (
            first >= self.first.toordinal() and last <= self.horizon.toordinal()
        )

    def count(self, ordinal: int) -> int:
        """Return how many working days lie between 1990-01-01 and that day, inclusive."""
        index = ordinal - _BASE
        if not 0 <= index < len(self._counts):
            raise BeyondCalendar(f"日期序号 {ordinal} 不在 1990–2099 年之内")
        return self._counts[index]

    def nth(self, count: int) -> int:
        """Return the ordinal of the working day that is the `count`-th since 1990."""
        if not 1 <= count <= len(self._days):
            raise BeyondCalendar(f"第 {count} 个工作日不在 1990–2099 年之内")
        return self._days[count - 1]

    def _guessed_off(self) -> frozenset[date]:
        """Return the days off, outside the notices too: there the law's own days, if they hold."""
        if not self.festivals or self.every_day:
            return self.off
        years = range(TABLE_FIRST.year, TABLE_LAST.year + 1)
        guessed = (day for year in years for day in statutory(year))
        return self.off | {day for day in guessed if not self.first <= day <= self.horizon}


def changed_days(before: Calendar, after: Calendar) -> Iterator[date]:
    """Yield each day that is a working day in one of the two only, the earliest first."""
    last = 0
    for ordinal in range(_BASE + 1, TABLE_LAST.toordinal() + 1):
        difference = after.count(ordinal) - before.count(ordinal)
        if difference != last:
            yield date.fromordinal(ordinal)
        last = difference


def first_difference(before: Calendar, after: Calendar) -> date | None:
    """Return the earliest day from which a period may end otherwise; None: nowhere.

    A day that works in one only, a day that one knows and the other guesses, or office hours.
    """
    if _hours(before) != _hours(after):
        return TABLE_FIRST
    found = [next(changed_days(before, after), None)]
    if before.first != after.first:
        found.append(TABLE_FIRST)
    if before.horizon != after.horizon:
        found.append(min(before.horizon, after.horizon))
    return min((day for day in found if day is not None), default=None)


def _hours(calendar: Calendar) -> tuple[object, ...]:
    return calendar.hours, dict(calendar.department_hours)


def _tables(
    off: frozenset[date], on: frozenset[date], every_day: bool
) -> tuple[array[int], array[int]]:
    """Return the prefix sums and the working days, so that counting is two look-ups."""
    free = {d.toordinal() for d in off}
    extra = {d.toordinal() for d in on}
    counts, days = array("i", [0]), array("i")
    for ordinal in range(_BASE + 1, TABLE_LAST.toordinal() + 1):
        weekday = (ordinal - 1) % 7 < _SATURDAY  # ordinal 1 was a Monday
        if every_day or ordinal in extra or (weekday and ordinal not in free):
            days.append(ordinal)
        counts.append(len(days))
    return counts, days


NONE = Calendar(name="none", version="none", first=TABLE_FIRST, horizon=TABLE_LAST, every_day=True)
"""No calendar: every day counts, nothing is ever provisional."""
