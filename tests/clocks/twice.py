"""What the two clocks say of one story, laid side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from cases.clocks import Ledger, Period, ledger, periods
from catalogue.load import load_catalogue
from catalogue.working_days import Calendar
from tests.clocks.by_day import IN_DAYS, DayTable, Run, tell
from tests.clocks.plans import rules_of, table_of
from tests.clocks.stories import TIMETABLES, Story
from tests.clocks.timetable import Timetable

CN = load_catalogue().calendars["cn"]
TABLE = table_of(CN)
ONE_ONLY = ("department",)
"""The department's clock is of our own making, not of the law's: it is not told a second time."""
MINUTE = timedelta(minutes=1)


def periods_of(story: Story) -> list[Period]:
    rules = rules_of(TIMETABLES.index(story.timetable))
    return [one for one in periods(rules, story.events) if is_told_twice(one.key)]


def ledgers_of(story: Story, calendar: Calendar = CN) -> list[Ledger]:
    """Return the ledgers of what both clocks tell, by key and start."""
    return ordered(
        ledger(one, calendar, story.timetable.zone, story.until) for one in periods_of(story)
    )


def ordered(ledgers: Iterable[Ledger]) -> list[Ledger]:
    return sorted(ledgers, key=lambda one: (one.period.key, one.period.start.at))


def differences(
    story: Story,
    calendar: Calendar = CN,
    table: DayTable = TABLE,
    timetable: Timetable | None = None,
) -> Iterator[tuple[str, object, object]]:
    """Yield where the two do not agree: what, ours, the other's.

    `timetable` gives the other clock other numbers than the story's own.
    """
    runs = tell(timetable or story.timetable, table, story.events, story.until)
    yield from compared(ledgers_of(story, calendar), runs, table)


def compared(
    ours: list[Ledger], runs: list[Run], table: DayTable
) -> Iterator[tuple[str, object, object]]:
    others = sorted(runs, key=lambda run: (run.key, run.since))
    keys = [one.period.key for one in ours], [run.key for run in others]
    if keys[0] != keys[1]:
        yield "periods", *keys
        return
    for one, run in zip(ours, others, strict=True):
        told, wanted = said_by_ledger(one), said_by_run(run, table)
        if told != wanted:
            yield run.key, told, wanted
        # A period that ends as it begins has no day to show.
        if one.scale == "day" and run.ended_at != run.since and days_of(one) != run.states:
            yield f"{run.key}, days", days_of(one), run.states


Said = tuple[datetime | None, date | None, bool, int, int, int, int | None]
"""Due instant, last day, provisional; budget, used, left, and, in days, paused."""


def said_by_ledger(one: Ledger) -> Said:
    due = one.due
    unit = 1 if one.scale == "day" else MINUTE // timedelta(microseconds=1)
    amounts = [one.budget, one.used, one.left]
    assert not any(amount % unit for amount in amounts), "stories are told in whole minutes"
    return (
        None if due is None else due.at,
        None if due is None else due.day,
        due is not None and due.provisional,
        one.budget // unit,
        one.used // unit,
        one.left // unit,
        one.paused if one.scale == "day" else None,
    )


def said_by_run(run: Run, table: DayTable) -> Said:
    last = None if run.last_day is None else date.fromordinal(run.last_day)
    needs_notice = run.roll or (run.unit.startswith("working") and run.budget > 0)
    return (
        run.due_at,
        last,
        needs_notice and last is not None and last > table.horizon,
        run.budget,
        run.used,
        run.left,
        run.paused if run.unit in IN_DAYS else None,
    )


def days_of(one: Ledger) -> list[tuple[int, str]]:
    return [(row.day.toordinal(), row.state) for row in one.rows]


def is_told_twice(key: str) -> bool:
    return not key.startswith(ONE_ONLY)
