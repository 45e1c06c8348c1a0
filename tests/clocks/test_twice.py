"""Two clocks that know nothing of each other say the same of every case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalogue.working_days import Calendar
from tests.clocks.by_day import DayTable
from tests.clocks.plans import table_of
from tests.clocks.stories import TIMETABLES, Seeded, Story, story
from tests.clocks.twice import CN, TABLE, differences, ledgers_of

FEW = 1_500
MANY, CHUNKS = 100_000, 20
"""A hundred thousand stories, in pieces that several processes can share."""


class Drawn:
    """Drawn by Hypothesis, so that a story which shows a fault is made small."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def below(self, n: int) -> int:
        return self.data.draw(st.integers(min_value=0, max_value=n - 1))


def of(seed: int) -> Story:
    return story(Seeded(seed), TABLE)


def found(
    seeds: range, calendar: Calendar = CN, table: DayTable = TABLE
) -> Iterator[tuple[int, object]]:
    """Yield the first difference of each story that has one, with its seed."""
    for seed in seeds:
        for first in islice(differences(of(seed), calendar, table), 1):
            yield seed, first


def test_no_story_of_the_first_ones_is_told_differently() -> None:
    assert list(found(range(FEW))) == []


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_story_of_a_hundred_thousand_is_told_differently(chunk: int) -> None:
    size = MANY // CHUNKS
    assert list(found(range(chunk * size, (chunk + 1) * size))) == []


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_story_that_hypothesis_draws_is_told_differently(data: st.DataObject) -> None:
    assert list(differences(story(Drawn(data), TABLE))) == []


# --- the stories hold what they are meant to hold ---


def test_the_first_stories_hold_everything_that_can_happen_to_a_clock() -> None:
    seen: Counter[str] = Counter()
    for seed in range(FEW):
        seen.update(_features(of(seed)))
    assert min(seen[feature] for feature in FEATURES) >= 15, seen


FEATURES = (
    "deemed acceptance", "supplement before acceptance", "supplement after acceptance",
    "extension", "step opened again", "several departments", "withdrawn", "decided in time",
    "decided too late", "event at midnight", "pauses that touch", "pauses that overlap",
    "open pause", "hearing on request", "inspectors", "renewal",
    "pause disallowed", "pause restored", "past the last notice", "undertaking",
    *(f"timetable {index}" for index in range(len(TIMETABLES))),
)  # fmt: skip


def _features(told: Story) -> set[str]:
    kinds = Counter(event.kind for event in told.events)
    names = {
        "deemed_accepted": "deemed acceptance", "extended": "extension", "withdrawn": "withdrawn",
        "hearing_requested": "hearing on request", "inspectors_assigned": "inspectors",
        "pause_disallowed": "pause disallowed", "pause_restored": "pause restored",
    }  # fmt: skip
    seen = {name for kind, name in names.items() if kinds[kind]}
    seen.add(f"timetable {TIMETABLES.index(told.timetable)}")
    if "licence_until" in told.events[0].detail:
        seen.add("renewal")
    for event in told.events:
        if event.kind == "noticed":
            after = event.detail["back_to"] == "review"
            seen.add(f"supplement {'after' if after else 'before'} acceptance")
        if event.detail.get("mode") == "tolerant":
            seen.add("undertaking")
        local = event.at.astimezone(ZoneInfo(told.timetable.zone))
        if (local.hour, local.minute) == (0, 0):
            seen.add("event at midnight")
    opened = Counter(str(e.detail["task"]) for e in told.events if e.kind == "step_opened")
    if len(opened) > 1:
        seen.add("several departments")
    if any(times > 1 for times in opened.values()):
        seen.add("step opened again")
    return seen | _of_pauses(told) | _of_endings(told)


def _of_pauses(told: Story) -> set[str]:
    seen: set[str] = set()
    standing: set[str] = set()
    ended_at = None
    for event in told.events:
        if event.kind == "paused":
            if event.at == ended_at:
                seen.add("pauses that touch")
            if standing:
                seen.add("pauses that overlap")
            standing.add(str(event.detail["name"]))
        elif event.kind == "resumed":
            standing.discard(str(event.detail["name"]))
            ended_at = event.at
    return seen | ({"open pause"} if standing else set())


def _of_endings(told: Story) -> set[str]:
    seen: set[str] = set()
    for one in ledgers_of(told):
        if one.due is not None and one.due.provisional:
            seen.add("past the last notice")
        end = one.period.end
        if one.period.key == "statutory" and end is not None and end.kind == "decided":
            assert one.due is not None
            seen.add("decided in time" if end.at < one.due.at else "decided too late")
    return seen


# --- the comparison finds what is wrong ---


def without(table: DayTable, day: str) -> DayTable:
    one = {date.fromisoformat(day)}
    return replace(table, off=table.off - one, extra=table.extra - one, seen={})


@pytest.mark.parametrize("day", ["2026-10-10", "2024-10-07", "2020-01-31"])
def test_one_day_of_the_calendar_amiss_is_found_out(day: str) -> None:
    """A make-up Saturday, a holiday, and a day added in hindsight (2020)."""
    assert any(found(range(3 * FEW), CN, without(TABLE, day)))


@pytest.mark.parametrize(
    "change",
    [
        {"promise_pauses": frozenset({"hearing"})},
        {"notice": (6, "working_day")},
        {"extension": (11, "working_day")},
        {"statutory": (21, "working_day")},
        {"zone": "Asia/Tokyo"},
    ],
)
def test_one_number_of_the_timetable_amiss_is_found_out(change: dict[str, Any]) -> None:
    own = TIMETABLES[2]
    stories = (of(seed) for seed in range(FEW))
    assert any(
        any(differences(told, timetable=replace(own, **change)))
        for told in stories
        if told.timetable is own
    )


# --- another version of the calendar ---


def amended() -> Calendar:
    """Return the calendar after a notice of the last minute, as in January 2020: more days off."""
    more = {date(2026, 2, 24) + timedelta(days=n) for n in range(6)} | {date(2024, 5, 6)}
    return replace(CN, version="amended", off=CN.off | more, on=CN.on - {date(2026, 2, 28)})


def test_no_story_is_told_differently_by_another_version_of_the_calendar() -> None:
    other = amended()
    assert list(found(range(500), other, table_of(other))) == []


def test_a_calendar_taken_back_leaves_every_ledger_as_it_was() -> None:
    other = amended()
    again = replace(other, version=CN.version, off=CN.off, on=CN.on)
    moved = 0
    for told in map(of, range(500)):
        before, applied = ledgers_of(told), ledgers_of(told, other)
        assert ledgers_of(told, again) == before
        moved += [one.due for one in applied] != [one.due for one in before]
    assert moved > 10
