"""From periods to days: when one ends, and the ledger that shows it row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

from cases.clock import Due, Pause, due_at
from cases.clocks.model import Ledger, Part, Period, Row, RowState, Scale, Stop
from catalogue.matters import Limit, Unit
from catalogue.working_days import Calendar

DAY_ZERO = "MSF-85-2"
"""民事诉讼法第八十五条第二款: the day on which a period begins does not count."""
ROLLED = "MSF-85-3"
"""民事诉讼法第八十五条第三款: an end on a day off moves to the first day after it."""

IN_DAYS: frozenset[Unit] = frozenset({"on_the_spot", "day", "working_day"})
_INSTANT = timedelta(microseconds=1)
_MICROSECONDS = {"minute": 60_000_000, "hour": 3_600_000_000, "working_hour": 3_600_000_000}


class MixedUnits(ValueError):
    """A limit in days with an extension in hours, or the reverse: no ledger can add them."""


def due_of(period: Period, calendar: Calendar, zone: str) -> Due | None:
    """Return when the period ends; None while it stands still before its end.

    `calendar` has the hours of the implementing department; a step is counted by its own one's.
    Raises `BeyondCalendar` outside 1990–2099.
    """
    calendar = _own(period, calendar)
    if period.last_day is not None:
        return _on(period.last_day, calendar, ZoneInfo(zone))
    if period.rule.before:
        return _before(period, calendar, ZoneInfo(zone))
    return _forward(in_time(period, calendar, zone), calendar, zone)


def in_time(period: Period, calendar: Calendar, zone: str) -> Period:
    """Return the period without the extensions that came after its end: nothing revives it.

    An extension is granted before the end (行政许可法第四十二条). One of the statutory period does
    not mend a promise that was broken before, and one that a pause since found unlawful had seemed
    to make timely came too late.
    """
    if len(period.parts) == 1 or period.rule.before or period.last_day is not None:
        return period
    calendar = _own(period, calendar)
    kept = list(period.parts[:1])
    for part in period.parts[1:]:
        due = _forward(replace(period, parts=tuple(kept)), calendar, zone)
        if due is None or part.cause.at < due.at:
            kept.append(part)
    return period if len(kept) == len(period.parts) else replace(period, parts=tuple(kept))


def _forward(period: Period, calendar: Calendar, zone: str) -> Due | None:
    return due_at(
        period.start.at,
        [part.limit for part in period.parts],
        calendar,
        zone,
        spans(period.stops),
        roll=period.rule.roll,
    )


WARN_AFTER_SHARE = Fraction(9, 10)
"""预警 once this share has gone: 榆林《行政审批电子监察预警纠错实施细则(试行)》."""
WARN_BEFORE_DAYS = 1
"""… and at the latest so many counted days before the last one (domain.md §3.1, [D])."""


def warning_of(period: Period, due: Due, calendar: Calendar, zone: str) -> datetime:
    """Return from when the period is shown as 预警: counted as the period itself is.

    Of a period in days the end of the counted day by which nine tenths have gone, or of the last
    but one, whichever is earlier; of one in hours the instant at nine tenths. `due` is its end.
    """
    calendar = _own(period, calendar)
    period = in_time(period, calendar, zone)
    units = {part.limit.unit for part in period.parts}
    budget = _budget(period, ZoneInfo(zone))
    if period.last_day is not None or period.rule.before or len(units) > 1 or not budget:
        return due.at - timedelta(days=WARN_BEFORE_DAYS)
    (unit,) = units
    limit = period.parts[0].limit
    if unit in IN_DAYS:
        n = min(-(-budget * WARN_AFTER_SHARE.numerator // WARN_AFTER_SHARE.denominator),
                budget - WARN_BEFORE_DAYS)  # fmt: skip
        early = limit.model_copy(update={"n": n})
    elif unit == "working_hour":
        return due.at - (due.at - period.start.at) // 10  # of the time by the wall
    else:
        minutes = 60 if unit == "hour" else 1
        early = Limit(n=budget * minutes * 9 // 10, unit="minute", basis=limit.basis)
    found = due_at(period.start.at, [early], calendar, zone, spans(period.stops))
    return due.at if found is None else min(found.at, due.at)


def _own(period: Period, calendar: Calendar) -> Calendar:
    return calendar.of(period.department) if period.department else calendar


def spans(stops: Sequence[Stop]) -> list[Pause]:
    """Return the pauses as intervals."""
    return [(one.since.at, None if one.until is None else one.until.at) for one in stops]


def _on(day: date, calendar: Calendar, tz: ZoneInfo) -> Due:
    return Due(_midnight(day.toordinal() + 1, tz), day, False, calendar.version)


def _before(period: Period, calendar: Calendar, tz: ZoneInfo) -> Due:
    """Return the last day on which the act still comes early enough before the start's day."""
    zero, known = period.start.at.astimezone(tz).toordinal(), True
    for part in period.parts:
        n = part.limit.n
        if part.limit.unit == "working_day":
            day = calendar.nth(calendar.count(zero - 1) - n + 1)
            known = known and calendar.is_known(day, zero)
        else:
            day = zero - n
        zero = day
    return Due(_midnight(zero + 1, tz), date.fromordinal(zero), not known, calendar.version)


def ledger(period: Period, calendar: Calendar, zone: str, until: datetime) -> Ledger:
    """Return the period row by row, from its start to its end.

    One that still runs is shown to `until` or to its due day, whichever is later; what was used
    and is left is told as of `until`. Raises `MixedUnits`, `BeyondCalendar`.
    """
    calendar = _own(period, calendar)
    tz = ZoneInfo(zone)
    period = in_time(period, calendar, zone)
    due = due_of(period, calendar, zone)
    as_of = until if period.end is None else period.end.at
    scale: Scale = "day" if period.parts[0].limit.unit in IN_DAYS else "microsecond"
    if any((part.limit.unit in IN_DAYS) != (scale == "day") for part in period.parts):
        raise MixedUnits(f"{period.key}: 期限与延长的单位不能相加")
    if period.rule.before:
        return _backwards(period, due, calendar, tz, as_of)
    if scale == "day":
        budget = _budget(period, tz)
        rows, paused = _days(period, due, calendar, tz, as_of, budget)
    else:
        budget = sum(p.limit.n * _MICROSECONDS[p.limit.unit] for p in period.parts)
        rows, paused = _segments(period, due, calendar, tz, as_of, budget)
    used = _used(rows, as_of, scale, tz)
    left = budget - used
    return Ledger(period, rows, due, scale, budget, used, left, paused, calendar.version)


def _length(part: Part) -> int:
    """Return the days of a limit: on the spot takes none, whatever its number says."""
    return 0 if part.limit.unit == "on_the_spot" else part.limit.n


def _budget(period: Period, tz: ZoneInfo) -> int:
    if period.last_day is None:
        return sum(_length(part) for part in period.parts)
    return max(0, period.last_day.toordinal() - period.start.at.astimezone(tz).toordinal())


def _backwards(
    period: Period, due: Due | None, calendar: Calendar, tz: ZoneInfo, as_of: datetime
) -> Ledger:
    """Return the days back from the starting event's; what is left is counted to the due day."""
    assert due is not None  # nothing pauses a period that is counted backwards
    zero, first = period.start.at.astimezone(tz).toordinal(), due.day.toordinal()
    budget = sum(_length(part) for part in period.parts)
    limits, rows, used = _Parts(period), [], 0
    for ordinal in range(zero, first - 1, -1):
        working = calendar.count(ordinal) != calendar.count(ordinal - 1)
        part = limits.at(used)
        counts = ordinal < zero and (working or not part.in_working_days)
        state: RowState = "zero" if ordinal == zero else "counted" if counts else "off"
        used += counts
        article = (
            DAY_ZERO if ordinal == zero else limits.day_off if state == "off" else part.article
        )
        rows.append(
            Row(date.fromordinal(ordinal), _midnight(ordinal, tz), _midnight(ordinal + 1, tz),
                state, working, calendar.is_known(ordinal, ordinal), part.index, article,
                period.start.id, used, budget - used)
        )  # fmt: skip
    left = first - as_of.astimezone(tz).toordinal()
    return Ledger(period, tuple(rows), due, "day", budget, budget - left, left, 0, calendar.version)


def _used(rows: Sequence[Row], as_of: datetime, scale: Scale, tz: ZoneInfo) -> int:
    if scale == "day":
        day = as_of.astimezone(tz).date()
        return next((row.used for row in reversed(rows) if row.day <= day), 0)
    used = 0
    for row in rows:
        if row.until > as_of:
            break
        used = row.used
    return used


# --- in days -------------------------------------------------------------------------------------


def _days(
    period: Period, due: Due | None, calendar: Calendar, tz: ZoneInfo, as_of: datetime, budget: int
) -> tuple[tuple[Row, ...], int]:
    zero = period.start.at.astimezone(tz).toordinal()
    today = max(as_of.astimezone(tz).toordinal(), zero)
    last = today
    if period.end is None and due is not None:
        last = max(today, due.day.toordinal())
    due_day = None if due is None else due.day.toordinal()
    stopped = _stopped_days(period.stops, tz, last)
    limits = _Parts(period)
    on_the_spot = budget == 0
    known_from, known_to = _known(calendar)
    version = f"{calendar.name}@{calendar.version}"
    rows, used, paused = [], 0, 0
    before = calendar.count(zero - 1)
    for ordinal in range(zero, last + 1):
        counted = calendar.count(ordinal)
        working, before = counted != before, counted
        part = limits.at(used)
        late = due_day is not None and ordinal > due_day
        stop = None if late else stopped.get(ordinal)
        counts = working if part.in_working_days else True
        cause, article = part.cause, part.article
        state: RowState
        if ordinal == zero and stop is None:
            state, article, cause = "zero", DAY_ZERO, period.start.id
        elif stop is not None:
            state, article, cause = "paused", stop.since.article, stop.since.id
            paused += counts and ordinal > zero and ordinal <= today
        elif late:
            state = "over" if counts else "off"
        elif on_the_spot:
            state = "zero"  # the first day without a pause is still the spot
        elif used >= budget:
            # Within the due day and nothing left: the end was moved over days off.
            state, article, cause = "off", ROLLED, version
        else:
            state = "counted" if counts else "off"
        if state == "off" and article is not ROLLED:
            article, cause = limits.day_off, version
        used += state in ("counted", "over")
        rows.append(
            Row(date.fromordinal(ordinal), _midnight(ordinal, tz), _midnight(ordinal + 1, tz),
                state, working, known_from <= ordinal <= known_to, part.index, article, cause,
                used, budget - used)
        )  # fmt: skip
    return tuple(rows), paused


def _known(calendar: Calendar) -> tuple[int, int]:
    """Return the first and last day that a published notice covers."""
    if calendar.every_day:
        return date.min.toordinal(), date.max.toordinal()
    return calendar.first.toordinal(), calendar.horizon.toordinal()


@dataclass(frozen=True, slots=True)
class _Part:
    index: int
    ends: int
    """What has been used when it is used up."""
    article: str
    cause: str
    in_working_days: bool


class _Parts:
    """Which limit or extension a day is counted against."""

    def __init__(self, period: Period) -> None:
        total, parts = 0, []
        for index, one in enumerate(period.parts):
            total += _length(one)
            working = one.limit.unit == "working_day"
            parts.append(_Part(index, total, one.limit.basis, one.cause.id, working))
        self._parts = parts
        self.day_off = period.rule.days_basis or period.rule.limit.basis

    def at(self, used: int) -> _Part:
        for part in self._parts:
            if used < part.ends:
                return part
        return self._parts[-1]


def _stopped_days(stops: Sequence[Stop], tz: ZoneInfo, last: int) -> dict[int, Stop]:
    """Return the days that a pause touches, with the pause that came first."""
    found: dict[int, Stop] = {}
    for one in sorted(stops, key=lambda stop: stop.since.at):
        first = one.since.at.astimezone(tz).toordinal()
        if one.until is None:
            end = last
        elif one.until.at <= one.since.at:
            continue
        else:
            end = (one.until.at.astimezone(UTC) - _INSTANT).astimezone(tz).toordinal()
        for ordinal in range(first, min(end, last) + 1):
            found.setdefault(ordinal, one)
    return found


@lru_cache(maxsize=16_384)  # of one zone forty years: the same days come again in every ledger
def _midnight(ordinal: int, tz: ZoneInfo) -> datetime:
    day = date.fromordinal(ordinal)
    return datetime(day.year, day.month, day.day, tzinfo=tz).astimezone(UTC)


# --- in hours and minutes ------------------------------------------------------------------------


def _segments(
    period: Period, due: Due | None, calendar: Calendar, tz: ZoneInfo, as_of: datetime, budget: int
) -> tuple[tuple[Row, ...], int]:
    start = period.start.at.astimezone(UTC)
    end = max(as_of.astimezone(UTC), start)
    now = end
    if period.end is None and due is not None:
        end = max(end, due.at)
    due_at_ = None if due is None else due.at
    limits = _Microseconds(period)
    in_office = period.parts[0].limit.unit == "working_hour"
    rows: list[Row] = []
    used = paused = 0
    for since, until, ordinal, open_ in _stretches(
        period, calendar, tz, start, end, (now, due_at_)
    ):
        late = due_at_ is not None and since >= due_at_
        stop = None if late else _stop_at(period.stops, since)
        length = (until - since) // _INSTANT
        state: RowState = "over" if late else "counted"
        if stop is not None:
            state = "paused"
            paused += length if open_ and since < now else 0
        elif not open_:
            state = "off"
        counts = state in ("counted", "over")
        known = calendar.is_known(ordinal, ordinal) or not in_office
        while since < until:
            index, room = limits.at(used)
            part = period.parts[index]
            end_of = until
            if state == "counted" and room is not None and (until - since) // _INSTANT > room:
                end_of = since + room * _INSTANT  # an extension takes over within the segment
            used += (end_of - since) // _INSTANT if counts else 0
            article, cause = part.limit.basis, part.cause.id
            if stop is not None:
                article, cause = stop.since.article, stop.since.id
            elif state == "off":
                cause = f"{calendar.name}@{calendar.version}"
            rows.append(
                Row(date.fromordinal(ordinal), since, end_of, state, open_, known, index,
                    article, cause, used, budget - used)
            )  # fmt: skip
            since = end_of
    return tuple(rows), paused


class _Microseconds:
    def __init__(self, period: Period) -> None:
        total, self._ends = 0, []
        for part in period.parts:
            total += part.limit.n * _MICROSECONDS[part.limit.unit]
            self._ends.append(total)

    def at(self, used: int) -> tuple[int, int | None]:
        """Return which limit runs, and how much of it is left; None of the last."""
        for index, end in enumerate(self._ends[:-1]):
            if used < end:
                return index, end - used
        return len(self._ends) - 1, None


def _stretches(
    period: Period,
    calendar: Calendar,
    tz: ZoneInfo,
    start: datetime,
    end: datetime,
    marks: Sequence[datetime | None],
) -> Iterator[tuple[datetime, datetime, int, bool]]:
    """Yield what lies between start and end, cut at midnights, office hours, pauses and marks."""
    cuts = {mark for mark in marks if mark is not None}
    cuts |= {stop.since.at.astimezone(UTC) for stop in period.stops}
    cuts |= {stop.until.at.astimezone(UTC) for stop in period.stops if stop.until is not None}
    in_office = period.parts[0].limit.unit == "working_hour"
    first, last = start.astimezone(tz).toordinal(), end.astimezone(tz).toordinal()
    for ordinal in range(first, last + 1):
        midnight, following = _midnight(ordinal, tz), _midnight(ordinal + 1, tz)
        hours = _hours(ordinal, calendar, tz) if in_office else [(midnight, following)]
        inner = {edge for span in hours for edge in span} | cuts
        since = max(start, midnight)
        edges = sorted(edge for edge in inner if since < edge < min(end, following))
        for until in (*edges, min(end, following)):
            if until > since:
                yield since, until, ordinal, any(a <= since < b for a, b in hours)
                since = until


def _hours(ordinal: int, calendar: Calendar, tz: ZoneInfo) -> list[tuple[datetime, datetime]]:
    if calendar.count(ordinal) == calendar.count(ordinal - 1):
        return []
    day = date.fromordinal(ordinal)
    return [
        (
            datetime.combine(day, opens, tz).astimezone(UTC),
            datetime.combine(day, closes, tz).astimezone(UTC),
        )
        for opens, closes in calendar.hours
    ]


def _stop_at(stops: Sequence[Stop], instant: datetime) -> Stop | None:
    for one in stops:
        if one.since.at <= instant and (one.until is None or instant < one.until.at):
            return one
    return None
