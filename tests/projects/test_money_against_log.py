"""Money's rows held against the log: evaluations, requests, orders, journal, sums; each change of
one is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest_asyncio
from sqlalchemy import Engine

from cases import fund as f
from cases.projects import performing_messages as m
from tests import against_log
from tests.against_log import Log, wrong
from tests.projects.town import CLERK, LEAD, Town, paper
from tests.projects.treasury import TREASURER, YEARLY, plan, treasury_of

KINDS = ("fund", "payment", "performance")
ATTACKS = {
    "UPDATE performance_act SET body = '{}' WHERE seq = 2": "body",
    "UPDATE performance_act SET state = replace(state, '10000', '9999') WHERE seq = 4": "state",
    "UPDATE performance_act SET actor = 'u:nobody' WHERE seq = 2": "actor",
    "DELETE FROM performance_act WHERE seq = 2": "digests",
    "DELETE FROM performance_act": "performance_act",
    "UPDATE payment SET amount_fen = amount_fen + 1": "payment.amount_fen",
    "UPDATE payment SET outcome = 'stopped'": "payment.outcome",
    "DELETE FROM payment_ruling": "payment_ruling",
    "UPDATE fund_order SET amount_fen = amount_fen - 1 WHERE verb = 'payment_pay'": (
        "fund_order.amount_fen"
    ),
    "UPDATE fund_order SET actor = 'u:nobody' WHERE verb = 'payment_review'": "fund_order.actor",
    "DELETE FROM fund_order WHERE verb = 'payment_release'": "fund_order",
    "UPDATE journal_line SET amount_fen = amount_fen + 1 WHERE account = 'available'": (
        "journal_line["
    ),
    "UPDATE journal_entry SET project = 'P'": "journal_entry",
    "UPDATE contract SET amount_fen = amount_fen + 1": "contract",
    "UPDATE fund SET limit_fen = 1": "fund",
    "UPDATE payment_hand SET person = 'u:nobody' WHERE act = 'payment_review'": "payment_hand",
    # What follows from the journal alone, and stands in no entry of its own.
    "UPDATE fund_total SET paid_fen = paid_fen - 1 WHERE scope = 'fund'": "fund_total",
    "UPDATE fund_total SET used_fen = used_fen + 1 WHERE scope = 'contract'": "fund_total",
    "DELETE FROM fund_total WHERE scope = 'year'": "fund_total",
    "UPDATE payment_claim SET milestone = 'feasibility'": "fund_total",
}
"""What somebody with the file does → the column that is named, or its beginning."""

Copied = Callable[[str], Engine]


@pytest_asyncio.fixture
async def copied(town: Town, tmp_path: Path) -> Copied:
    """The store after a statement: a year evaluated, paid with a retention, released, used."""
    project, year = await town.established(department="zxb", pay="mixed"), town.today.year
    scheme = {"milestone": "scheme", "paper": paper("特许经营方案")}
    await town.done(CLERK, project, "add_evidence", scheme)
    reached = {"milestone": "scheme", "on": town.today.isoformat()}
    await town.done(LEAD, project, "achieve", reached)
    money = treasury_of(town.settings, town)
    await money.opened(project, retention_bp=300)
    await money.acted(CLERK, m.PLAN, project, plan(year, year))
    await money.allot(project, year)
    await money.evaluated(project, year, dict.fromkeys("ABC", 95))
    payment = await money.paid(project, year, YEARLY, milestone="scheme")
    await money.ordered(TREASURER, f.RELEASE, payment, voucher="GK-2")
    return lambda sql: against_log.altered(town.shop.cases, tmp_path, sql)


async def test_rows_of_money_follow_from_their_entries_and_each_change_of_one_is_named(
    copied: Copied, trusted: Log
) -> None:
    assert wrong(copied(""), trusted, *KINDS) == []
    found = {attack: wrong(copied(attack), trusted, *KINDS) for attack in ATTACKS}
    assert {
        attack: found[attack]
        for attack, column in ATTACKS.items()
        if not any(one.column.startswith(column) for one in found[attack])
    } == {}
