"""The arithmetic of legal periods: from an instant and a limit to the instant of its end.

Pure, and never called in workflow code: an activity computes, history keeps the answer with the
calendar's version. Day zero, the day of the starting event, does not count (民事诉讼法第八十五条
第二款, to which 行政复议法第八十八条 refers; the 行政许可法 is silent). A period in days ends at
24:00 local time of its last day, which is the next midnight: `Due.at` is the first instant that
is too late. Working days exclude statutory holidays (行政许可法第八十二条). A day with any
paused part is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol, assert_never
from zoneinfo import ZoneInfo

from catalogue.matters import Unit
from catalogue.working_days import BeyondCalendar, Calendar

__all__ = [
    "BeyondCalendar", "Calendar", "Due", "Period", "due_at", "local_day", "working_days_between",
]  # fmt: skip

Pause = tuple[datetime, datetime | None]
"""[from, until): the period does not run; `None`: it stands still now."""

_Span = tuple[datetime, datetime]
_INSTANT = timedelta(microseconds=1)


class Period(Protocol):
    """So many units: a `Limit` or an `Extension` of the matter."""

    @property
    def n(self) -> int: ...

    @property
    def unit(self) -> Unit: ...


@dataclass(frozen=True, slots=True)
class Due:
    """When a period ends.

    `at` (UTC) is the first instant after the period: an act is in time when it came before.
    `day` is the last day, in the case's zone, on which it may still be done.
    `provisional`: the count went past the last published holiday notice.
    """

    at: datetime
    day: date
    provisional: bool
    calendar_version: str


@dataclass(frozen=True, slots=True)
class _Reached:
    """How far the count has come: an instant, and the day that is day zero for what follows."""

    at: datetime
    day: int
    known: bool


def local_day(instant: datetime, zone: str) -> date:
    """Return the calendar day of an aware instant in a zone. Raises `ValueError` if naive."""
    return _aware(instant).astimezone(ZoneInfo(zone)).date()


def due_at(
    start: datetime,
    limits: Sequence[Period],
    calendar: Calendar,
    zone: str,
    paused: Iterable[Pause] = (),
    *,
    roll: bool = False,
) -> Due | None:
    """Return when the limits, one after the other, have run from `start`; None while paused.

    The first limit is the period, the others are its extensions. None means that an open pause
    began before the end, so that there is no end yet. `roll` moves an end in calendar days that
    falls on a day off to the next working day (民事诉讼法第八十五条第三款; for periods of the
    applicant). Raises `ValueError` for a naive instant, an empty list or a pause that ends before
    it began, and `BeyondCalendar` outside 1990–2099.
    """
    if not limits:
        raise ValueError("没有时限可算")
    tz = ZoneInfo(zone)
    spans, open_from = _closed_and_open(paused)
    days = _paused_days(spans, tz) if spans else []
    reached = _Reached(_aware(start), start.astimezone(tz).toordinal(), True)
    for limit in limits:
        reached = _after(reached, limit, calendar, tz, spans, days)
    if roll and limits[-1].unit == "day":
        reached = _rolled(reached, calendar, tz)
    if open_from is not None and open_from < reached.at:
        return None
    last = date.fromordinal(reached.day)
    return Due(reached.at.astimezone(UTC), last, not reached.known, calendar.version)


def working_days_between(a: datetime, b: datetime, calendar: Calendar, zone: str) -> int:
    """Return how many working days lie after the day of `a` up to the last day before `b`.

    With `b` the `at` of a `Due`: 0 on the last day itself, negative when it has passed.
    """
    tz = ZoneInfo(zone)
    last = (_aware(b).astimezone(UTC) - _INSTANT).astimezone(tz).toordinal()
    return calendar.count(last) - calendar.count(_aware(a).astimezone(tz).toordinal())


def _after(
    reached: _Reached,
    limit: Period,
    calendar: Calendar,
    tz: ZoneInfo,
    spans: list[_Span],
    days: list[tuple[int, int]],
) -> _Reached:
    unit = limit.unit
    match unit:
        case "working_day":
            day = _nth_day(reached.day, limit.n, days, calendar.count, calendar.nth)
            known = reached.known and (limit.n == 0 or calendar.is_known(reached.day + 1, day))
            return _Reached(_end_of(day, tz), day, known)
        case "day":
            day = _nth_day(reached.day, limit.n, days, _same, _same)
            return _Reached(_end_of(day, tz), day, reached.known)
        case "on_the_spot":
            day = _first_unpaused(reached, days, spans)
            return _Reached(_end_of(day, tz), day, reached.known)
        case "hour" | "minute":
            length = timedelta(hours=limit.n) if unit == "hour" else timedelta(minutes=limit.n)
            at = _run(reached.at, length, spans)
            # An end at midnight belongs to the day that it closes: an act on the next is late.
            last = (at - _INSTANT if length else at).astimezone(tz).toordinal()
            return _Reached(at, last, reached.known)
        case "working_hour":
            return _run_in_office(reached, timedelta(hours=limit.n), calendar, tz, spans)
        case _:
            assert_never(unit)


def _nth_day(
    zero: int,
    n: int,
    paused: list[tuple[int, int]],
    count: Callable[[int], int],
    nth: Callable[[int], int],
) -> int:
    """Return the n-th counted day after day `zero`, leaving the paused days out."""
    if n == 0:
        return zero
    target = count(zero) + n
    for first, last in paused:
        first = max(first, zero + 1)
        if last < first:
            continue
        if first > nth(target):
            break
        target += count(last) - count(first - 1)
    return nth(target)


def _first_unpaused(reached: _Reached, days: list[tuple[int, int]], spans: list[_Span]) -> int:
    """Return the same day, or, when a later pause touches it, the first day after the pause."""
    if not any(until > reached.at for _, until in spans):
        return reached.day
    day = reached.day
    for first, last in days:
        if first <= day <= last:
            day = last + 1
    return day


def _run(start: datetime, length: timedelta, spans: list[_Span]) -> datetime:
    """Return when `length` has elapsed, pauses left out. Elapsed time is the same in all zones."""
    end = start.astimezone(UTC) + length
    for since, until in spans:
        if since >= end:
            break
        if until > start:
            end += until - max(since, start)
    return end


def _run_in_office(
    reached: _Reached, length: timedelta, calendar: Calendar, tz: ZoneInfo, spans: list[_Span]
) -> _Reached:
    """Return when `length` has been worked in office hours."""
    start, first = reached.at.astimezone(UTC), reached.at.astimezone(tz).toordinal()
    if not length:
        return reached
    counted = calendar.count(first - 1)
    while True:
        counted += 1
        ordinal = calendar.nth(counted)
        day = date.fromordinal(ordinal)
        for opens, closes in calendar.hours:
            since = max(start, datetime.combine(day, opens, tz).astimezone(UTC))
            until = datetime.combine(day, closes, tz).astimezone(UTC)
            for part_since, part_until in _without(since, until, spans):
                if length <= part_until - part_since:
                    known = reached.known and calendar.is_known(first, ordinal)
                    return _Reached(part_since + length, ordinal, known)
                length -= part_until - part_since


def _without(since: datetime, until: datetime, spans: list[_Span]) -> Iterable[_Span]:
    """Yield the parts of [since, until) that no pause covers."""
    for pause_since, pause_until in spans:
        if pause_until <= since:
            continue
        if pause_since >= until:
            break
        if pause_since > since:
            yield since, pause_since
        since = pause_until
    if since < until:
        yield since, until


def _rolled(reached: _Reached, calendar: Calendar, tz: ZoneInfo) -> _Reached:
    day = reached.day
    if calendar.count(day) == calendar.count(day - 1):
        day = calendar.nth(calendar.count(day) + 1)
    known = reached.known and calendar.is_known(reached.day, day)
    return _Reached(_end_of(day, tz), day, known)


def _closed_and_open(paused: Iterable[Pause]) -> tuple[list[_Span], datetime | None]:
    """Return the closed pauses, merged and in order, and when the first open one began."""
    spans: list[_Span] = []
    open_from: datetime | None = None
    for since, until in sorted(paused, key=lambda pause: _aware(pause[0])):
        if until is None:
            open_from = open_from or since
        elif _aware(until) < since:
            raise ValueError(f"停表止于 {until}，早于起点 {since}")
        elif until == since:
            continue
        elif spans and since <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(until, spans[-1][1]))
        else:
            spans.append((since, until))
    return spans, open_from


def _paused_days(spans: list[_Span], tz: ZoneInfo) -> list[tuple[int, int]]:
    """Return the first and last day that each pause touches, merged."""
    days: list[tuple[int, int]] = []
    for since, until in spans:
        first = since.astimezone(tz).toordinal()
        last = (until.astimezone(UTC) - _INSTANT).astimezone(tz).toordinal()
        if days and first <= days[-1][1]:
            days[-1] = (days[-1][0], max(last, days[-1][1]))
        else:
            days.append((first, last))
    return days


def _end_of(ordinal: int, tz: ZoneInfo) -> datetime:
    """Return 24:00 of that day: the midnight that begins the next one."""
    following = date.fromordinal(ordinal + 1)
    return datetime(following.year, following.month, following.day, tzinfo=tz).astimezone(UTC)


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"没有时区的时刻：{instant}")
    return instant


def _same(ordinal: int) -> int:
    return ordinal
