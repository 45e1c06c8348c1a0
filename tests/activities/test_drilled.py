"""Behind each number stand exactly the rows that it counts, by matter, department and day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import false, true

from cases.counting import Question, counted, steps_by_department
from cases.database import one_moment, reading
from cases.drilled import AT_END, COUNTS, STEPS, Drilled, DrillQuery, NoCount, NoDay, drilled
from cases.metrics import METRICS, Group, grouped
from cases.months import span_of
from cases.tables import case
from cases.tallied import EVERYBODY, opened
from tests.activities.conftest import Town, town_in
from tests.activities.test_metrics import MARCH, NOW, STEP, ZONE, filled
from tests.activities.test_tally import summed

NO_ROWS = {
    "catalogue_promised", "catalogue_statutory", "matters", "spot_matters", "online_matters",
    "received_matters", "statutory_used", "statutory_budget", "promised_used",
}  # fmt: skip
"""Sums of days, and counts of matters: what no list of cases can be behind."""

ASKED = DrillQuery("closed", "2026-03", "2026-03")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return filled(town_in(tmp_path_factory.mktemp("drilled")), 办理环节=(STEP,))


def behind(town: Town, count: str, size: int = 1000, **more: object) -> Drilled:
    query = replace(ASKED, count=count, **more)  # type: ignore[arg-type]
    with reading(town.engine) as connection:
        return drilled(connection, true(), query, NOW, ZONE, size)


def figures(town: Town) -> Group:
    with reading(town.engine) as connection:
        cells = counted(connection, Question(true(), MARCH, NOW))
    (everything,) = grouped(cells, "all", town.matters.matters, MARCH.last)
    return everything


def test_every_count_of_every_metric_has_its_rows_or_is_known_to_have_none() -> None:
    asked = {name for one in METRICS for name in (one.above, one.below) if name}
    assert asked - set(COUNTS) == NO_ROWS


@pytest.mark.parametrize("count", [name for name in COUNTS if name not in STEPS])
def test_the_list_behind_a_number_is_as_long_as_the_number(busy: Town, count: str) -> None:
    found, n = behind(busy, count), figures(busy).figures.get(count, 0)
    assert (found.total, len(found.rows)) == (n, n)
    assert sum(found.by_matter.values()) == sum(found.by_duty.values()) == n
    if count not in AT_END:
        assert sum(one for _, one in found.by_time) == n


def test_the_counts_that_were_compared_are_not_all_nought(busy: Town) -> None:
    told = {name for name in COUNTS if figures(busy).figures.get(name)}
    assert {"closed", "late_ended", "late", "handled", "open", "noticed", "online", "rated",
            "bad", "rectified", "called_back", "served", "early"} <= told  # fmt: skip


@pytest.mark.parametrize("count", STEPS)
def test_the_steps_of_each_department_are_listed(busy: Town, count: str) -> None:
    with reading(busy.engine) as connection:
        by = steps_by_department(connection, Question(true(), MARCH, NOW))
    assert sum(one["steps"] for one in by.values()) > 0
    assert sum(one["steps_open"] for one in by.values()) > 0
    for duty, one in by.items():
        assert behind(busy, count, duty=duty).total == one[count]
    assert behind(busy, count, duty="nobody").total == 0


def test_the_days_of_a_month_sum_to_it_and_each_has_its_own_rows(busy: Town) -> None:
    found = behind(busy, "received")
    assert len(found.by_time) == 31
    for day, n in found.by_time:
        one = behind(busy, "received", day=day)
        assert (one.total, len(one.rows)) == (n, n)
    assert behind(busy, "received", day="2026-03-02").total == found.total


def test_a_day_begins_at_midnight_in_the_city(busy: Town) -> None:
    last = behind(busy, "closed").rows[0].at
    assert last is not None
    local = last + timedelta(hours=8)
    assert behind(busy, "closed", day=local.date().isoformat()).total > 0


def test_several_months_fall_into_months(busy: Town) -> None:
    found = behind(busy, "received", first="2026-01")
    assert [name for name, _ in found.by_time] == ["2026-01", "2026-02", "2026-03"]
    assert [n for _, n in found.by_time] == [0, 0, found.total]


def test_several_months_count_what_was_in_hand_at_the_end_of_the_last(busy: Town) -> None:
    span = span_of("2026-02", "2026-03", ZONE)
    with reading(busy.engine) as connection:
        cells = counted(connection, Question(true(), span, NOW))
    (everything,) = grouped(cells, "all", last=span.last)
    for count in ("late", "handled", "open", "late_open"):
        assert behind(busy, count, first="2026-02").total == everything.figures[count]


def test_a_month_that_has_not_begun_has_nothing_in_hand(busy: Town) -> None:
    assert behind(busy, "open", first="2026-05", last="2026-05").total == 0
    assert behind(busy, "handled", first="2026-05", last="2026-05").total == 0


def test_a_list_is_turned_in_pages_that_do_not_overlap(busy: Town) -> None:
    whole = [row.case_id for row in behind(busy, "received").rows]
    turned = [
        row.case_id
        for page in (1, 2, 3, 4)
        for row in behind(busy, "received", size=3, page=page).rows
    ]
    assert turned == whole


def test_what_the_reader_may_not_list_is_in_no_number_and_in_no_list(busy: Town) -> None:
    with reading(busy.engine) as connection:
        none = drilled(connection, false(), replace(ASKED, count="received"), NOW, ZONE, 10)
        only = behind(busy, "received").rows[0].case_id
        one = drilled(
            connection, case.c.id == only, replace(ASKED, count="received"), NOW, ZONE, 10
        )
    assert (none.total, none.rows, dict(none.by_matter)) == (0, (), {})
    assert [row.case_id for row in one.rows] == [only]


@pytest.mark.parametrize("day", ["2026-04-01", "2026-02-28", "gestern", "9999-12-31", "2026-3-5"])
def test_a_day_outside_the_span_is_refused(busy: Town, day: str) -> None:
    with pytest.raises(NoDay):
        behind(busy, "closed", day=day)


def test_what_holds_at_an_instant_has_no_days(busy: Town) -> None:
    assert behind(busy, "open").by_time == ()
    with pytest.raises(NoDay):
        behind(busy, "open", day="2026-03-02")


@pytest.mark.parametrize("count", ["promised_used", "", "closed; DROP TABLE case_file"])
def test_a_word_that_is_no_count_is_refused(busy: Town, count: str) -> None:
    with pytest.raises(NoCount):
        behind(busy, count)


# --- from sums -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def summed_town(busy: Town) -> Town:
    summed(busy)
    return busy


@pytest.mark.parametrize("count", COUNTS)
def test_from_kept_sums_every_list_is_told_as_from_its_rows(summed_town: Town, count: str) -> None:
    with one_moment(summed_town.engine) as connection:
        kept = opened(connection, EVERYBODY, ZONE)
        assert kept is not None
        falls = count not in AT_END
        asked: tuple[dict[str, Any], ...] = (
            {}, {"first": "2026-01"}, {"first": "2026-02", "last": "2026-04"}, {"matter": "food"},
            {"department": "zjj"}, {"duty": "scjg", "first": "2026-02"}, {"duty": "zjj"},
            *({"first": "2026-02", "day": f"2026-03-{n:02}"} for n in range(2, 14) if falls),
            *({"day": "20260302", "duty": duty} for duty in ("scjg", "zjj") if falls),
        )  # fmt: skip
        for more in asked:
            query = replace(ASKED, count=count, **more)
            rows, sums = (
                drilled(connection, true(), query, NOW, ZONE, 3, one) for one in (None, kept)
            )
            assert sums == rows, query
