"""Supervision cards among the metrics: counted while they stand, settled once accepted."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from sqlalchemy import true

from cases.counting import Question, cards_by_department, counted
from cases.database import reading
from cases.metrics import Group, grouped
from cases.months import span_of
from tests.activities.test_cards import Desk, desk, explained, to_yellow

__all__ = ["desk"]

MARCH = span_of("2026-03", "2026-03", "Asia/Shanghai")
QUESTION = Question(true(), MARCH, datetime(2026, 3, 31, tzinfo=UTC))


def measured(town: Desk) -> Group:
    with reading(town.town.engine) as connection:
        cells = counted(connection, QUESTION)
    return grouped(cells, "all", (), "2026-03")[0]


@pytest.fixture
def yellow(desk: Desk) -> Desk:
    return to_yellow(desk)


def test_each_level_is_counted_where_it_arose(yellow: Desk) -> None:
    found = measured(yellow)
    levels = [found.figures[name] for name in ("reminders", "warnings", "yellow", "red")]
    assert levels == [1, 1, 1, 0]
    assert [found.value(f"YC-ZB-{n}") for n in (15, 16)] == [Fraction(1), Fraction(0)]


def test_a_card_stands_against_the_department_that_is_responsible(yellow: Desk) -> None:
    with reading(yellow.town.engine) as connection:
        found = cards_by_department(connection, QUESTION)
    assert found == {"scjg": {"yellow": 1, "red": 0}}


def test_a_revoked_card_counts_no_longer(yellow: Desk) -> None:
    revoke = {"card": yellow.state.cards[-1].number, "reason": "系统停机所致"}
    assert yellow.do("revoke_card", revoke, "u:sup", "2026-03-17T09:00").status == "done"
    found = measured(yellow)
    assert found.value("YC-ZB-15") == 0
    assert found.value("YC-ZB-25") is None
    with reading(yellow.town.engine) as connection:
        assert cards_by_department(connection, QUESTION) == {}


def test_a_card_is_settled_when_its_explanation_is_accepted(desk: Desk) -> None:
    key = explained(desk)
    assert measured(desk).value("YC-ZB-25") == 0
    said = {"task": key, "cause": "人手不足", "measures": "增派一人"}
    assert desk.do("explain_card", said, "u:head", "2026-03-17T09:00").status == "done"
    assert measured(desk).value("YC-ZB-25") == 0
    review = {"card": key.removeprefix("explain-"), "result": "accepted"}
    assert desk.do("review_explanation", review, "u:sup", "2026-03-17T10:00").status == "done"
    assert measured(desk).value("YC-ZB-25") == Fraction(1)
