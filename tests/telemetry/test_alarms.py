"""The alarm machine alone: hold, hysteresis, gaps, precedence, rules that lapse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from rules.alarms import Guard, Said, State, Step, advance, history, together

YELLOW = Guard("y", "yellow", 1)
RED = Guard("r", "red", 2)


def told(said: Mapping[int, Mapping[str, Said]], *guards: Guard) -> list[tuple[str, int, str]]:
    """Return (kind, hour, rule) of a story: hour → what each rule said."""
    steps = (Step(hour, guards, words) for hour, words in sorted(said.items()))
    return [(turn.kind, turn.at, turn.rule) for turn in history(steps)]


def held(*hours: int, rule: str = "y", upto: int = 12) -> dict[int, dict[str, Said]]:
    return {hour: {rule: "held"} if hour in hours else {} for hour in range(upto)}


def test_without_a_hold_it_is_raised_in_the_first_hour_and_cleared_in_the_first_clear_one() -> None:
    assert told(held(3, 4), YELLOW) == [("raised", 3, "y"), ("cleared", 5, "y")]


@pytest.mark.parametrize(("hours", "raised"), [((3, 4), []), ((3, 4, 5), [("raised", 5, "y")])])
def test_a_hold_of_three_hours_wants_three_hours_running(
    hours: tuple[int, ...], raised: list[tuple[str, int, str]]
) -> None:
    assert told(held(*hours), Guard("y", "yellow", 1, hold=3))[:1] == raised


def test_an_hour_without_data_breaks_a_hold() -> None:
    story = held(3, 4, 6, 7)
    del story[5]
    assert told(story, Guard("y", "yellow", 1, hold=3)) == []


def test_missing_data_does_not_clear_an_alarm() -> None:
    story = held(3, upto=4)
    assert told(story | {9: {"y": "unknown"}}, YELLOW) == [("raised", 3, "y")]


def test_between_raising_and_clearing_it_stays() -> None:
    story = held(3) | {4: {"y": "neither"}, 5: {"y": "neither"}}
    assert told(story, YELLOW) == [("raised", 3, "y"), ("cleared", 6, "y")]


@pytest.mark.parametrize("broken", ["held", "neither", "unknown"])
def test_a_clear_hold_wants_its_hours_running(broken: Said) -> None:
    story = held(3) | {6: {"y": broken}}
    guard = Guard("y", "yellow", 1, clear_hold=3)
    assert told(story, guard) == [("raised", 3, "y"), ("cleared", 9, "y")]


def test_of_a_group_only_the_highest_level_stands_and_the_alarm_is_one() -> None:
    story: dict[int, dict[str, Said]] = {
        1: {"y": "held"}, 2: {"y": "held", "r": "held"}, 3: {"y": "held"}, 4: {},
    }  # fmt: skip
    assert told(story, YELLOW, RED) == [
        ("raised", 1, "y"), ("updated", 2, "r"), ("updated", 3, "y"), ("cleared", 4, "y"),
    ]  # fmt: skip


def test_of_one_level_the_rule_that_comes_first_stands() -> None:
    first, second = Guard("b", "red", 1), Guard("a", "red", 2)
    story: dict[int, dict[str, Said]] = {1: {"a": "held", "b": "held"}}
    assert told(story, second, first) == [("raised", 1, "b")]


def test_a_rule_that_lapses_lets_go_and_its_successor_takes_over() -> None:
    story = [
        Step(1, (YELLOW,), {"y": "held"}),
        Step(2, (Guard("new", "yellow", 1),), {"new": "held"}),
        Step(3, (), {}),
    ]
    assert [(t.kind, t.rule) for t in history(story)] == [
        ("raised", "y"), ("updated", "new"), ("cleared", "new"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ([{"y": "held"}, {}], "held"),
        ([{"y": "unknown"}, {}], "unknown"),
        ([{"y": "neither"}, {"y": "unknown"}], "unknown"),
        ([{}, {}], None),
    ],
)
def test_of_several_series_one_holds_and_all_clear(
    words: Sequence[Mapping[str, Said]], whole: Said | None
) -> None:
    assert together(words, ["y"]).get("y") == whole


def test_a_state_comes_back_from_its_text() -> None:
    state, previous = State(), None
    guard = Guard("y", "yellow", 1, hold=2, clear_hold=2)
    for hour, words in sorted(held(1, 2, 5, 6).items()):
        state, _ = advance(state, previous, Step(hour, (guard,), words))
        previous = hour
        assert State.of(state.text()) == state
