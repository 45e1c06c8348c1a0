"""Every metric of the supervisors' table, counted from cases that were really settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import false, true

from cases.counting import Question, counted, shares_by_holder, steps_by_department
from cases.database import reading
from cases.forecast import forecast
from cases.metrics import METRICS, Group, grouped
from cases.months import NoMonth, month_of, months_before, span_of
from cases.oversight import Wanted, counts, watched
from cases.state import CaseState
from cases.tables import case
from catalogue.matters import Matter
from catalogue.working_days import NONE
from tests.activities.conftest import START, Town, food, town_in

CALENDARS = {"none": NONE}
ZONE = "Asia/Shanghai"
MARCH = span_of("2026-03", "2026-03", ZONE)
NOW = datetime(2026, 3, 31, 1, 0, tzinfo=UTC)

Act = tuple[str, float, dict[str, Any], str]
"""Verb, days after the start, body, who."""

ACCEPT: Act = ("accept", 0, {"mode": "plain"}, "u:a")
AGREE: Act = ("opine", 2, {"task": "review-check", "result": "agree", "text": "符合"}, "u:rev")
GRANT: Act = ("decide", 5, {"result": "grant"}, "u:d")
SERVE: Act = ("serve", 7, {"method": "direct", "recipient": "张三丰"}, "u:s")
CLOSE: Act = ("close", 7, {}, "u:s")


def at(act: Act, days: float, **body: Any) -> Act:
    return (act[0], days, act[2] | body, act[3])


def told(
    town: Town, name: str, acts: Sequence[Act], channel: str = "window", filed: float = 0
) -> CaseState:
    """Settle a story; day 0 is Monday, 2 March 2026, at nine."""
    body = dict(town.file(name).body) | {"channel": channel}
    first = town.order("file", body, case=name, at=START + timedelta(days=filed))
    state, settled = town.settle(None, first)
    for verb, days, more, by in acts:
        when = START + timedelta(days=days)
        order = town.order(verb, more, case=name, by=by, at=when, id=f"{name}-{verb}-{days}")
        state, settled = town.settle(state, order)
        (step,) = settled.steps
        assert step.outcome.status == "done", (name, verb, step.outcome.reason, step.outcome.field)
    return state


def offer(town: Town, **changes: Any) -> None:
    """Offer the food licence with these changes."""
    others = tuple(one for one in town.matters.matters if one.code != "food")
    town.matters = replace(town.matters, matters=(food(**changes), *others))


def rated(grade: int, days: float = 8) -> Act:
    return ("rate", days, {"grade": grade}, "u:app")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A town that tests of this module only read."""
    return filled(town_in(tmp_path_factory.mktemp("busy")))


STEP: dict[str, Any] = {
    "环节编码": "check", "环节名称": "审查", "办理部门": "scjg",
    "环节时限": {"时限": 5, "单位": "working_day", "依据": "xkf-42"},
}  # fmt: skip
"""A step with five working days of its own."""


def filled(town: Town, **matter: Any) -> Town:
    """Eight cases: early, late, noticed, open and late, withdrawn, rated well and badly."""
    offer(town, 特别程序=("testing",), 承诺时限停表=("testing",), **matter)
    lacking = {"lacking": [{"code": "m1", "what": "没有签字"}], "supply_within_days": 10}
    full = [ACCEPT, AGREE, GRANT, SERVE, CLOSE]
    told(town, "good", [*full, rated(1)])
    told(town, "bad", [*full, rated(5), ("rectify", 9, {"cause": "慢", "measures": "快"}, "u:h"),
                       ("call_back", 10, {"satisfied": True}, "u:h")])  # fmt: skip
    told(town, "late", [ACCEPT, AGREE, at(GRANT, 12)])
    told(town, "online", [ACCEPT, AGREE, at(GRANT, 10)], channel="computer")
    told(
        town,
        "noticed",
        [("ask_supplement", 1, lacking, "u:w"),
         ("supply", 3, {"materials": [{"code": "m1", "originals": 1}]}, "u:w"), at(ACCEPT, 4)],
    )  # fmt: skip
    told(town, "open", [ACCEPT])
    told(town, "withdrawn", [ACCEPT, ("withdraw", 3, {}, "u:w")])
    testing = {"kind": "testing", "ground": "检测", "expected_days": 20}
    told(town, "tested", [ACCEPT, ("start_procedure", 1, testing, "u:a")])
    return town


def measured(town: Town, **more: Any) -> Group:
    question = Question(true(), MARCH, NOW, **more)
    with reading(town.engine) as connection:
        cells = counted(connection, question)
    (everything,) = grouped(cells, "all", town.matters.matters, MARCH.last)
    return everything


def test_timeliness_is_counted_from_decided_cases_only(busy: Town) -> None:
    found = measured(busy)
    assert found.figures["closed"] == 4
    assert found.value("YC-ZB-01") == Fraction(3, 4)
    assert found.value("YC-ZB-02") == 1
    assert found.value("YC-ZB-03") == Fraction(2, 4), "used up to the last day is not early"


def test_time_taken_and_saved(busy: Town) -> None:
    found = measured(busy)
    assert found.value("YC-ZB-17") == Fraction(5 + 5 + 12 + 10, 4)
    assert found.value("YC-ZB-05") == 1 - Fraction(5 + 5 + 12 + 10, 80)
    assert found.value("YC-ZB-04") == 1 - Fraction(10, 20)


def test_channels_and_visits(busy: Town) -> None:
    found = measured(busy)
    assert found.value("YC-ZB-09") == Fraction(1, 8)
    assert found.value("YC-ZB-08") == 1, "the one matter there is was filed online too"
    assert found.value("YC-ZB-10") == 0
    assert found.value("YC-ZB-11") == 0, "filed and fetched at the window: twice"


def test_notices(busy: Town) -> None:
    found = measured(busy)
    assert found.value("YC-ZB-12") == Fraction(1, 8)
    assert found.value("YC-ZB-13") == 0


def test_lateness_counts_what_was_decided_late_and_what_is_late_now(busy: Town) -> None:
    found = measured(busy)
    assert (found.figures["late_ended"], found.figures["late_open"]) == (1, 2)
    assert (found.figures["closed"], found.figures["open"]) == (4, 3)
    assert found.value("YC-ZB-14") == Fraction(3, 7), "the one that a test stops is not late"


def test_procedures_have_their_share_of_what_was_decided(town: Town) -> None:
    offer(town, 特别程序=("testing",))
    testing = {"kind": "testing", "ground": "检测", "expected_days": 5}
    ended = {"procedure": "testing-1", "result": "已检测"}
    told(
        town,
        "tested",
        [ACCEPT, AGREE, ("start_procedure", 3, testing, "u:a"), ("end_procedure", 4, ended, "u:a"),
         at(GRANT, 6)],
    )  # fmt: skip
    told(town, "plain", [ACCEPT, AGREE, GRANT])
    assert measured(town).value("YC-ZB-18") == Fraction(1, 2)


def test_ratings_and_what_became_of_bad_ones(busy: Town) -> None:
    found = measured(busy)
    assert found.figures["rating_ended"] == 2
    assert found.value("YC-ZB-20") == Fraction(1, 2)
    assert found.value("YC-ZB-21") == Fraction(1, 2)
    assert [found.value(f"YC-ZB-2{n}") for n in (2, 3, 4)] == [1, 1, 1]


def test_nothing_counted_is_no_metric_and_no_error(town: Town) -> None:
    found = measured(town)
    assert found.value("YC-ZB-01") is None
    assert found.value("YC-ZB-06") == 0, "the catalogue is there without any case"


def test_who_may_see_nothing_counts_nothing(busy: Town) -> None:
    with reading(busy.engine) as connection:
        assert counted(connection, Question(false(), MARCH, NOW)) == {}


def test_a_matter_or_department_that_is_chosen_counts_alone(busy: Town) -> None:
    assert measured(busy, matter="food").figures["received"] == 8
    assert measured(busy, matter="other").figures.get("received") is None
    assert measured(busy, department="zjj").figures.get("received") is None


def test_a_case_belongs_to_the_month_of_the_citys_zone(town: Town) -> None:
    """Decided at 23:59 on the last of March in Beijing, and a minute later."""
    for name, minutes in (("march", -1), ("april", 0)):
        days = (datetime(2026, 3, 31, 16, 0, tzinfo=UTC) - START) / timedelta(days=1)
        told(town, name, [ACCEPT, AGREE, at(GRANT, days + minutes / 1440)])
    question = Question(true(), span_of("2026-03", "2026-04", ZONE), NOW + timedelta(days=30))
    with reading(town.engine) as connection:
        months = grouped(counted(connection, question), "month")
    assert [(one.key, one.figures["closed"]) for one in months if one.figures.get("closed")] == [
        ("2026-03", 1),
        ("2026-04", 1),
    ]


def test_what_is_in_hand_at_the_end_of_each_month_is_not_added_up(busy: Town) -> None:
    span = span_of("2026-03", "2026-05", ZONE)
    later = NOW + timedelta(days=61)
    with reading(busy.engine) as connection:
        cells = counted(connection, Question(true(), span, later))
    by_month = {one.key: one.figures.get("open", 0) for one in grouped(cells, "month")}
    (whole,) = grouped(cells, "all", last=span.last)
    assert by_month == {"2026-03": 3, "2026-04": 3, "2026-05": 3}
    assert whole.figures["open"] == 3


def test_shares_of_the_departments_sum_to_the_days_that_decided_cases_took(busy: Town) -> None:
    with reading(busy.engine) as connection:
        found = shares_by_holder(connection, Question(true(), MARCH, NOW))
    assert found == {("department", "scjg", False): pytest.approx(5 + 5 + 12 + 10)}


# --- lists ---------------------------------------------------------------------------------------


def wanted(**more: Any) -> Wanted:
    return Wanted(true(), NOW, **more)


def test_each_state_of_watch_counts_cases_once(busy: Town) -> None:
    with reading(busy.engine) as connection:
        found = counts(connection, wanted(clock="promised"))
    assert (found.total, found.overdue, found.standing, found.provisional) == (3, 2, 1, 0)


def test_the_list_of_what_is_late_says_whose_share_it_is(busy: Town) -> None:
    with reading(busy.engine) as connection:
        rows, n = watched(
            connection, wanted(watch="overdue", clock="promised"), CALENDARS, limit=10
        )
    assert n == 2
    first = rows[0]
    assert first.days_left == -19
    assert [(one.kind, one.name, one.amount) for one in first.shares] == [
        ("department", "scjg", Fraction(29))
    ]


@pytest.mark.parametrize(
    ("days", "state"),
    [(9.624, "none"), (9.625, "warning"), (10.624, "warning"), (10.625, "overdue")],
)
def test_a_promise_of_ten_days_warns_with_one_day_left(town: Town, days: float, state: str) -> None:
    """Ten days from Monday the 2nd end on Thursday the 12th at 24:00 in Beijing: day 10.625."""
    told(town, "one", [ACCEPT])
    when = START + timedelta(days=days)
    with reading(town.engine) as connection:
        found = counts(connection, Wanted(true(), when, clock="promised"))
    assert (found.warning, found.overdue) == {
        "none": (0, 0), "warning": (1, 0), "overdue": (0, 1)
    }[state]  # fmt: skip


def test_a_list_is_cut_to_what_policy_lets_one_see(busy: Town) -> None:
    nobody = Wanted(case.c.department == "zjj", NOW)
    with reading(busy.engine) as connection:
        assert watched(connection, nobody, CALENDARS, limit=10) == ((), 0)


# --- forecast ------------------------------------------------------------------------------------


@pytest.fixture
def slow(town: Town) -> Town:
    """A department with five working days for a step, which takes it six at the median."""
    offer(town, 办理环节=(STEP,))
    for n, days in enumerate((2, 4, 6, 7, 9)):
        told(town, f"past{n}", [ACCEPT, at(AGREE, days)])
    return town


def foreseen(town: Town, days: float) -> Any:
    now = START + timedelta(days=days)
    with reading(town.engine) as connection:
        return forecast(connection, Wanted(true(), now), CALENDARS, limit=10)


def test_a_step_that_its_departments_median_would_overrun_is_foreseen(slow: Town) -> None:
    told(slow, "running", [at(ACCEPT, 10)], filed=10)
    (one,) = foreseen(slow, 11)
    assert (one.median, one.known, one.used, one.left, one.expected) == (6, 5, 1, 4, 5)
    assert one.breaks == "step"


def test_a_step_that_is_late_already_is_not_foreseen_but_listed_as_late(slow: Town) -> None:
    told(slow, "running", [at(ACCEPT, 10)], filed=10)
    assert foreseen(slow, 16) == ()


def test_nothing_is_foreseen_from_four_steps(slow: Town) -> None:
    from cases.tables import clock

    with slow.engine.begin() as connection:
        connection.execute(clock.delete().where(clock.c.clock == "step", clock.c.used == 9))
    told(slow, "running", [at(ACCEPT, 10)], filed=10)
    assert foreseen(slow, 11) == ()


def test_steps_are_counted_by_the_department_that_did_them(slow: Town) -> None:
    told(slow, "running", [at(ACCEPT, 10)], filed=10)
    with reading(slow.engine) as connection:
        found = steps_by_department(connection, Question(true(), MARCH, START + timedelta(days=16)))
    assert found == {
        "scjg": {"steps": 5, "steps_on_time": 2, "steps_in_days": 5, "steps_used": 28,
                 "steps_open": 1, "steps_late": 1}
    }  # fmt: skip


# --- the table of metrics ------------------------------------------------------------------------


def test_every_metric_has_an_id_a_formula_and_a_source() -> None:
    assert len({one.id for one in METRICS}) == len(METRICS) >= 22
    for one in METRICS:
        assert one.formula and one.source and one.basis, one.id
        assert one.below or one.shown == "count"


def test_the_catalogues_compression_leaves_out_what_cannot_be_added() -> None:
    days = {"时限": 56, "单位": "day", "依据": "xkf-42"}
    by_days: Matter = food(标识="by-days", 法定办结时限=days, 承诺办结时限=days)
    (found,) = grouped({}, "all", (food(), by_days))
    assert (found.figures["matters"], found.figures["catalogue_statutory"]) == (2, 20)


def test_months_are_told_by_name_and_refused_where_they_are_none() -> None:
    assert months_before("2026-02", 3) == "2025-11"
    assert month_of(datetime(2026, 10, 31, 16, 0, tzinfo=UTC), ZONE) == "2026-11"
    assert span_of("2026-11", "2026-11", ZONE).since == datetime(2026, 10, 31, 16, tzinfo=UTC)
    for first, last in (("2026-13", "2026-13"), ("2026-11", "2026-10"), ("2020-01", "2026-11")):
        with pytest.raises(NoMonth):
            span_of(first, last, ZONE)
