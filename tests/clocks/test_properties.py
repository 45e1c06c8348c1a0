"""What holds of every case's ledger, whatever happened in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cases.clocks import Ledger, ledger
from cases.state import ClockEvent
from tests.clocks.stories import Seeded, Story, story
from tests.clocks.twice import CN, TABLE, ledgers_of, periods_of

FOREVER = datetime.max.replace(tzinfo=UTC)

seeds = st.integers(min_value=0, max_value=1 << 32)
minutes = st.integers(min_value=0, max_value=60 * 24 * 40)
often = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def of(seed: int) -> Story:
    return story(Seeded(seed), TABLE)


def dues(told: Story) -> dict[tuple[str, datetime], datetime]:
    """Return when each period ends, for ever where it stands still."""
    return {
        (one.period.key, one.period.start.at): FOREVER if one.due is None else one.due.at
        for one in ledgers_of(told)
    }


def with_pause(told: Story, since: datetime, until: datetime | None, name: str) -> Story:
    """Return the story with one more hearing."""
    detail = {"ground": "hearing", "name": name}
    more = [("paused", since)] + ([("resumed", until)] if until is not None else [])
    events = list(told.events)
    for kind, at in more:
        event = ClockEvent(id=name, kind=kind, at=at, article="XKF-45", detail={**detail})
        place = sum(1 for one in events if one.at <= at)
        events.insert(place, event)
    latest = max(told.until, since if until is None else until)
    return Story(told.timetable, events, latest)


def accepted_at(told: Story) -> datetime:
    found = [e.at for e in told.events if e.kind in ("accepted", "deemed_accepted")]
    assume(found)
    return found[0]


@often
@given(seeds, minutes, minutes, st.booleans())
def test_one_more_pause_makes_no_deadline_earlier(
    seed: int, after: int, length: int, stands: bool
) -> None:
    told = of(seed)
    since = accepted_at(told) + timedelta(minutes=after)
    until = None if stands else since + timedelta(minutes=length)
    before, later = dues(told), dues(with_pause(told, since, until, "hearing-more"))
    assert before.keys() == later.keys()
    assert all(later[key] >= before[key] for key in before)


@often
@given(seeds, minutes, minutes, st.floats(min_value=0, max_value=1))
def test_a_pause_in_two_that_touch_is_the_pause_in_one(
    seed: int, after: int, length: int, share: float
) -> None:
    told = of(seed)
    since = accepted_at(told) + timedelta(minutes=after)
    until = since + timedelta(minutes=length)
    middle = since + timedelta(minutes=int(length * share))
    whole = with_pause(told, since, until, "hearing-more")
    halves = with_pause(
        with_pause(told, since, middle, "hearing-first"), middle, until, "hearing-second"
    )
    assert [shown(one) for one in ledgers_of(halves)] == [shown(one) for one in ledgers_of(whole)]


def shown(one: Ledger) -> object:
    """Return what a ledger says, without which pause it was; in hours without where it is cut."""
    days = [(row.day, row.state, row.used) for row in one.rows] if one.scale == "day" else []
    return one.period.key, one.due, one.budget, one.used, one.left, one.paused, days


@often
@given(seeds, minutes)
def test_what_is_used_and_what_is_left_are_the_budget_at_all_times(seed: int, after: int) -> None:
    told = of(seed)
    until = told.events[0].at + timedelta(minutes=after)
    for period in periods_of(told):
        one = ledger(period, CN, told.timetable.zone, until)
        assert one.used + one.left == one.budget
        assert all(row.used + row.left == one.budget for row in one.rows)
        assert [row.used for row in one.rows] == sorted(row.used for row in one.rows)


@often
@given(seeds)
def test_the_last_counted_day_is_the_day_on_which_a_running_period_ends(seed: int) -> None:
    for one in ledgers_of(of(seed)):
        if one.period.end is not None or one.due is None or one.budget == 0:
            continue
        counted = [row for row in one.rows if row.state == "counted"]
        assert counted[-1].used == one.budget
        if one.scale == "microsecond":
            assert counted[-1].until == one.due.at
        elif one.period.rule.roll:
            assert counted[-1].day <= one.due.day
        else:
            assert counted[-1].day == one.due.day


@often
@given(seeds)
def test_the_rows_lie_one_after_the_other_without_a_gap(seed: int) -> None:
    for one in ledgers_of(of(seed)):
        for row, following in pairwise(one.rows):
            assert row.until == following.since


SEPARATE = frozenset({"step_opened", "step_done", "paused", "resumed"})
"""Kinds of which two do not touch one another unless they name the same task or pause."""


@often
@given(seeds)
def test_the_order_of_events_that_do_not_touch_one_another_does_not_matter(seed: int) -> None:
    told = of(seed)
    wanted = [shown(one) for one in ledgers_of(told)]
    for place in pairs(told.events):
        events = list(told.events)
        events[place], events[place + 1] = events[place + 1], events[place]
        swapped = Story(told.timetable, events, told.until)
        assert [shown(one) for one in ledgers_of(swapped)] == wanted


def pairs(events: Sequence[ClockEvent]) -> list[int]:
    """Return the places of two neighbours that came at one instant and name different things."""
    return [
        place
        for place, (one, other) in enumerate(pairwise(events))
        if one.at == other.at
        and {one.kind, other.kind} <= SEPARATE
        and _named(one) != _named(other)
    ]


def _named(event: ClockEvent) -> object:
    return event.detail.get("task") or event.detail.get("name")


def test_the_stories_hold_such_pairs() -> None:
    assert sum(bool(pairs(of(seed).events)) for seed in range(100)) > 30
