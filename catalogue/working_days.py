"""Working-day calendars as values: which days an office works, up to the last published notice.

The year's arrangement is a State Council notice published in October or November of the year
before (全国年节及纪念日放假办法); past `horizon` nothing is known and the weekday rule stands in.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from datetime import date, time

TABLE_FIRST = date(1990, 1, 1)
TABLE_LAST = date(2099, 12, 31)
"""Days that can be counted over; far outside any period of a case."""

OFFICE_HOURS = ((time(9), time(12)), (time(13), time(17, 30)))
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
    first: date
    horizon: date
    off: frozenset[date] = frozenset()
    on: frozenset[date] = frozenset()
    hours: tuple[tuple[time, time], ...] = OFFICE_HOURS
    every_day: bool = False
    _counts: array[int] = field(init=False, repr=False)
    _days: array[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        counts, days = _tables(self.off, self.on, self.every_day)
        object.__setattr__(self, "_counts", counts)
        object.__setattr__(self, "_days", days)

    def is_working(self, day: date) -> bool:
        """Tell whether the office works that day; past the horizon, whether it is a weekday."""
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
