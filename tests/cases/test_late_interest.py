"""What a small or medium enterprise is owed when it is paid late, day by day (ZXQY-9, ZXQY-17)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from cases import fund as f
from catalogue.load import load_catalogue
from tests.cases.test_payments import NOON, SME, asked, judged

DELIVERED = date(2026, 11, 1)
SUM = 100_000_00
"""A hundred thousand yuan: 50 yuan a day at 0.05 %."""


def owed(days: int, retention_bp: int = 0, late_asked: bool = False, **facts: Any) -> int | None:
    """Return the interest of a payment that is made so many days after delivery."""
    delivered = DELIVERED - timedelta(days=100 if late_asked else 0)
    one = asked(
        facts={"sme_payment": {**SME, **facts}}, delivered_on=delivered.isoformat(), amount_fen=SUM
    )
    return f.late_interest(one, judged(one, NOON), retention_bp, delivered + timedelta(days=days))


@pytest.mark.parametrize(
    ("agreed_days", "last_day"), [(None, 30), (10, 10), (45, 45), (60, 60), (61, 60), (90, 60)]
)
def test_the_term_is_thirty_days_or_as_agreed_up_to_sixty_and_each_day_after_costs(
    agreed_days: int | None, last_day: int
) -> None:
    facts: dict[str, Any] = {} if agreed_days is None else {"agreed_days": agreed_days}
    assert owed(last_day, **facts) == 0
    assert owed(last_day + 1, **facts) == 50_00
    assert owed(last_day + 31, **facts) == 31 * 50_00


def test_a_request_that_was_late_itself_goes_on_costing_until_it_is_paid() -> None:
    assert owed(120, late_asked=True) == 90 * 50_00
    assert owed(121, late_asked=True) == 91 * 50_00


def test_what_is_kept_back_was_not_due_and_bears_no_interest() -> None:
    assert owed(40, retention_bp=300) == 10 * 48_50


@pytest.mark.parametrize("late_asked", [False, True])
def test_where_another_rate_was_agreed_no_sum_is_made_up(late_asked: bool) -> None:
    days = 130 if late_asked else 40
    assert owed(days, late_asked=late_asked, interest_agreed=True) is None
    assert owed(30, interest_agreed=True) == 0


def test_a_fen_and_a_half_is_rounded_to_the_payee() -> None:
    one = asked(facts={"sme_payment": SME}, delivered_on="2026-11-01", amount_fen=3_000)
    on = DELIVERED + timedelta(days=31)
    assert f.late_interest(one, judged(one), 0, on) == 2  # 1.5


def test_every_article_that_money_is_refused_by_stands_in_the_register() -> None:
    law = load_catalogue().law
    for basis in (f.BY_EVIDENCE, f.RETENTION, f.LATE, "CSFA-5"):
        assert basis in law, basis
    assert not law[f.RETENTION].verified
