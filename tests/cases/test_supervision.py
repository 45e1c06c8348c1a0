"""When a card is due and what its rule is shown: every rule of the shipped set at its limits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import JsonValue

from cases.clocks import Period, newest, periods
from cases.state import ClockEvent
from cases.supervision import (
    LEVELS,
    Clock,
    Found,
    Seen,
    card_key,
    card_number,
    facts,
    instants,
    next_cards,
    parts_of,
)
from catalogue.clock_rules import ClockRule, Title, Trigger
from catalogue.load import load_catalogue
from catalogue.matters import Limit
from catalogue.working_days import Calendar
from rules.evaluate import evaluate
from rules.load import load_packs

ZONE = "Asia/Shanghai"
CN: Calendar = load_catalogue().calendars["cn"]
PACK = load_packs()["supervision"]
MONDAY = "2026-03-02T10:00"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def rule(n: int, unit: str = "working_day", clock: str = "promised") -> ClockRule:
    return ClockRule.model_validate(
        {
            "id": "XKF-42-1",
            "clock": clock,
            "title": Title(zh="期限", en="Period"),
            "starts": (Trigger(event="accepted"),),
            "ends": (Trigger(event="decided"),),
            "limit": Limit.model_validate({"n": n, "unit": unit, "basis": "XKF-42-1"}),
            "pauses": ("hearing",),
        }
    )


def period(own: ClockRule, *told: tuple[str, str, Mapping[str, JsonValue]]) -> Period:
    events = [
        ClockEvent(id=f"{n}.0", kind=kind, at=at(when), article="", detail=dict(detail))
        for n, (kind, when, detail) in enumerate((("accepted", MONDAY, {}), *told))
    ]
    return newest(periods((own,), events))[own.clock]


def paused(since: str, until: str = "") -> tuple[tuple[str, str, Mapping[str, JsonValue]], ...]:
    named: Mapping[str, JsonValue] = {"ground": "hearing", "name": "hearing-1"}
    end = (("resumed", until, named),) if until else ()
    return (("paused", since, named), *end)


def clock(own: ClockRule, *told: Any) -> Clock:
    return Clock.of(period(own, *told), CN, ZONE, at("2026-06-30T00:00"))


SEEN = Seen(department="zjj", matter="food")


def held(context: Mapping[str, JsonValue], when: datetime) -> list[tuple[str, str]]:
    return [(one.rule, one.basis) for one in evaluate(PACK, context, when).fired]


def first(one: Clock, since: str = MONDAY, seen: Seen = SEEN) -> dict[str, datetime]:
    found = next_cards(one, seen, at(since), at("2026-06-30T00:00"), held)
    return {card.rule: card.at for card in found}


def all_cards(one: Clock, since: str = MONDAY) -> list[tuple[str, datetime]]:
    """Return every card there would be if nothing more happened, in order."""
    given: list[tuple[str, datetime]] = []
    seen, now = SEEN, at(since)
    while found := next_cards(one, seen, now, at("2026-06-30T00:00"), held):
        now = found[0].at
        given += [(card.rule, card.at) for card in found]
        yellow = min((when for name, when in given if name.startswith("JC-HP")), default=None)
        seen = Seen("zjj", "food", issued=frozenset(r for r, _ in given), yellow_since=yellow)
    return given


# --- the rules at their limits -------------------------------------------------------------------


def test_a_promise_of_twenty_days_gets_its_four_cards_at_the_ends_of_days() -> None:
    # Day zero Monday 2 March; 15 working days end on the 23rd, 18 on the 26th, 20 on the 30th.
    assert all_cards(clock(rule(20))) == [
        ("JC-TS-75", at("2026-03-24T00:00")),
        ("JC-YJ-90", at("2026-03-27T00:00")),
        ("JC-HP-CN", at("2026-03-31T00:00")),
        ("JC-RP-WJ", at("2026-04-04T00:00")),  # Friday is the third day after the card's own
    ]


def test_at_74_percent_there_is_no_reminder_and_at_75_there_is() -> None:
    one = clock(rule(20))
    before, then = at("2026-03-23T23:59:59.999999"), at("2026-03-24T00:00")
    assert facts(one, before, SEEN)["elapsed_percent"] == 70
    assert held(facts(one, before, SEEN), before) == []
    assert facts(one, then, SEEN)["elapsed_percent"] == 75
    assert [name for name, _ in held(facts(one, then, SEEN), then)] == ["JC-TS-75"]


def test_a_short_promise_is_warned_of_when_one_working_day_is_left() -> None:
    assert all_cards(clock(rule(3)))[:2] == [
        ("JC-YJ-90", at("2026-03-05T00:00")),
        ("JC-HP-CN", at("2026-03-06T00:00")),
    ]


def test_a_promise_of_one_day_is_warned_of_on_its_day_and_not_at_its_start() -> None:
    assert all_cards(clock(rule(1)))[0] == ("JC-YJ-90", at("2026-03-03T00:00"))


def test_the_days_off_of_a_holiday_do_not_bring_a_card_nearer() -> None:
    events = [ClockEvent(id="0.0", kind="accepted", at=at("2026-02-13T10:00"), article="")]
    own = newest(periods((rule(5),), events))["promised"]
    one = Clock.of(own, CN, ZONE, at("2026-04-01T00:00"))
    # 02-14 is a working Saturday; 02-15 to 02-23 are off; the fifth day is the 27th.
    assert first(one, "2026-02-13T10:00") == {"JC-YJ-90": at("2026-02-27T00:00")}
    assert ("JC-HP-CN", at("2026-02-28T00:00")) in all_cards(one, "2026-02-13T10:00")


def test_the_statutory_period_gets_a_red_card_and_nothing_before() -> None:
    assert all_cards(clock(rule(20, clock="statutory"))) == [
        ("JC-RP-FD", at("2026-03-31T00:00")),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("step", "JC-HP-HJ"), ("notice", "JC-HP-GZ"), ("explain", "JC-HP-SM")],
)
def test_a_step_a_notice_and_an_explanation_get_a_yellow_card_at_their_end(
    name: str, expected: str
) -> None:
    assert all_cards(clock(rule(5, clock=name)))[0] == (expected, at("2026-03-10T00:00"))


def test_a_yellow_card_is_red_on_the_third_working_day_and_not_the_second() -> None:
    one = clock(rule(10))
    yellow = at("2026-03-17T00:00")
    seen = Seen("zjj", "food", issued=frozenset({"JC-HP-CN"}), yellow_since=yellow)
    for day, expected in (("2026-03-20T00:00", 2), ("2026-03-21T00:00", 3)):
        assert facts(one, at(day), seen)["yellow_open_working_days"] == expected
    assert first(one, "2026-03-17T00:00", seen) == {"JC-RP-WJ": at("2026-03-21T00:00")}


def test_a_card_that_was_given_is_not_given_again() -> None:
    seen = Seen("zjj", "food", issued=frozenset({"JC-TS-75"}))
    assert first(clock(rule(20)), seen=seen) == {"JC-YJ-90": at("2026-03-27T00:00")}


# --- pauses --------------------------------------------------------------------------------------


def test_a_paused_clock_gets_no_card_however_late_it_is() -> None:
    one = clock(rule(5), *paused("2026-03-06T09:00"))
    assert first(one, "2026-03-06T09:00") == {}
    for day in ("2026-03-10", "2026-04-30"):
        when = at(f"{day}T00:00")
        assert facts(one, when, SEEN)["is_paused"] is True
        assert held(facts(one, when, SEEN), when) == []


@pytest.mark.parametrize("level", ["elapsed", "overdue", "abuse"])
def test_every_rule_of_the_set_is_silent_while_the_clock_is_paused(level: str) -> None:
    contexts: dict[str, dict[str, JsonValue]] = {
        "elapsed": {"elapsed_percent": 95, "remaining_working_days": 1, "is_overdue": False},
        "overdue": {"is_overdue": True, "yellow_open_working_days": 9, "elapsed_percent": 100},
        "abuse": {"paused_at_left_working_days": 1, "paused_total_percent": 900},
    }
    for name in ("promised", "statutory", "notice", "step", "explain"):
        context = {"clock": name, "limit": 10, **contexts[level]}
        assert held({**context, "is_paused": True}, at(MONDAY)) == []
    grounds = ("off_system", "illegal_fee", "refusal_without_reasons", "other")
    for ground in grounds:
        by_hand: dict[str, JsonValue] = {"clock": "by_hand", "ground": ground, "is_paused": True}
        assert held(by_hand, at(MONDAY)) == []
        assert held(by_hand | {"is_paused": False}, at(MONDAY))


def test_a_pause_moves_the_cards_by_the_days_it_stopped() -> None:
    plain, stopped = (
        clock(rule(20)),
        clock(rule(20), *paused("2026-03-04T09:00", "2026-03-06T09:00")),
    )
    # Wednesday to Friday are touched: three working days do not count.
    assert first(plain)["JC-TS-75"] == at("2026-03-24T00:00")
    assert first(stopped, "2026-03-06T09:00")["JC-TS-75"] == at("2026-03-27T00:00")


def test_a_pause_begun_on_the_last_day_is_told_when_it_ends() -> None:
    # Day 10 is Monday 16 March: paused on its morning, one working day is left.
    one = clock(rule(10), *paused("2026-03-16T09:00", "2026-03-18T09:00"))
    when = at("2026-03-18T09:00")
    assert facts(one, when, SEEN)["paused_at_left_working_days"] == 1
    assert "JC-YJ-TB" in first(one, "2026-03-18T09:00")


def test_a_pause_begun_with_two_days_left_is_none_of_that_kind() -> None:
    one = clock(rule(10), *paused("2026-03-13T09:00", "2026-03-18T09:00"))
    assert facts(one, at("2026-03-18T09:00"), SEEN)["paused_at_left_working_days"] == 2
    assert "JC-YJ-TB" not in {name for name, _ in all_cards(one, "2026-03-18T09:00")}


@pytest.mark.parametrize(
    ("until", "percent", "expected"),
    [("2026-03-09T09:00", 100, False), ("2026-03-10T09:00", 120, True)],
)
def test_pauses_longer_than_the_promise_are_told_and_as_long_are_not(
    until: str, percent: int, expected: bool
) -> None:
    one = clock(rule(5), *paused("2026-03-03T09:00", until))
    when = at(until)
    following = at(until) + timedelta(days=1)
    assert facts(one, following.replace(hour=16), SEEN)["paused_total_percent"] == percent
    given = {name for name, _ in all_cards(one, when.astimezone(ZoneInfo(ZONE)).isoformat()[:16])}
    assert ("JC-YJ-TC" in given) is expected


# --- hours and minutes ---------------------------------------------------------------------------


def test_a_promise_in_minutes_is_looked_at_by_the_hundredth() -> None:
    one = clock(rule(20, "minute"))
    assert all_cards(one)[:3] == [
        ("JC-TS-75", at("2026-03-02T10:15")),
        ("JC-YJ-90", at("2026-03-02T10:18")),
        ("JC-HP-CN", at("2026-03-02T10:20")),
    ]


def test_working_hours_stand_still_at_night() -> None:
    # 4 working hours from 16:30: one until 17:30, three from 9:00.
    one = clock(rule(4, "working_hour"))
    assert first(one, "2026-03-02T10:00") == {"JC-TS-75": at("2026-03-02T14:00")}


def test_amounts_are_told_in_the_limits_own_unit() -> None:
    told = facts(clock(rule(20, "minute")), at("2026-03-02T10:15"), SEEN)
    assert (told["limit"], told["used"], told["left"]) == (20, 15, 5)
    assert "remaining_working_days" not in told


def test_on_the_spot_there_is_no_share_and_a_card_after_the_day() -> None:
    one = clock(rule(0, "on_the_spot"))
    assert "elapsed_percent" not in facts(one, at(MONDAY), SEEN)
    assert all_cards(one)[0] == ("JC-HP-CN", at("2026-03-03T00:00"))


# --- names ---------------------------------------------------------------------------------------


def test_a_number_has_twenty_characters_and_is_the_same_for_a_retry() -> None:
    when = at("2026-03-31T00:00")
    number = card_number("case-1", "JC-HP-CN", "promised", when, ZONE)
    assert len(number) == 20
    assert number.startswith("JC20260331")
    assert number.isascii()
    assert number == card_number("case-1", "JC-HP-CN", "promised", when, ZONE)
    others = {
        card_number("case-2", "JC-HP-CN", "promised", when, ZONE),
        card_number("case-1", "JC-RP-FD", "promised", when, ZONE),
        card_number("case-1", "JC-HP-CN", "step:review-a", when, ZONE),
        card_number("case-1", "JC-HP-CN", "promised", when + timedelta(seconds=1), ZONE),
    }
    assert len({number, *others}) == 5


def test_every_rule_id_of_the_shipped_set_fits_an_20() -> None:
    assert [one.id for one in PACK.definition.rules if len(one.id) > 20] == []


def test_the_key_of_a_step_is_taken_apart_again() -> None:
    key = card_key("step:review-fire", "JC-HP-HJ")
    assert parts_of(key) == ("step:review-fire", "JC-HP-HJ")


def test_the_levels_of_the_shipped_set_are_the_four() -> None:
    assert {str(one.then["level"]) for one in PACK.definition.rules} == set(LEVELS)


def test_instants_are_in_order_and_none_is_before_its_start() -> None:
    one = clock(rule(90, "minute"))
    marks = list(instants(one, at("2026-03-02T10:30"), at("2026-03-04T00:00")))
    assert marks == sorted(marks)
    assert marks[0] == at("2026-03-02T10:30")
    assert Found("r", "a", marks[0]).at == marks[0]
