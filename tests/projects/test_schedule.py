"""The schedule of a project: spans, the critical path, and from which day on it is how late."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.projects.schedule import Slippage, critical, in_order, laid_out, slipped, turns
from cases.settling import RuleForbids

START = date(2026, 1, 1)


@dataclass(frozen=True)
class Stone:
    """A milestone as the schedule asks for it."""

    id: str
    days: int
    after: tuple[str, ...] = ()


@st.composite
def plans(draw: st.DrawFn) -> list[Stone]:
    """Up to twelve milestones, each behind some of those before it."""
    found: list[Stone] = []
    for n in range(draw(st.integers(1, 12))):
        before = [one.id for one in found]
        after = draw(st.lists(st.sampled_from(before), unique=True, max_size=3)) if before else []
        found.append(Stone(f"m{n}", draw(st.integers(1, 40)), tuple(after)))
    return draw(st.permutations(found))


@given(plans())
def test_each_begins_when_the_last_it_waits_for_is_reached_and_takes_its_days(
    stones: list[Stone],
) -> None:
    spans = laid_out(stones, START, {})
    for one in stones:
        ready = max((spans[key].plan_on for key in one.after), default=START)
        assert spans[one.id].begins_on == ready
        assert spans[one.id].plan_on == ready + timedelta(days=one.days)


@given(plans())
def test_critical_is_what_makes_the_whole_later_when_it_takes_a_day_more(
    stones: list[Stone],
) -> None:
    spans = laid_out(stones, START, {})
    last = max(span.plan_on for span in spans.values())
    moving = set()
    for place, one in enumerate(stones):
        slower = [*stones]
        slower[place] = replace(one, days=one.days + 1)
        if max(span.plan_on for span in laid_out(slower, START, {}).values()) > last:
            moving.add(one.id)
    assert critical(stones, spans) == moving


def test_a_circle_is_refused_and_names_the_way_round() -> None:
    stones = [Stone("a", 1, ("c",)), Stone("b", 1, ("a",)), Stone("c", 1, ("b",))]
    with pytest.raises(RuleForbids) as no:
        in_order(stones)
    assert no.value.code == "circle" and no.value.basis == "YCJX-10"
    assert all(name in no.value.reason for name in "abc")


def test_what_is_waited_for_must_be_there() -> None:
    with pytest.raises(RuleForbids) as no:
        in_order([Stone("a", 1, ("nowhere",))])
    assert no.value.code == "unknown_milestone"


def test_what_belongs_to_the_end_of_the_term_is_counted_backwards_from_its_last_day() -> None:
    stones = [Stone("open", 30), Stone("prepare", 365, ("open",)), Stone("test", 90, ("prepare",)),
              Stone("deliver", 60, ("test",))]  # fmt: skip
    end = date(2066, 1, 1)
    spans = laid_out(stones, START, {}, end, frozenset({"prepare", "test", "deliver"}))
    assert spans["deliver"].plan_on == end
    assert spans["test"].plan_on == end - timedelta(days=60)
    assert spans["prepare"].plan_on == end - timedelta(days=150)
    assert spans["open"].plan_on == START + timedelta(days=30)


def test_a_day_that_a_person_planned_moves_what_follows() -> None:
    stones = [Stone("a", 10), Stone("b", 5, ("a",))]
    spans = laid_out(stones, START, {"a": date(2026, 3, 1)})
    assert spans["b"].plan_on == date(2026, 3, 6)


PLAN = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("late", "is_critical", "expected"),
    [
        (-1, False, "none"), (0, False, "none"), (0, True, "none"), (1, False, "green"),
        (10, False, "green"), (11, False, "yellow"), (20, False, "yellow"), (21, False, "red"),
        (1, True, "red"),
    ],
)  # fmt: skip
def test_a_tenth_of_its_length_is_green_a_fifth_yellow_more_is_red(
    late: int, is_critical: bool, expected: Slippage
) -> None:
    assert slipped(PLAN, 100, PLAN + timedelta(days=late), is_critical) == expected


@given(st.integers(1, 400), st.booleans())
def test_the_class_changes_on_just_those_days_that_are_waited_for(
    days: int, is_critical: bool
) -> None:
    classes = [slipped(PLAN, days, PLAN + timedelta(days=n), is_critical) for n in range(days + 2)]
    changes = [PLAN + timedelta(days=n) for n in range(1, days + 2) if classes[n] != classes[n - 1]]
    waited = turns(PLAN, days, is_critical)
    assert waited[0] == changes[0] and set(changes) <= set(waited)
