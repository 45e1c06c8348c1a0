"""Each period of the law, both sides of its limit, told by both clocks.

The rule ids are those of `catalogue/law.yaml`; the golden vectors were measured with
chinesecalendar 1.11.0 and agree with `holiday-cn` on every day of 2008–2026.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from pydantic import JsonValue

from cases.approval.clocks import clock_rules
from cases.approval.opening import plan_of
from cases.clocks import Due, Ledger, due_of, ledger, newest, periods
from cases.state import ClockEvent
from catalogue.clock_rules import ClockRule
from catalogue.load import load_catalogue
from catalogue.matters import Limit, Matter
from catalogue.words import PROCEDURES
from tests.clocks.by_day import tell
from tests.clocks.plans import timetable_for
from tests.clocks.timetable import EIGHT
from tests.clocks.twice import CN, TABLE

ZONE = "Asia/Shanghai"
CHINA = ZoneInfo(ZONE)
CATALOGUE = load_catalogue()
INSTANT = timedelta(microseconds=1)
FOOD, BUILDING = "food-operation", "construction-permit"
RENEWAL, DISCLOSURE = "radiation-renewal", "information-disclosure"
INSPECTED = "food-operation, inspected"

Told = tuple[str, str, dict[str, JsonValue]]
"""Kind, local time, detail."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA).astimezone(UTC)


def history(*told: Told) -> list[ClockEvent]:
    return [
        ClockEvent(id=f"{n}.0", kind=kind, at=at(when), article="XKF-42-1", detail=detail)
        for n, (kind, when, detail) in enumerate(told, start=1)
    ]


@cache
def matter_of(name: str) -> Matter:
    """Return the newest version of a matter; of `INSPECTED` with inspectors to be named."""
    code = FOOD if name == INSPECTED else name
    found = [one for one in CATALOGUE.matters if one.code == code][-1]
    if name != INSPECTED:
        return found
    five = Limit(n=5, unit="working_day", basis="XKF-55")
    return found.model_copy(update={"assignment": five})


@cache
def rules_of(name: str) -> tuple[ClockRule, ...]:
    return clock_rules(plan_of(matter_of(name), digest="0" * 64))


def due(name: str, key: str, events: list[ClockEvent], n: int | None = None) -> Due:
    """Return the end of a period that runs, the same from both clocks.

    `n` gives the matter a statutory period so long.
    """
    matter = matter_of(name)
    if n is not None:
        longer = matter.statutory.model_copy(update={"n": n})
        matter = matter.model_copy(update={"statutory": longer})
    rules = clock_rules(plan_of(matter, digest="0" * 64))
    found = due_of(newest(periods(rules, events))[key], CN, ZONE)
    assert found is not None
    runs = tell(timetable_for(matter), TABLE, events, events[-1].at)
    other = [run for run in runs if run.key == key][-1]
    assert (found.at, found.day.toordinal()) == (other.due_at, other.last_day)
    return found


def of(name: str, key: str, events: list[ClockEvent], until: str) -> Ledger:
    return ledger(newest(periods(rules_of(name), events))[key], CN, ZONE, at(until))


# --- the golden vectors (domain.md §2.3) ---


def accepted(day: str) -> list[ClockEvent]:
    return history(
        ("received", f"{day}T09:30", {}), ("accepted", f"{day}T10:00", {"mode": "plain"})
    )


@pytest.mark.parametrize(
    ("day", "n", "last"),
    [
        ("2026-01-30", 20, "2026-03-05"),
        ("2026-02-10", 20, "2026-03-16"),
        ("2026-02-13", 5, "2026-02-27"),
        ("2026-02-14", 1, "2026-02-24"),
        ("2026-03-02", 45, "2026-05-08"),
        ("2026-04-29", 5, "2026-05-09"),
        ("2026-09-18", 20, "2026-10-22"),
        ("2026-09-24", 5, "2026-10-09"),
        ("2026-09-30", 10, "2026-10-20"),
        ("2025-01-24", 20, "2025-02-27"),
        ("2026-11-22", 20, "2026-12-18"),
    ],
)
def test_a_ledger_ends_on_the_day_of_the_golden_vector(day: str, n: int, last: str) -> None:
    found = due(FOOD, "statutory", accepted(day), n)
    assert (found.day, found.provisional) == (date.fromisoformat(last), False)


@pytest.mark.parametrize(
    ("n", "day"),
    [
        (5, "2026-12-24"),
        (20, "2026-12-03"),
        (30, "2026-11-19"),
        (45, "2026-10-29"),
        (60, "2026-10-09"),
    ],
)
def test_the_day_after_the_last_start_within_the_notice_is_provisional(n: int, day: str) -> None:
    following = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    assert not due(BUILDING, "statutory", accepted(day), n).provisional
    assert due(BUILDING, "statutory", accepted(following), n).provisional


@pytest.mark.parametrize(
    ("year", "days"),
    [(2020, 249), (2021, 250), (2022, 249), (2023, 249), (2024, 251), (2025, 248), (2026, 248)],
)
def test_the_other_clocks_table_has_the_years_working_days(year: int, days: int) -> None:
    first, after = date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()
    assert sum(TABLE.works(day) for day in range(first, after)) == days


# --- article by article ---

GRANTED: dict[str, JsonValue] = {"result": "grant", "check": False}

ARTICLES: list[tuple[str, str, str, list[Told], Told, str]] = [
    # rule id, matter, period, what went before, what ends it, its last day
    ("XKF-32-4", FOOD, "notice",
     [("received", "2026-02-13T16:00", {})],
     ("noticed", "", {"lacking": ["plan"], "supply_within_days": 30, "back_to": "received"}),
     "2026-02-27"),  # over the Spring Festival, make-up Saturdays counted
    ("XKF-32-4", FOOD, "notice",
     [("received", "2026-11-22T23:59", {})],  # a Sunday evening: electronic receipt
     ("accepted", "", {"mode": "plain"}), "2026-11-27"),
    ("XKF-42-1", FOOD, "statutory",
     [("received", "2026-01-30T09:00", {}), ("accepted", "2026-01-30T17:00", {"mode": "plain"})],
     ("decided", "", GRANTED), "2026-03-05"),
    ("XKF-42-1", FOOD, "statutory",  # the day before National Day
     [("received", "2026-09-29T09:00", {}), ("accepted", "2026-09-30T17:29", {"mode": "plain"})],
     ("decided", "", {"result": "refuse"}), "2026-11-03"),
    ("XKF-42-1x", FOOD, "statutory",
     [("received", "2026-01-30T09:00", {}), ("accepted", "2026-01-30T17:00", {"mode": "plain"}),
      ("extended", "2026-03-05T23:59", {"n": 10, "unit": "working_day", "rank": "organ_head"})],
     ("decided", "", GRANTED), "2026-03-19"),
    ("XKF-42-2", BUILDING, "statutory",
     [("received", "2026-03-02T09:00", {}), ("accepted", "2026-03-02T17:00", {"mode": "plain"})],
     ("decided", "", GRANTED), "2026-05-08"),
    ("XKF-42-2x", BUILDING, "statutory",
     [("received", "2026-03-02T09:00", {}), ("accepted", "2026-03-02T17:00", {"mode": "plain"}),
      ("extended", "2026-05-08T23:59", {"n": 15, "unit": "working_day",
                                        "rank": "government_head"})],
     ("decided", "", GRANTED), "2026-05-28"),
    ("XKF-47a", FOOD, "hearing_request",  # 日, of the applicant: moved from Saturday to Monday
     [("received", "2026-03-02T09:00", {}), ("accepted", "2026-03-02T17:00", {"mode": "plain"}),
      ("hearing_right_told", "2026-03-09T10:00", {})],
     ("hearing_requested", "", {}), "2026-03-16"),
    ("XKF-47a", FOOD, "hearing_request",  # 日: the fifth is a make-up Saturday, and counts
     [("received", "2026-04-01T09:00", {}), ("accepted", "2026-04-01T17:00", {"mode": "plain"}),
      ("hearing_right_told", "2026-05-04T10:00", {})],
     ("hearing_requested", "", {}), "2026-05-09"),
    ("XKF-47b", FOOD, "hearing",
     [("received", "2026-03-02T09:00", {}), ("accepted", "2026-03-02T17:00", {"mode": "plain"}),
      ("hearing_right_told", "2026-03-09T10:00", {}),
      ("hearing_requested", "2026-03-10T10:00", {})],
     ("hearing_held", "", {}), "2026-04-08"),
    ("XKF-50", RENEWAL, "renewal",  # nothing moves a licence's last day, a Sunday
     [("received", "2026-03-02T09:00", {"licence_until": "2026-04-05", "requested_late": False}),
      ("accepted", "2026-03-02T17:00", {"mode": "plain"}),
      ("paused", "2026-03-03T09:00", {"ground": "hearing", "name": "hearing-1"})],
     ("decided", "", GRANTED), "2026-04-05"),
    ("XKF-55", INSPECTED, "assignment",
     [("received", "2026-02-12T09:00", {}),
      ("accepted", "2026-02-13T17:00", {"mode": "plain"})],
     ("inspectors_assigned", "", {"officers": 2}), "2026-02-27"),
    ("XXGK-33-2", DISCLOSURE, "statutory",
     [("received", "2026-01-30T09:00", {})],
     ("decided", "", GRANTED), "2026-03-05"),
    ("XXGK-33-2", DISCLOSURE, "statutory",  # anew from the day on which it was supplied
     [("received", "2026-01-12T09:00", {}),
      ("noticed", "2026-01-14T09:00", {"supply_within_days": 30, "back_to": "received"}),
      ("supplied", "2026-01-30T09:00", {"complete": True}),
      ("accepted", "2026-02-02T09:00", {"mode": "plain"})],
     ("decided", "", GRANTED), "2026-03-05"),
    ("XKF-44", FOOD, "delivery",
     [("received", "2026-09-01T09:00", {}), ("accepted", "2026-09-01T17:00", {"mode": "plain"}),
      ("decided", "2026-09-30T12:00", GRANTED)],
     ("delivered", "", {"method": "post"}), "2026-10-20"),
]  # fmt: skip


@pytest.mark.parametrize(("article", "matter", "key", "before", "end", "last"), ARTICLES)
def test_the_period_of_an_article_ends_with_its_last_day_at_midnight(
    article: str, matter: str, key: str, before: list[Told], end: Told, last: str
) -> None:
    assert article.removesuffix("x") in CATALOGUE.law and article in CATALOGUE.law
    found = due(matter, key, history(*before))
    assert found.day == date.fromisoformat(last)
    assert found.at == at(f"{last}T00:00") + timedelta(days=1)
    assert newest(periods(rules_of(matter), history(*before)))[key].parts[-1].limit.basis == article


@pytest.mark.parametrize(("article", "matter", "key", "before", "end", "last"), ARTICLES)
def test_an_act_in_the_last_minute_is_in_time_and_one_at_midnight_is_not(
    article: str, matter: str, key: str, before: list[Told], end: Told, last: str
) -> None:
    kind, _, detail = end
    midnight = (date.fromisoformat(last) + timedelta(days=1)).isoformat()
    in_time = history(*before, (kind, f"{last}T23:59:59", detail))
    late = history(*before, (kind, f"{midnight}T00:00", detail))
    told = [of(matter, key, events, f"{midnight}T12:00") for events in (in_time, late)]
    assert [one.period.end is not None and one.due is not None for one in told] == [True, True]
    assert [one.due and one.period.end and one.period.end.at < one.due.at for one in told] == [
        True,
        False,
    ]
    assert told[0].left == 0
    counts = told[1].period.rule.limit.unit == "day" or CN.is_working(date.fromisoformat(midnight))
    assert told[1].left == (-1 if counts else 0)


# --- 第三十二条: silence makes an acceptance, as of receipt ---


def test_a_deemed_acceptance_has_used_the_days_of_silence() -> None:
    events = history(
        ("received", "2026-01-30T10:00", {}), ("deemed_accepted", "2026-01-30T10:00", {})
    )
    told = of(FOOD, "statutory", events, "2026-02-07T00:00")
    assert due(FOOD, "statutory", events).day == date(2026, 3, 5)
    assert (told.used, told.left) == (5, 15)


def test_an_acceptance_after_a_supplement_begins_anew_and_not_at_the_receipt() -> None:
    events = history(
        ("received", "2026-03-02T10:00", {}),
        ("noticed", "2026-03-04T10:00", {"supply_within_days": 30, "back_to": "received"}),
        ("supplied", "2026-03-20T10:00", {"complete": True}),
        ("accepted", "2026-03-20T10:00", {"mode": "plain"}),
    )
    assert due(FOOD, "statutory", events).day == date(2026, 4, 20)


# --- 第四十五条: eight grounds, and no ninth ---


def paused(ground: str, since: str, until: str) -> list[Told]:
    name: dict[str, JsonValue] = {"ground": ground, "name": f"{ground}-1"}
    return [("paused", since, name), ("resumed", until, name)]


def under_review(*more: Told) -> list[ClockEvent]:
    return history(
        ("received", "2026-03-02T09:00", {}),
        ("accepted", "2026-03-02T10:00", {"mode": "plain"}),
        *more,
    )


@pytest.mark.parametrize("ground", sorted(PROCEDURES.values()))
def test_each_of_the_eight_procedures_stops_the_statutory_period(ground: str) -> None:
    events = under_review(*paused(ground, "2026-03-04T09:00", "2026-03-10T09:00"))
    assert due(FOOD, "statutory", events).day == date(2026, 4, 7)  # five days, over 清明


@pytest.mark.parametrize("ground", ["site_visit", "publicity", "technical_review"])
def test_no_other_ground_stops_the_statutory_period(ground: str) -> None:
    events = under_review(*paused(ground, "2026-03-04T09:00", "2026-03-10T09:00"))
    assert due(FOOD, "statutory", events).day == date(2026, 3, 30)


def test_the_eight_of_the_register_of_words_are_those_of_the_article() -> None:
    assert set(PROCEDURES.values()) == EIGHT


def test_a_promise_stops_on_its_own_list_only() -> None:
    visit = under_review(*paused("site_visit", "2026-03-04T09:00", "2026-03-10T09:00"))
    notice = under_review(*paused("publicity", "2026-03-04T09:00", "2026-03-10T09:00"))
    assert due(FOOD, "promised", visit).day == date(2026, 3, 23)
    assert due(FOOD, "promised", notice).day == date(2026, 3, 16)
    assert due(BUILDING, "promised", visit).day == date(2026, 4, 1)
    assert due(BUILDING, "promised", notice).day == date(2026, 4, 9)


def test_a_supplement_in_review_stops_the_promise_and_not_the_statutory_period() -> None:
    events = under_review(
        ("noticed", "2026-03-04T09:00", {"supply_within_days": 15, "back_to": "review"}),
        ("supplied", "2026-03-10T09:00", {"complete": True}),
    )
    assert due(FOOD, "statutory", events).day == date(2026, 3, 30)
    assert due(FOOD, "promised", events).day == date(2026, 3, 23)


@pytest.mark.parametrize(
    ("since", "until", "last"),
    [
        ("2026-03-04T00:00", "2026-03-05T00:00", "2026-03-31"),  # one whole day
        ("2026-03-04T23:59", "2026-03-05T00:00", "2026-03-31"),  # its last minute
        ("2026-03-04T23:59", "2026-03-05T00:01", "2026-04-01"),  # and the first of the next
        ("2026-03-07T00:00", "2026-03-09T00:00", "2026-03-30"),  # a weekend
        ("2026-03-04T10:00", "2026-03-04T10:00", "2026-03-30"),  # no time at all
        ("2026-03-30T23:59", "2026-03-31T00:00", "2026-03-31"),  # the last minute of all
        ("2026-03-31T00:00", "2026-04-10T00:00", "2026-03-30"),  # after the end
    ],
)
def test_a_day_with_any_paused_part_is_not_counted(since: str, until: str, last: str) -> None:
    events = under_review(*paused("hearing", since, until))
    assert due(FOOD, "statutory", events).day == date.fromisoformat(last)


def test_a_pause_held_for_unlawful_never_was_and_one_restored_is_again() -> None:
    procedure = paused("hearing", "2026-03-04T09:00", "2026-03-10T09:00")
    gone: Told = ("pause_disallowed", "2026-03-11T09:00", {"name": "hearing-1"})
    back: Told = ("pause_restored", "2026-03-12T09:00", {"name": "hearing-1"})
    after: list[list[Told]] = [[], [gone], [gone, back]]
    days = [due(FOOD, "statutory", under_review(*procedure, *more)).day for more in after]
    assert days == [date(2026, 4, 7), date(2026, 3, 30), date(2026, 4, 7)]


def test_a_pause_held_for_unlawful_while_it_stands_does_not_stand() -> None:
    began = paused("hearing", "2026-03-04T09:00", "2026-03-10T09:00")[:1]
    gone: Told = ("pause_disallowed", "2026-03-05T09:00", {"name": "hearing-1"})
    periods_ = newest(periods(rules_of(FOOD), under_review(*began)))
    assert due_of(periods_["statutory"], CN, ZONE) is None
    assert due(FOOD, "statutory", under_review(*began, gone)).day == date(2026, 3, 30)


# --- 第四十二条: an extension is granted before the end ---


def extended(when: str) -> Told:
    return ("extended", when, {"n": 10, "unit": "working_day", "rank": "organ_head"})


def test_an_extension_on_the_last_day_lengthens_the_promise_and_one_after_it_does_not() -> None:
    in_time = under_review(extended("2026-03-16T23:59"))
    late = under_review(extended("2026-03-17T00:00"))
    assert due(FOOD, "promised", in_time).day == date(2026, 3, 30)
    assert due(FOOD, "promised", late).day == date(2026, 3, 16)
    assert due(FOOD, "statutory", late).day == date(2026, 4, 14)
    broken = of(FOOD, "promised", late, "2026-03-18T12:00")
    assert (broken.budget, broken.left, broken.rows[-1].state) == (10, -2, "over")


def test_an_extension_that_only_an_unlawful_pause_made_timely_came_too_late() -> None:
    procedure = paused("hearing", "2026-03-04T09:00", "2026-03-10T09:00")
    granted = under_review(*procedure, extended("2026-04-02T10:00"))
    found_out = [*granted, *history(("pause_disallowed", "2026-04-03T10:00",
                                     {"name": "hearing-1"}))]  # fmt: skip
    assert due(FOOD, "statutory", granted).day == date(2026, 4, 21)
    assert due(FOOD, "statutory", found_out).day == date(2026, 3, 30)


# --- hours ---


def test_hours_that_end_at_midnight_end_with_the_day_before() -> None:
    rules = [
        rule.model_copy(
            update={"limit": rule.limit.model_copy(update={"n": 14, "unit": "hour"}),
                    "extension": None}
        )
        for rule in rules_of(FOOD)
        if rule.clock == "statutory"
    ]  # fmt: skip
    found = due_of(newest(periods(rules, under_review()))["statutory"], CN, ZONE)
    assert found is not None
    assert (found.at, found.day) == (at("2026-03-03T00:00"), date(2026, 3, 2))
    timetable = replace(timetable_for(matter_of(FOOD)), statutory=(14, "hour"), extension=None)
    other = next(
        run
        for run in tell(timetable, TABLE, under_review(), at("2026-03-02T10:00"))
        if run.key == "statutory"
    )
    assert other.last_day == found.day.toordinal()
