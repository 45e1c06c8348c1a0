"""Months of legal time, as instants: what a report, a filter and a trend are told by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

_MONTH = re.compile(r"^(20\d\d)-(0[1-9]|1[0-2])$")

MOST_MONTHS = 36


class NoMonth(ValueError):
    """The words name no month: 2026-11 is one."""


@dataclass(frozen=True, slots=True)
class Span:
    """Whole months, in the city's zone: [since, until)."""

    since: datetime
    until: datetime
    months: tuple[tuple[str, datetime, datetime], ...]
    """Name, first instant, first instant after it; in order."""

    @property
    def first(self) -> str:
        return self.months[0][0]

    @property
    def last(self) -> str:
        return self.months[-1][0]


def span_of(first: str, last: str, zone: str) -> Span:
    """Return the months from the first to the last, both included.

    Raises `NoMonth` for words that are no month, a last before the first, or more than
    `MOST_MONTHS`.
    """
    begin, end = _parsed(first), _parsed(last)
    if not 0 <= end - begin < MOST_MONTHS:
        raise NoMonth(f"{first}—{last}：起止月份不对，或者超过 {MOST_MONTHS} 个月")
    tz = ZoneInfo(zone)
    months = tuple(
        (_named(n), _beginning(n, tz), _beginning(n + 1, tz)) for n in range(begin, end + 1)
    )
    return Span(months[0][1], months[-1][2], months)


def month_of(at: datetime, zone: str) -> str:
    """Return the month of an instant in a zone: 2026-11."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m")


@lru_cache(maxsize=4096)
def _month_of_hour(hour: datetime, zone: str) -> str:
    return month_of(hour, zone)


def month_at(at: datetime, zone: str) -> str:
    """Return the month of an instant; no zone changes its month within a quarter of an hour."""
    quarter = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
    return _month_of_hour(quarter, zone)


def months_before(month: str, n: int) -> str:
    """Return the month `n` months before another one. Raises `NoMonth`."""
    return _named(_parsed(month) - n)


def _parsed(text: str) -> int:
    found = _MONTH.match(text)
    if found is None:
        raise NoMonth(f"「{text}」不是月份，应如 2026-11")
    return int(found[1]) * 12 + int(found[2]) - 1


def _named(n: int) -> str:
    return f"{n // 12:04d}-{n % 12 + 1:02d}"


def _beginning(n: int, tz: ZoneInfo) -> datetime:
    return datetime(n // 12, n % 12 + 1, 1, tzinfo=tz).astimezone(UTC)
