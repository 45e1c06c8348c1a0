"""Periods and ledgers: every deadline is the last line of its own day-by-day account."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.clocks import (
    Ledger,
    due_of,
    lateness,
    ledger,
    ledgers,
    newest,
    periods,
    warning_of,
    what_if,
    without,
)
from cases.state import ClockEvent
from catalogue.clock_rules import ClockRule, Title, Trigger
from catalogue.load import load_catalogue
from catalogue.matters import Extension, Limit, Unit
from catalogue.working_days import Calendar

ZONE = "Asia/Shanghai"
CHINA = ZoneInfo(ZONE)
CN = load_catalogue().calendars["cn"]
UNTIL = datetime(2026, 12, 31, tzinfo=CHINA)


Told = tuple[str, datetime, "dict[str, object]"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


def rule(n: int = 20, unit: Unit = "working_day", **more: object) -> ClockRule:
    return ClockRule.model_validate(
        {
            "id": "XKF-42-1",
            "clock": "statutory",
            "title": Title(zh="法定办结时限", en="Statutory period"),
            "starts": (Trigger(event="accepted"), Trigger(event="deemed_accepted")),
            "ends": (Trigger(event="decided"),),
            "limit": Limit(n=n, unit=unit, basis="XKF-42-1"),
            "extension": Extension(n=10, unit=unit, rank="organ_head", basis="XKF-42-1x"),
            "pauses": ("hearing", "testing"),
            "days_basis": "XKF-82",
            **more,
        }
    )


def told(*events: Told) -> tuple[ClockEvent, ...]:
    return tuple(
        ClockEvent.model_validate(
            {"id": f"{n}.0", "kind": kind, "at": when, "article": kind, "detail": detail}
        )
        for n, (kind, when, detail) in enumerate(events, 1)
    )


def hearing(name: str, since: datetime, until: datetime) -> list[Told]:
    return [
        ("paused", since, {"procedure": {"id": name, "kind": "hearing"}}),
        ("resumed", until, {"procedure": name, "kind": "hearing"}),
    ]  # fmt: skip


def one(rules: tuple[ClockRule, ...], *events: Told) -> Ledger:
    (found,) = ledgers(rules, told(*events), CN, ZONE, UNTIL)
    return found


def test_a_ledger_tells_each_day_with_its_article_and_its_cause() -> None:
    found = one(
        (rule(5),),
        ("accepted", at("2026-02-11T10:00"), {}),
        *hearing("hearing-1", at("2026-02-13T09:00"), at("2026-02-14T09:00")),
        ("decided", at("2026-02-26T11:00"), {}),
    )
    lines = [(row.day.isoformat()[5:], row.state, row.article, row.cause) for row in found.rows]
    assert lines[:5] == [
        ("02-11", "zero", "MSF-85-2", "1.0"),
        ("02-12", "counted", "XKF-42-1", "1.0"),
        ("02-13", "paused", "paused", "2.0"),
        ("02-14", "paused", "paused", "2.0"),
        ("02-15", "off", "XKF-82", f"cn@{CN.version}"),
    ]
    assert [row.used for row in found.rows][-3:] == [2, 3, 4]
    assert (found.used, found.left, found.paused, found.budget) == (4, 1, 2, 5)


def test_an_extension_is_counted_against_its_own_article() -> None:
    found = one(
        (rule(2),),
        ("accepted", at("2026-03-02T10:00"), {}),
        ("extended", at("2026-03-03T10:00"), {"n": 2, "unit": "working_day"}),
    )
    counted = [(row.article, row.cause) for row in found.rows if row.state == "counted"]
    assert counted == [("XKF-42-1", "1.0")] * 2 + [("XKF-42-1x", "2.0")] * 2
    assert found.due is not None
    assert found.due.day == date(2026, 3, 6)


def test_a_pause_that_began_after_the_end_stops_nothing() -> None:
    found = one(
        (rule(1),),
        ("accepted", at("2026-03-02T10:00"), {}),
        ("paused", at("2026-03-05T10:00"), {"ground": "hearing", "name": "hearing-1"}),
        ("decided", at("2026-03-06T10:00"), {}),
    )
    assert [row.state for row in found.rows] == ["zero", "counted", "over", "over", "over"]
    assert found.left == -3


def test_a_disallowed_pause_never_was() -> None:
    plain: list[Told] = [("accepted", at("2026-03-02T10:00"), {})]
    paused: list[Told] = [
        *plain,
        *hearing("hearing-1", at("2026-03-03T09:00"), at("2026-03-09T09:00")),
    ]
    gone: list[Told] = [
        *paused,
        ("pause_disallowed", at("2026-03-10T09:00"), {"name": "hearing-1"}),
    ]
    assert one((rule(),), *gone).due == one((rule(),), *plain).due
    assert one((rule(),), *paused).due != one((rule(),), *plain).due


def test_a_deemed_acceptance_counts_from_the_receipt_though_known_later() -> None:
    found = one((rule(),), ("deemed_accepted", at("2026-01-30T10:00"), {}))
    assert found.due is not None
    assert found.due.day == date(2026, 3, 5)


def test_a_department_goes_on_with_what_it_has_used() -> None:
    own = rule(
        10, clock="department", key_by="department", accumulates=True, extension=None,
        starts=(Trigger(event="step_opened"),), ends=(Trigger(event="step_done"),),
    )  # fmt: skip
    found = one(
        (own,),
        ("step_opened", at("2026-03-02T10:00"), {"task": "a", "department": "fire"}),
        ("step_opened", at("2026-03-02T10:00"), {"task": "b", "department": "fire"}),
        ("step_done", at("2026-03-03T10:00"), {"task": "a"}),
        ("step_done", at("2026-03-05T10:00"), {"task": "b"}),
        ("step_opened", at("2026-03-09T10:00"), {"task": "a", "department": "fire"}),
        ("step_done", at("2026-03-11T10:00"), {"task": "a"}),
    )
    # Away on the 5th from 10:00 to the 9th at 10:00: neither day is its own.
    assert [row.state for row in found.rows] == [
        "zero", "counted", "counted", "paused", "paused", "paused", "paused", "paused",
        "counted", "counted",
    ]  # fmt: skip
    assert found.period.key == "department:fire"
    assert found.used == 4


def test_a_period_in_working_hours_has_a_row_per_segment() -> None:
    found = one((rule(5, "working_hour"),), ("accepted", at("2026-03-02T16:30"), {}))
    lines = [(row.state, row.until - row.since) for row in found.rows]
    assert lines[:4] == [
        ("counted", timedelta(hours=1)),
        ("off", timedelta(hours=6, minutes=30)),
        ("off", timedelta(hours=9)),
        ("counted", timedelta(hours=3)),
    ]
    assert found.due is not None
    assert found.due.at == at("2026-03-03T14:00")
    assert found.budget == 5 * 3_600_000_000


def test_an_extension_in_hours_takes_over_within_the_segment() -> None:
    found = one(
        (rule(2, "hour"),),
        ("accepted", at("2026-03-02T10:00"), {}),
        ("extended", at("2026-03-02T11:00"), {"n": 1, "unit": "hour"}),
    )
    counted = [(row.part, row.until - row.since) for row in found.rows if row.state == "counted"]
    assert counted == [(0, timedelta(hours=2)), (1, timedelta(hours=1))]


def test_a_period_counted_backwards_ends_before_its_event() -> None:
    own = rule(7, "day", before=True, extension=None)
    found = one((own,), ("accepted", at("2026-03-20T09:00"), {}))
    assert found.due is not None
    assert found.due.day == date(2026, 3, 13)
    assert [row.used for row in found.rows] == list(range(8))


def test_a_period_may_end_on_a_day_that_its_event_names() -> None:
    own = rule(0, "day", due_field="last_day", extension=None)
    found = one((own,), ("accepted", at("2026-03-20T09:00"), {"last_day": "2026-04-30"}))
    assert found.due is not None
    assert (found.due.day, found.due.at) == (date(2026, 4, 30), at("2026-05-01T00:00"))
    assert found.budget == 41


def test_what_makes_no_sense_changes_nothing() -> None:
    nonsense = told(
        ("decided", at("2026-03-01T09:00"), {}),
        ("resumed", at("2026-03-01T09:00"), {"procedure": "hearing-9"}),
        ("extended", at("2026-03-01T09:00"), {}),
        ("pause_disallowed", at("2026-03-01T09:00"), {}),
        ("paused", at("2026-03-01T09:00"), {}),
        ("unheard_of", at("2026-03-01T09:00"), {"task": None}),
    )
    assert periods((rule(),), nonsense) == ()


@pytest.mark.parametrize(
    ("n", "unit", "warned"),
    [
        (20, "working_day", "2026-03-27T00:00"),  # nine tenths: the eighteenth day has gone
        (5, "working_day", "2026-03-07T00:00"),  # the last but one has gone
        (1, "working_day", "2026-03-03T00:00"),
        (10, "day", "2026-03-12T00:00"),
        (10, "hour", "2026-03-02T19:00"),
    ],
)
def test_a_period_is_warned_of_at_nine_tenths_or_a_day_before_its_last(
    n: int, unit: Unit, warned: str
) -> None:
    (period,) = periods((rule(n, unit),), told(("accepted", at("2026-03-02T10:00"), {})))
    due = due_of(period, CN, ZONE)
    assert due is not None
    assert warning_of(period, due, CN, ZONE) == at(warned)


# --- the inverse questions -----------------------------------------------------------------------

LATE = told(
    ("accepted", at("2026-03-02T10:00"), {}),
    *hearing("hearing-1", at("2026-03-04T09:00"), at("2026-03-06T09:00")),
    ("step_opened", at("2026-03-09T09:00"), {"task": "fire"}),
    ("step_done", at("2026-03-16T09:00"), {"task": "fire"}),
    ("decided", at("2026-03-17T09:00"), {}),
)


def test_which_event_made_it_late_is_answered_with_days_that_sum() -> None:
    found = lateness((rule(5),), LATE, "statutory", CN, ZONE, UNTIL)
    assert found is not None
    assert found.late == 3
    assert sum(share.used for share in found.shares) == found.used == 8
    crossed = found.crossed
    assert crossed is not None
    assert crossed.event.kind == "step_opened"
    assert [share.event.kind for share in found.shares if share.would_cure] == ["step_opened"]


def test_no_event_uses_the_days_of_a_period_that_is_counted_backwards() -> None:
    notice = rule(7, "day", before=True, extension=None, pauses=())
    history = told(
        ("accepted", at("2026-03-20T10:00"), {}), ("decided", at("2026-03-18T10:00"), {})
    )
    assert newest(periods((notice,), history))
    assert lateness((notice,), history, "statutory", CN, ZONE, UNTIL) is None


def test_without_the_hearing_the_deadline_had_been_earlier() -> None:
    (moved,) = what_if((rule(5),), LATE, {"2.0"}, CN, ZONE, UNTIL)
    assert moved.before is not None
    assert moved.after is not None
    assert (moved.before.day, moved.after.day) == (date(2026, 3, 12), date(2026, 3, 9))
    assert (moved.late_before, moved.late_after) == (3, 6)
    assert [one.kind for one in without(LATE, {"2.0"})] == [
        "accepted", "step_opened", "step_done", "decided",
    ]  # fmt: skip


def test_what_ended_at_midnight_has_used_the_day_that_begins_and_the_days_still_sum() -> None:
    """The law's own timer ends a period at 24:00: the next day's first instant."""
    midnight = told(("accepted", at("2026-03-02T10:00"), {}), ("decided", at("2026-03-10"), {}))
    found = lateness((rule(5),), midnight, "statutory", CN, ZONE, UNTIL)
    assert found is not None
    assert (found.late, found.used) == (1, 6)
    assert sum(share.used for share in found.shares) == found.used
    assert found.crossed is not None


def test_a_step_opened_again_before_it_was_done_leaves_no_gap() -> None:
    department = rule(
        clock="department",
        starts=(Trigger(event="step_opened"),),
        ends=(Trigger(event="step_done"),),
        key_by="department",
        accumulates=True,
    )
    backwards = told(
        ("step_opened", at("2026-03-02T10:00"), {"department": "fire", "task": "a"}),
        ("step_done", at("2026-03-12T10:00"), {"department": "fire", "task": "a"}),
        ("step_opened", at("2026-03-09T10:00"), {"department": "fire", "task": "b"}),
    )
    (period,) = periods((department,), backwards)
    assert (period.stops, period.end) == ((), None)
    assert ledger(period, CN, ZONE, at("2026-03-16T10:00")).used == 10


def test_a_second_extension_lengthens_nothing() -> None:
    once: list[Told] = [
        ("accepted", at("2026-03-02T10:00"), {}),
        ("extended", at("2026-03-03T10:00"), {}),
    ]
    twice = [*once, ("extended", at("2026-03-04T10:00"), {})]
    ((one,), (two,)) = (periods((rule(),), told(*history)) for history in (once, twice))
    assert due_of(one, CN, ZONE) == due_of(two, CN, ZONE)
    assert len(two.parts) == 2


# --- what holds of every history -----------------------------------------------------------------

_kinds = st.sampled_from(
    ["accepted", "deemed_accepted", "paused", "resumed", "extended", "decided", "pause_disallowed",
     "noticed", "supplied"]
)  # fmt: skip
_moments = st.integers(0, 60 * 24 * 4).map(
    lambda quarter: at("2026-01-20T00:00") + timedelta(minutes=15 * quarter)
)
_details = st.sampled_from(
    [
        {},
        {"ground": "hearing", "name": "hearing-1"},
        {"ground": "testing", "name": "testing-1"},
        {"name": "hearing-1"},
        {"complete": True},
    ]
)
_units = st.sampled_from(["working_day", "day", "on_the_spot", "hour", "minute", "working_hour"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_kinds, _moments, _details), max_size=9), st.integers(0, 30), _units)
def test_every_history_has_ledgers_and_each_agrees_with_its_deadline(
    history: list[Told], n: int, unit: Unit
) -> None:
    events = told(*history)
    for period in newest(
        periods((rule(n, unit, pauses=("hearing", "supplement")),), events)
    ).values():
        found = ledger(period, CN, ZONE, UNTIL)
        due = due_of(period, CN, ZONE)
        assert found.due == due
        assert found.used + found.left == found.budget
        assert all(a.until == b.since and b.used >= a.used for a, b in pairwise(found.rows))
        counted = [row for row in found.rows if row.state == "counted"]
        over = [row for row in found.rows if row.state == "over"]
        if due is not None:
            assert all(row.until <= due.at for row in counted)
            assert all(row.since >= due.at for row in over)
        else:
            assert not over
        if due is not None and period.end is None and found.budget:
            assert counted[-1].until == due.at
            assert counted[-1].left == 0


def test_a_calendar_without_the_day_is_provisional() -> None:
    found = one((rule(30),), ("accepted", at("2026-12-01T10:00"), {}))
    assert found.due is not None
    assert found.due.provisional
    assert [row.known for row in found.rows if row.day.year == 2027] == [False] * sum(
        row.day.year == 2027 for row in found.rows
    )


def _calendar(*off: date) -> Calendar:
    return Calendar("x", "1", date(2026, 1, 1), date(2026, 12, 31), frozenset(off))


def test_another_calendar_and_back_gives_the_same_ledger() -> None:
    events = told(("accepted", at("2026-03-02T10:00"), {}))
    (before,) = ledgers((rule(),), events, _calendar(), ZONE, UNTIL)
    (moved,) = ledgers((rule(),), events, _calendar(date(2026, 3, 9)), ZONE, UNTIL)
    (back,) = ledgers((rule(),), events, _calendar(), ZONE, UNTIL)
    assert back == before
    assert moved.due != before.due
