"""Who used a clock: shares that sum exactly, whoever held the case and however often it changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.clocks.attribution import APPLICANT, Attribution, Holder, attribute, holdings
from cases.clocks.ledger import ledger
from cases.clocks.model import Ledger
from cases.clocks.periods import newest, periods
from cases.state import ClockEvent
from catalogue.clock_rules import ClockRule
from catalogue.load import load_catalogue

CN = load_catalogue().calendars["cn"]
ZONE = "Asia/Shanghai"
MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""Monday, 2 March 2026, 9:00 in Beijing: a week without holidays lies before and after."""
OFFICE = Fraction(15, 2)
"""Hours of a working day: 9–12 and 13–17:30."""

WINDOW, LEAD = Holder("department", "ck"), Holder("department", "zjj")


def rule(
    clock: str = "statutory", unit: str = "working_day", n: int = 20, **more: object
) -> ClockRule:
    return ClockRule.model_validate(
        {
            "id": "XKF-42-1",
            "clock": clock,
            "title": {"zh": clock, "en": clock},
            "starts": [{"event": "accepted"}],
            "ends": [{"event": "decided"}],
            "limit": {"n": n, "unit": unit, "basis": "XKF-42-1"},
            "pauses": ["hearing", "testing"],
        }
        | more
    )


@dataclass
class Story:
    """The events of a case, told by hours after Monday at nine."""

    events: list[ClockEvent]

    def then(self, hours: float, kind: str, **detail: object) -> Story:
        at = MONDAY + timedelta(hours=hours)
        event = {
            "id": f"1.{len(self.events)}",
            "kind": kind,
            "at": at,
            "article": "",
            "detail": detail,
        }
        return Story([*self.events, ClockEvent.model_validate(event)])


def accepted() -> Story:
    return Story([]).then(0, "accepted")


def divided(
    story: Story, until: datetime, of: ClockRule | None = None, key: str = "statutory"
) -> tuple[Ledger, Attribution]:
    period = newest(periods([of or rule()], story.events))[key]
    made = ledger(period, CN, ZONE, until)
    held = holdings(story.events, "ck", "zjj")
    return made, attribute(made, held, CN.hours, ZONE, until)


def day(n: int) -> datetime:
    return MONDAY + timedelta(days=n, hours=9)


def dept(code: str) -> Holder:
    return Holder("department", code)


def test_departments_that_review_together_share_a_day_equally() -> None:
    story = accepted()
    for code in ("xf", "rf", "zrzy"):
        story = story.then(0, "step_opened", task=f"review-{code}", department=code)
    _, found = divided(story, day(3))
    assert found.used == {dept(code): Fraction(1) for code in ("xf", "rf", "zrzy")}


def test_a_department_that_finished_at_noon_owes_its_hours_of_the_day() -> None:
    story = accepted().then(0, "step_opened", task="a", department="xf")
    story = story.then(0, "step_opened", task="b", department="rf")
    story = story.then(24 + 3, "step_done", task="a")  # Tuesday, 12:00
    _, found = divided(story, day(1))
    morning, afternoon = Fraction(3) / OFFICE, Fraction(9, 2) / OFFICE
    assert found.used == {dept("rf"): morning / 2 + afternoon, dept("xf"): morning / 2}


def test_a_department_with_two_tasks_counts_once() -> None:
    story = accepted().then(0, "step_opened", task="a", department="xf")
    story = story.then(0, "step_opened", task="b", department="xf")
    story = story.then(0, "step_opened", task="c", department="rf")
    _, found = divided(story, day(2))
    assert found.used == {dept("rf"): 1, dept("xf"): 1}


def test_before_a_review_the_implementing_department_holds_the_case() -> None:
    _, found = divided(accepted(), day(2))
    assert found.used == {WINDOW: 2}


def test_after_the_reviews_the_lead_holds_it_until_it_has_gathered() -> None:
    story = accepted().then(0, "step_opened", task="a", department="xf")
    story = story.then(24, "step_done", task="a").then(48, "gathered")
    _, found = divided(story, day(3))
    assert found.used == {LEAD: 1, WINDOW: 2}


def test_waiting_for_supplements_is_the_applicants_time() -> None:
    story = accepted().then(0, "step_opened", task="a", department="xf")
    story = story.then(24, "noticed").then(48, "supplied", complete=True)
    _, found = divided(story, day(3))
    assert found.used == {APPLICANT: 1, dept("xf"): 2}


def test_a_part_of_what_was_asked_for_leaves_the_case_with_the_applicant() -> None:
    story = accepted().then(24, "noticed").then(48, "supplied", complete=False)
    _, found = divided(story, day(3))
    assert found.used == {APPLICANT: 3}


def test_a_procedure_that_stops_the_clock_has_the_paused_days() -> None:
    story = accepted().then(0, "step_opened", task="a", department="xf")
    story = story.then(24, "paused", procedure={"id": "hearing-1", "kind": "hearing"})
    story = story.then(72, "resumed", procedure="hearing-1")
    made, found = divided(story, day(4))
    assert found.paused == {Holder("procedure", "hearing"): 3}
    assert found.used == {dept("xf"): 1}
    assert (made.used, made.paused) == (1, 3)


def test_a_procedure_that_does_not_stop_the_clock_has_its_counted_days() -> None:
    story = accepted().then(0, "step_opened", task="a", department="xf")
    story = story.then(24, "paused", ground="site_visit", name="visit-1")
    story = story.then(48, "resumed", ground="site_visit", name="visit-1")
    _, found = divided(story, day(2))
    assert found.used == {Holder("procedure", "site_visit"): 1, dept("xf"): 1}


def test_days_of_a_pause_that_supervision_disallows_are_the_departments() -> None:
    story = accepted().then(0, "step_opened", task="a", department="xf")
    story = story.then(24, "paused", procedure={"id": "hearing-1", "kind": "hearing"})
    story = story.then(72, "resumed", procedure="hearing-1")
    unlawful = story.then(80, "pause_disallowed", name="hearing-1")
    made, found = divided(unlawful, day(4))
    assert made.paused == 0
    assert found.used == {dept("xf"): 4}
    restored = unlawful.then(81, "pause_restored", name="hearing-1")
    assert divided(restored, day(4))[1].paused == {Holder("procedure", "hearing"): 3}


def test_overdue_days_are_put_down_to_those_who_hold_the_case_then() -> None:
    story = accepted().then(0, "step_opened", task="a", department="xf")
    made, found = divided(story, day(7), rule(n=3))
    assert made.left == -2
    assert found.used == {dept("xf"): 5}
    assert found.over == {dept("xf"): 2}


def test_the_day_of_the_decision_counts_up_to_the_decision_only() -> None:
    story = accepted().then(0, "step_opened", task="a", department="xf")
    story = story.then(24 + 1.5, "step_done", task="a").then(24 + 3, "decided")
    made, found = divided(story, day(30))
    assert made.used == 1
    assert found.used == {dept("xf"): Fraction(1, 2), LEAD: Fraction(1, 2)}


def test_a_steps_own_clock_is_its_departments_alone() -> None:
    own = rule("step", n=5, starts=[{"event": "step_opened"}], ends=[{"event": "step_done"}],
               key_by="task")  # fmt: skip
    story = accepted().then(0, "step_opened", task="a", department="xf")
    story = story.then(0, "step_opened", task="b", department="rf")
    _, found = divided(story, day(2), own, "step:a")
    assert found.used == {dept("xf"): 2}


def test_a_weekend_of_a_period_in_days_is_divided_by_its_hours() -> None:
    story = accepted().then(0, "step_opened", task="a", department="xf")
    story = story.then(24 * 5 - 9 + 12, "step_done", task="a")  # Saturday at noon
    made, found = divided(story, day(6), rule(unit="day"))
    assert made.used == 6
    assert found.used == {dept("xf"): 4 + Fraction(1, 2), LEAD: 1 + Fraction(1, 2)}


@pytest.mark.parametrize("unit", ["hour", "working_hour", "minute"])
def test_periods_in_hours_are_divided_to_the_microsecond(unit: str) -> None:
    story = accepted().then(0, "step_opened", task="a", department="xf")
    story = story.then(1, "step_opened", task="b", department="rf").then(2, "step_done", task="a")
    made, found = divided(story, MONDAY + timedelta(hours=3), rule(unit=unit, n=8))
    hour = 3_600_000_000
    assert made.used == 3 * hour
    assert found.used == {dept("xf"): Fraction(3 * hour, 2), dept("rf"): Fraction(3 * hour, 2)}


# --- properties ----------------------------------------------------------------------------------

DEPARTMENTS = ("xf", "rf", "zrzy", "ww")
KINDS = ("step_opened", "step_done", "noticed", "supplied", "paused", "resumed", "gathered",
         "returned", "extended", "decided", "pause_disallowed", "pause_restored")  # fmt: skip
_minutes = st.integers(0, 60 * 24 * 40)


@st.composite
def histories(draw: st.DrawFn) -> list[ClockEvent]:
    """Any order of events, sensible or not, at minutes of forty days."""
    story = accepted()
    times = sorted(draw(st.lists(_minutes, max_size=25)))
    for minute in times:
        kind = draw(st.sampled_from(KINDS))
        detail: dict[str, object] = {}
        if kind in ("step_opened", "step_done"):
            code = draw(st.sampled_from(DEPARTMENTS))
            detail = {"task": f"review-{code}{draw(st.integers(0, 1))}", "department": code}
        elif kind == "supplied":
            detail = {"complete": draw(st.booleans())}
        elif kind in ("paused", "resumed", "pause_disallowed", "pause_restored"):
            ground = draw(st.sampled_from(["hearing", "testing", "site_visit"]))
            detail = {"ground": ground, "name": f"{ground}-{draw(st.integers(1, 2))}"}
        story = story.then(minute / 60, kind, **detail)
    return story.events


RULES = [
    rule(extension={"n": 10, "unit": "working_day", "rank": "organ_head", "basis": "XKF-42-1"}),
    rule("promised", n=3, pauses=["site_visit", "supplement", "hearing"]),
    rule("calendar", unit="day", n=9),
    rule("hours", unit="working_hour", n=30, pauses=["supplement", "site_visit", "testing"]),
    rule("minutes", unit="minute", n=9000),
    rule(
        "step", n=4, starts=[{"event": "step_opened"}], ends=[{"event": "step_done"}], key_by="task"
    ),
    rule("reply", n=4, side="applicant"),
]


def every(events: list[ClockEvent], until: datetime) -> list[tuple[Ledger, Attribution]]:
    held = holdings(events, "ck", "zjj")
    return [
        (made, attribute(made, held, CN.hours, ZONE, until))
        for made in (ledger(p, CN, ZONE, until) for p in periods(RULES, events))
    ]


@settings(max_examples=300, deadline=None)
@given(histories(), _minutes)
def test_shares_sum_exactly_to_the_ledger_and_none_is_negative(
    events: list[ClockEvent], minute: int
) -> None:
    for made, found in every(events, MONDAY + timedelta(minutes=minute)):
        assert sum(found.used.values()) == made.used
        assert sum(found.paused.values()) == made.paused
        over = sum(1 for d in found.days if d.row.state == "over") if made.scale == "day" else None
        assert over is None or sum(found.over.values()) == over
        for part in (found.used, found.over, found.paused):
            assert all(share > 0 for share in part.values())
        for one in found.days:
            assert made.scale != "day" or sum(one.shares.values()) == 1


Task = tuple[str, int, int]
"""Department, first and last minute of a review task."""


@st.composite
def reviews(draw: st.DrawFn) -> tuple[list[Task], list[Task]]:
    """Review tasks, and the same with one of them split in two at an instant."""
    one = st.tuples(st.sampled_from(DEPARTMENTS), st.integers(0, 9000), st.integers(2, 9000))
    tasks = [
        (who, since, since + n) for who, since, n in draw(st.lists(one, min_size=1, max_size=6))
    ]
    chosen = draw(st.integers(0, len(tasks) - 1))
    who, since, until = tasks[chosen]
    at = draw(st.integers(since + 1, until - 1))
    return tasks, [*tasks[:chosen], (who, since, at), (who, at, until), *tasks[chosen + 1 :]]


def told(tasks: list[Task]) -> list[ClockEvent]:
    """The story of these tasks; where two meet, the first ends before the second begins."""
    marks = [(until, 0, n, who) for n, (who, _, until) in enumerate(tasks)]
    marks += [(since, 1, n, who) for n, (who, since, _) in enumerate(tasks)]
    story = accepted()
    for minute, opens, n, who in sorted(marks):
        kind = "step_opened" if opens else "step_done"
        story = story.then(minute / 60, kind, task=str(n), department=who)
    return story.events


@settings(max_examples=200, deadline=None)
@given(reviews(), _minutes)
def test_splitting_a_departments_task_at_an_instant_changes_nothing(
    both: tuple[list[Task], list[Task]], minute: int
) -> None:
    until = MONDAY + timedelta(minutes=minute)
    whole, split = (every(told(tasks), until) for tasks in both)
    for (made, one), (_, other) in zip(whole, split, strict=False):
        if made.period.rule.clock != "step":
            assert (one.used, one.paused, one.over) == (other.used, other.paused, other.over)


@settings(max_examples=150, deadline=None)
@given(histories(), _minutes, st.permutations(DEPARTMENTS))
def test_departments_that_change_places_change_shares(
    events: list[ClockEvent], minute: int, order: list[str]
) -> None:
    renamed = dict(zip(DEPARTMENTS, order, strict=True))

    def turned(event: ClockEvent) -> ClockEvent:
        code = str(event.detail.get("department", ""))
        if code not in renamed:
            return event
        return event.model_copy(update={"detail": event.detail | {"department": renamed[code]}})

    until = MONDAY + timedelta(minutes=minute)
    before, after = every(events, until), every([turned(e) for e in events], until)
    for (_, one), (_, other) in zip(before, after, strict=True):
        assert other.used == {
            Holder(who.kind, renamed.get(who.name, who.name)): share
            for who, share in one.used.items()
        }


def test_the_office_day_of_the_calendar_is_that_of_the_test() -> None:
    spans = [datetime.combine(date.min, b) - datetime.combine(date.min, a) for a, b in CN.hours]
    assert sum(spans, timedelta()) == timedelta(hours=float(OFFICE))
    assert all(a[1] <= b[0] for a, b in pairwise(CN.hours))
