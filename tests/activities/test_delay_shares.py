"""Whose the time was: the lines sum to the ledgers, and behind each stand as many clocks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import false, true

from cases.counting import Question, shares_by_holder
from cases.database import reading
from cases.delay_shares import ShareLine, ShareQuery, shared_clocks, shares
from tests.activities.conftest import Town, town_in
from tests.activities.test_metrics import MARCH, NOW, STEP, ZONE, filled

ASKED = ShareQuery("2026-03", "2026-03")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return filled(town_in(tmp_path_factory.mktemp("shares")), 办理环节=(STEP,))


def lines(town: Town, query: ShareQuery = ASKED) -> list[ShareLine]:
    with reading(town.engine) as connection:
        return list(shares(connection, true(), query, ZONE))


def behind(town: Town, query: ShareQuery) -> tuple[int, int, float, float]:
    with reading(town.engine) as connection:
        rows, total = shared_clocks(connection, true(), query, ZONE, 1000)
    return len(rows), total, sum(one.used for one in rows), sum(one.paused for one in rows)


def test_decided_cases_have_the_days_that_the_board_puts_down(busy: Town) -> None:
    with reading(busy.engine) as connection:
        whole = shares_by_holder(connection, Question(true(), MARCH, NOW))
    board = {name: n for (kind, name, paused), n in whole.items()
             if kind == "department" and not paused}  # fmt: skip
    found: dict[str, float] = {}
    for one in lines(busy):
        if one.kind == "department":
            found[one.name] = found.get(one.name, 0) + one.used
    # The withdrawn case's clock ended as well, and its three days are somebody's too.
    assert set(found) == set(board)
    assert sum(found.values()) == pytest.approx(sum(board.values()) + 3)


@pytest.mark.parametrize("clock", ["promised", "statutory"])
def test_behind_each_line_stand_as_many_clocks_as_it_says(busy: Town, clock: str) -> None:
    found = lines(busy, replace(ASKED, clock=clock))
    assert found
    for one in found:
        query = replace(ASKED, clock=clock, holder=f"{one.kind}:{one.name}", article=one.article)
        n, total, used, paused = behind(busy, query)
        assert (n, total) == (one.clocks, one.clocks)
        assert used == pytest.approx(one.used)
        assert paused == pytest.approx(one.paused)
        late = behind(busy, replace(query, late=True))
        assert late[:2] == (one.late_clocks, one.late_clocks)
        assert late[2] == pytest.approx(one.late_used)


def test_the_late_case_is_put_down_to_whoever_had_it(busy: Town) -> None:
    late = lines(busy, replace(ASKED, late=True))
    assert {one.late_clocks for one in late} == {1}
    assert sum(one.used for one in late) == pytest.approx(12)
    assert all(one.used == one.late_used for one in late)


def test_what_the_reader_may_not_list_is_put_down_to_nobody(busy: Town) -> None:
    with reading(busy.engine) as connection:
        assert list(shares(connection, false(), ASKED, ZONE)) == []
        assert shared_clocks(connection, false(), ASKED, ZONE, 10) == ([], 0)


def test_pages_do_not_overlap(busy: Town) -> None:
    with reading(busy.engine) as connection:
        whole, total = shared_clocks(connection, true(), ASKED, ZONE, 1000)
        turned = [
            one
            for page in range(1, total + 1)
            for one in shared_clocks(connection, true(), replace(ASKED, page=page), ZONE, 1)[0]
        ]
    assert turned == list(whole)
