"""The rows that boards count: written with each step, equal to the ledgers, mended where not."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import select, update

from cases import census, clock_check, retiming
from cases.database import reading
from cases.state import CaseState
from cases.tables import clock, clock_share
from cases.tables import state as state_table
from catalogue.working_days import NONE
from tests.activities.conftest import START, Town

CALENDARS = {"none": NONE}


def days(n: float) -> Any:
    return START + timedelta(days=n)


def decided(town: Town, case: str = "c1") -> CaseState:
    """A food licence: noticed on the day, supplied, reviewed and decided within the promise."""
    state = town.filed(case)
    lacking = {"lacking": [{"code": "m1", "what": "申请书没有签字"}], "supply_within_days": 10}
    state, _ = town.settle(state, town.order("ask_supplement", lacking, case=case, at=days(1)))
    supplied = {"materials": [{"code": "m1", "originals": 1}]}
    state, _ = town.settle(state, town.order("supply", supplied, case=case, at=days(3)))
    state, _ = town.settle(
        state, town.order("accept", {"mode": "plain"}, case=case, by="u:a", at=days(4))
    )
    opinion = {"task": "review-check", "result": "agree", "text": "符合条件"}
    state, _ = town.settle(state, town.order("opine", opinion, case=case, by="u:rev", at=days(6)))
    decide = {"result": "grant"}
    state, _ = town.settle(state, town.order("decide", decide, case=case, by="u:d", at=days(9)))
    return state


def rows(town: Town, table: Any, case_id: str) -> dict[str, Any]:
    with reading(town.engine) as connection:
        found = connection.execute(select(table).where(table.c.case_id == case_id))
        return {row.key: row for row in found}


def test_each_clock_of_a_case_has_its_row(town: Town) -> None:
    state = decided(town)
    found = rows(town, clock, state.case_id)
    assert set(found) == {"notice", "supplement", "statutory", "promised", "delivery"}
    promised = found["promised"]
    assert (promised.used, promised.remaining, promised.on_time) == (5, 5, True)
    assert (promised.ended_by, promised.ended_how, promised.department) == (
        "decided",
        "grant",
        "scjg",
    )
    assert found["delivery"].ended_at is None
    assert found["delivery"].due_on == "2026-03-21"


def test_a_clock_that_runs_tells_its_end_and_no_amounts(town: Town) -> None:
    state = town.filed()
    notice = rows(town, clock, state.case_id)["notice"]
    (timer,) = state.timers
    assert notice.due_at == timer.due_at
    assert (notice.used, notice.paused, notice.remaining, notice.on_time) == (None,) * 4


def test_rows_follow_every_step_and_equal_the_ledgers(town: Town) -> None:
    decided(town, "one")
    town.filed("two")
    assert list(clock_check.check(town.engine, CALENDARS)) == []


def test_the_shares_of_an_ended_clock_sum_exactly_to_what_it_used(town: Town) -> None:
    state = decided(town)
    with reading(town.engine) as connection:
        found = connection.execute(
            select(clock_share).where(
                clock_share.c.case_id == state.case_id, clock_share.c.key == "promised"
            )
        ).all()
    assert sum(Fraction(row.exact) for row in found if not row.paused) == 5
    assert {(row.holder_kind, row.holder) for row in found} == {("department", "scjg")}


def test_a_changed_row_is_named_by_its_column_and_mended(town: Town) -> None:
    state = decided(town)
    with town.engine.begin() as connection:
        connection.execute(
            update(clock).where(clock.c.key == "promised").values(used=4, on_time=False)
        )
    (wrong,) = clock_check.check(town.engine, CALENDARS)
    assert wrong.case_no == state.case_no
    assert wrong.found == ("promised.used: 4 ≠ 5", "promised.on_time: False ≠ True")
    assert clock_check.mend(town.engine, CALENDARS, state.case_id) == list(wrong.found)
    assert list(clock_check.check(town.engine, CALENDARS)) == []


@pytest.mark.parametrize("table", [clock, clock_share])
def test_missing_rows_are_found_and_written_again(town: Town, table: Any) -> None:
    state = decided(town)
    with town.engine.begin() as connection:
        connection.execute(table.delete())
    (wrong,) = clock_check.check(town.engine, CALENDARS)
    assert all(one.endswith("缺行") for one in wrong.found)
    assert (clock_check.without_rows(town.engine) == [state.case_id]) is (table is clock)
    clock_check.mend(town.engine, CALENDARS, state.case_id)
    assert list(clock_check.check(town.engine, CALENDARS)) == []
    assert clock_check.without_rows(town.engine) == []


OLD = "行政许可法第三十二条第一款第（四）项"
"""What the rows of a version before the articles had ids of the register say of a rule."""


def as_written_before(town: Town, state: CaseState) -> None:
    """Make the rows and the stored timers say their articles as that version said them."""
    held = state.model_copy(
        update={"timers": tuple(t.model_copy(update={"article": OLD}) for t in state.timers)}
    )
    with town.engine.begin() as connection:
        connection.execute(update(clock).where(clock.c.key == "supplement").values(rule=OLD))
        connection.execute(
            update(state_table)
            .where(state_table.c.case_id == state.case_id)
            .values(state=held.model_dump_json())
        )


def test_rows_that_tell_their_rule_as_older_versions_did_are_named_and_mended(
    town: Town,
) -> None:
    state = decided(town)
    as_written_before(town, state)
    (wrong,) = clock_check.check(town.engine, CALENDARS)
    assert wrong.found == (f"supplement.rule: {OLD} ≠ XKF-32-4",)
    assert clock_check.mend(town.engine, CALENDARS, state.case_id) == list(wrong.found)
    assert list(clock_check.check(town.engine, CALENDARS)) == []


def test_an_article_told_otherwise_by_an_older_version_moves_no_instant(town: Town) -> None:
    """Neither the census nor a retiming takes such a case for one that is wrong."""
    state = decided(town)
    with reading(town.engine) as connection:
        before = census.expected(connection, [state.case_id])
    as_written_before(town, state)
    with reading(town.engine) as connection:
        assert census.expected(connection, [state.case_id]) == before
        assert census.overdue(connection, START) == []
    (page,) = retiming.all_open_cases(town.engine)
    assert [seen.case_id for seen in page] == [state.case_id]
    assert page[0].state.timers and {t.article for t in page[0].state.timers} == {OLD}
    assert list(retiming.deadlines_of(page[0], retiming.moves_of(page[0], NONE))) == []


def test_the_next_step_of_such_a_case_is_settled_as_ever(town: Town) -> None:
    state = decided(town)
    as_written_before(town, state)
    served = {"method": "direct", "recipient": "本人"}
    after, _ = town.settle(state, town.order("serve", served, by="u:w2", at=days(10)))
    assert after.stage != state.stage
    clock_check.mend(town.engine, CALENDARS, state.case_id)
    assert list(clock_check.check(town.engine, CALENDARS)) == []
