"""The clock a second time, from the law alone: a case is lived through one day after another.

No arithmetic over calendars, no spans of pauses laid side by side: a day begins, what happened on
it is heard in order, the day ends, and only then is it counted or not. Periods in hours are lived
through minute by minute. Nothing here knows `cases.clocks`; the only thing shared is the clock
event, which is what both are told.

The law (行政许可法 unless named):

- the day of the starting event does not count (民事诉讼法第八十五条第二款);
- working days exclude days off (第八十二条), and a period ends with its last day, at 24:00;
- only the eight procedures of 第四十五条 stop the statutory period; a promise has its own list;
- deemed acceptance is as of receipt (第三十二条第一款第（四）项);
- an extension is granted before the end (第四十二条); nothing that comes later moves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from cases.state import ClockEvent
from tests.clocks.timetable import Beginning, Timetable, begins, ends, pause_of

IN_DAYS = ("working_day", "day", "on_the_spot")
MINUTES = 1440


@dataclass(frozen=True)
class DayTable:
    """Monday to Friday but for the days listed; an office with its hours."""

    off: frozenset[date]
    extra: frozenset[date]
    horizon: date
    hours: tuple[tuple[time, time], ...]
    every_day: bool = False
    seen: dict[int, bool] = field(default_factory=dict, compare=False)

    def works(self, ordinal: int) -> bool:
        if ordinal not in self.seen:
            day = date.fromordinal(ordinal)
            usual = day.weekday() < 5 and day not in self.off
            self.seen[ordinal] = self.every_day or day in self.extra or usual
        return self.seen[ordinal]


@dataclass
class Run:
    """One running of one period, and what has become of it so far."""

    begun: Beginning
    since: datetime
    zero: int
    ended_at: datetime | None = None
    ended_on: int | None = None
    standing: set[str] = field(default_factory=set)
    touched: bool = False
    counted: int = 0
    over: int = 0
    paused: int = 0
    used: int = 0
    budget: int = 0
    last_day: int | None = None
    due_at: datetime | None = None
    states: list[tuple[int, str]] = field(default_factory=list)
    stood: list[list[datetime | None]] = field(default_factory=list)
    extended_at: datetime | None = None

    def __post_init__(self) -> None:
        self.key, self.roll = self.begun.key, self.begun.roll
        self.n, self.unit = self.begun.span
        self.extension = self.begun.extension

    @property
    def left(self) -> int:
        return self.budget - self.used


def tell(
    timetable: Timetable, table: DayTable, events: Iterable[ClockEvent], until: datetime
) -> list[Run]:
    """Live the case up to the day of `until`, and on until every period has its end or stands."""
    return _Life(timetable, table, until).lived(events)


class _Life:
    def __init__(self, timetable: Timetable, table: DayTable, until: datetime) -> None:
        self.timetable = timetable
        self.table = table
        self.until = until
        self.tz = ZoneInfo(timetable.zone)
        self.today = until.astimezone(self.tz).toordinal()
        self.runs: list[Run] = []
        self.alive: list[Run] = []
        """Those of which a further day can still tell something."""
        self.open: dict[str, str] = {}
        """Pauses that stand now: name → ground."""
        self.unlawful: set[str] = set()
        self.day = 0

    def lived(self, events: Iterable[ClockEvent]) -> list[Run]:
        story = sorted(events, key=lambda event: event.at)
        self.unlawful = _unlawful(story)
        days = self._told_by_day(story)
        if not days:
            return []
        last = max(max(days), self.today)
        self.day = min(days)
        while self.day <= last or any(_goes_on(run) for run in self.alive):
            self._live(days.get(self.day, []))
            self.day += 1
            self.alive = [run for run in self.alive if not self._is_told(run)]
        for run in self.runs:
            if run.unit in IN_DAYS:
                self._conclude(run)
            else:
                _minute_by_minute(run, self.table, self.tz, self.until)
        return self.runs

    def _told_by_day(
        self, story: Sequence[ClockEvent]
    ) -> dict[int, list[tuple[bool, list[ClockEvent]]]]:
        """Return, by day, what came at each instant, and whether that was midnight sharp."""
        days: dict[int, list[tuple[bool, list[ClockEvent]]]] = {}
        for instant, told in groupby(story, key=lambda event: event.at):
            local = instant.astimezone(self.tz)
            is_midnight = local.time() == time()
            days.setdefault(local.toordinal(), []).append((is_midnight, list(told)))
        return days

    def _live(self, told: list[tuple[bool, list[ClockEvent]]]) -> None:
        """Live one day: what came with its first instant, its beginning, the rest, its end."""
        if told and told[0][0]:
            self._hear(told.pop(0)[1])
        for run in self.alive:
            run.touched = bool(run.standing)
        for _, at_once in told:
            self._hear(at_once)
            for run in self.alive:
                run.touched = run.touched or bool(run.standing)
        works = self.table.works(self.day)
        for run in self.alive:
            if run.unit in IN_DAYS:
                self._end_day(run, works)

    def _is_told(self, run: Run) -> bool:
        """Whether it has its end, and has ended or been shown to the day of asking."""
        if run.last_day is None:
            return False
        return self.day > (self.today if run.ended_on is None else run.ended_on)

    def _end_day(self, run: Run, works: bool) -> None:
        was_over = run.last_day is not None
        if run.ended_on is None and self.day > self.today and (was_over or run.standing):
            return  # nothing more to show
        runs = self.day != run.zero and (works or run.unit != "working_day")
        # Nothing may be left to count: then it waits for a day on which it can end.
        counts = runs and (was_over or (run.unit != "on_the_spot" and run.counted < run.n))
        if run.touched and not was_over:
            state = "paused"
        elif counts:
            state = "over" if was_over else "counted"
        else:
            state = "zero" if self.day == run.zero or run.unit == "on_the_spot" else "off"
        run.counted += state == "counted"
        run.over += state == "over"
        if not was_over and self._is_last(run, works):
            run.last_day = self.day
        if run.ended_on is None or self.day <= run.ended_on:
            run.states.append((self.day, state))
            if self.day <= self.today:
                run.paused += state == "paused" and runs
                run.used = run.counted + run.over

    def _is_last(self, run: Run, works: bool) -> bool:
        if run.unit == "on_the_spot":
            return not run.touched
        # 民事诉讼法第八十五条第三款: an applicant's period does not end on a day off.
        return run.counted == run.n and (works or not run.roll)

    def _conclude(self, run: Run) -> None:
        run.budget = run.n
        if run.last_day is not None:
            run.due_at = _midnight(run.last_day + 1, self.tz)

    # --- what is heard ---

    def _hear(self, at_once: list[ClockEvent]) -> None:
        for event in at_once:
            self._pauses(event)
            self._ends(event)
            self._starts(event)
            if event.kind == "extended":
                self._extend(event)

    def _pauses(self, event: ClockEvent) -> None:
        pause = pause_of(event)
        if pause is not None and pause[0] not in self.unlawful:
            name, ground, stands = pause
            if stands:
                self.open[name] = ground
            else:
                self.open.pop(name, None)
            for run in self.runs:
                if run.ended_at is None:
                    _stand(run, self._standing(run), event.at)

    def _ends(self, event: ClockEvent) -> None:
        for run in self.runs:
            if run.ended_at is None and ends(self.timetable, run.key, event):
                self._end(run, event.at)

    def _end(self, run: Run, at: datetime) -> None:
        run.ended_at, run.ended_on = at, self.day
        _stand(run, set(), at)

    def _extend(self, event: ClockEvent) -> None:
        """An extension is for a period that has not expired."""
        for run in self.runs:
            if run.extension is None or run.ended_at is not None or run.last_day is not None:
                continue
            run.extended_at = event.at
            if run.unit in IN_DAYS:
                run.n += run.extension[0]

    def _starts(self, event: ClockEvent) -> None:
        for one in begins(self.timetable, event):
            for before in self.runs:
                if before.key == one.key and before.ended_at is None:
                    self._end(before, event.at)
            run = Run(one, event.at, self.day)
            _stand(run, self._standing(run), event.at)
            self.runs.append(run)
            self.alive.append(run)

    def _standing(self, run: Run) -> set[str]:
        return {name for name, ground in self.open.items() if ground in run.begun.grounds}


def _goes_on(run: Run) -> bool:
    """Whether more days can still bring the end: it has none yet, and nothing holds it."""
    return run.unit in IN_DAYS and run.last_day is None and not run.standing


def _stand(run: Run, names: set[str], at: datetime) -> None:
    if names and not run.standing:
        run.stood.append([at, None])
    elif run.standing and not names:
        run.stood[-1][1] = at
    run.standing = names


def _unlawful(story: Sequence[ClockEvent]) -> set[str]:
    """Return the pauses that supervision has found unlawful and has not restored since."""
    found: set[str] = set()
    for event in story:
        if event.kind == "pause_disallowed":
            found.add(str(event.detail["name"]))
        elif event.kind == "pause_restored":
            found.discard(str(event.detail["name"]))
    return found


# --- minute by minute ---


def _minute_by_minute(run: Run, table: DayTable, tz: ZoneInfo, until: datetime) -> None:
    """Live the period on a board of 1,440 minutes a day; elapsed time only counts where it runs."""
    whole = 60 if run.unit in ("hour", "working_hour") else 1
    run.budget = run.n * whole
    _walk(run, table, tz, until)
    if run.extended_at is not None and run.extension is not None:
        if run.due_at is None or run.extended_at < run.due_at:
            run.budget += run.extension[0] * (60 if run.extension[1] != "minute" else 1)
            _walk(run, table, tz, until)


def _walk(run: Run, table: DayTable, tz: ZoneInfo, until: datetime) -> None:
    stop = min(run.ended_at or until, until)
    used = told = 0
    run.due_at = run.last_day = None
    day = run.zero
    while run.due_at is None or _midnight(day, tz) < stop:
        midnight = _midnight(day, tz)
        if run.due_at is None and _stands_for_ever(run, midnight) and midnight >= stop:
            break
        office = _office(run, table, day, midnight)
        runs = _without_pauses(office, run, midnight)
        if run.due_at is None and used + runs.count(1) >= run.budget:
            minute = _minute_of(runs, run.budget - used)
            run.due_at = midnight + timedelta(minutes=minute)
            run.last_day = day if minute else day - 1
            runs[minute:] = office[minute:]  # what stops after the end stops nothing
        elif run.due_at is not None:
            runs = office
        used += runs.count(1)
        told += runs[: _minutes_into(stop, midnight)].count(1)
        day += 1
    run.used = told


def _office(run: Run, table: DayTable, day: int, midnight: datetime) -> bytearray:
    """Return the day's minutes in which the period can run at all."""
    board = bytearray(MINUTES)
    if run.unit != "working_hour":
        board[:] = b"\x01" * MINUTES
    elif table.works(day):
        for opens, closes in table.hours:
            first, after = opens.hour * 60 + opens.minute, closes.hour * 60 + closes.minute
            board[first:after] = b"\x01" * (after - first)
    before = _minutes_into(run.since, midnight)
    board[:before] = bytes(before)
    return board


def _without_pauses(office: bytearray, run: Run, midnight: datetime) -> bytearray:
    board = bytearray(office)
    for since, until in run.stood:
        assert since is not None
        first = _minutes_into(since, midnight)
        after = MINUTES if until is None else _minutes_into(until, midnight)
        if first < after:
            board[first:after] = bytes(after - first)
    return board


def _minute_of(board: bytearray, wanted: int) -> int:
    """Return the minute of the day at whose beginning so many minutes have run."""
    if wanted == 0:
        return 0
    seen = 0
    for minute, runs in enumerate(board):
        seen += runs
        if seen == wanted:
            return minute + 1
    raise AssertionError("the day has not so many minutes")


def _minutes_into(instant: datetime, midnight: datetime) -> int:
    """Return how many whole minutes of the day lie before an instant, 0 to 1,440."""
    return max(0, min(MINUTES, int((instant - midnight) // timedelta(minutes=1))))


def _stands_for_ever(run: Run, midnight: datetime) -> bool:
    since, until = run.stood[-1] if run.stood else (None, midnight)
    return until is None and since is not None and since <= midnight


def _midnight(ordinal: int, tz: ZoneInfo) -> datetime:
    day = date.fromordinal(ordinal)
    return datetime(day.year, day.month, day.day, tzinfo=tz).astimezone(UTC)
