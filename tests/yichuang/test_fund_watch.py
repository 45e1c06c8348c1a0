"""What should have been paid rings until it is; so does money that lies idle, after 180 days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from activities.alarming import Alarms
from benchmarks.fund_book import AT, Book
from cases.alarms import open_alarms
from cases.database import open_engine, reading
from cases.payments import Terms
from cases.rulings import Ruling
from rules.evaluate import evaluate
from tests.cases.test_payments import PACKS, terms
from yichuang.fund_watch import FundWatch
from yichuang.stores import migrate


class Packs:
    """The shipped packs, answered by the plain twin."""

    def terms(self, pack: str, at: datetime) -> Terms | None:
        return terms(pack)

    def evaluate(self, digest: str, context: dict[str, object], at: datetime) -> Ruling:
        return evaluate(PACKS["fund"], context, at)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    migrate(engine, "cases")
    yield engine
    engine.dispose()


def rung(engine: Engine, days: int) -> set[str]:
    """Look so many days after all was booked; return the kinds that ring."""
    at = AT + timedelta(days=days)
    alarms = Alarms("demo", "https://town.test/schemas")
    FundWatch(engine, alarms, Packs(), "Asia/Shanghai", lambda: at).look()
    with reading(engine) as connection:
        return {kept.alarm.kind for kept in open_alarms(connection)}


def test_an_overdue_payment_rings_from_the_day_after_until_it_is_paid(engine: Engine) -> None:
    book = Book(engine)
    book.open()
    book.allot(100)
    key = book.request(book.contract(100), 10, due_on="2026-12-01")
    assert rung(engine, 11) == set()
    assert rung(engine, 12) == {"payment_overdue"}
    book.review(key)
    assert rung(engine, 13) == {"payment_overdue"}
    book.pay(key)
    assert rung(engine, 13) == set()


def test_a_returned_payment_is_overdue_no_more(engine: Engine) -> None:
    book = Book(engine)
    book.open()
    key = book.request(book.contract(100), 10, due_on="2026-12-01")
    assert rung(engine, 30) == {"payment_overdue"}
    book.give_back(key)
    assert rung(engine, 30) == set()


def test_money_that_lies_idle_rings_after_180_days_until_it_is_used(engine: Engine) -> None:
    book = Book(engine)
    book.open()
    book.allot(100)
    contract = book.contract(100)
    book.whole(contract, 10)
    assert rung(engine, 180) == set()
    assert rung(engine, 181) == {"fund_idle"}
    with reading(engine) as connection:
        said = connection.execute(text("SELECT text FROM alarm")).scalar_one()
    assert "项目 P1 已拨付未使用 0.10 元" in said and "181 日" in said
    book.use(contract, 10)
    assert rung(engine, 181) == set()


def test_a_new_allotment_does_not_make_idle_money_young_and_a_use_does(engine: Engine) -> None:
    book = Book(engine)
    book.open()
    book.allot(100)
    contract = book.contract(100)
    book.whole(contract, 10)
    book.at = AT + timedelta(days=150)
    book.allot(50)
    assert rung(engine, 181) == {"fund_idle"}
    book.use(contract, 1)
    assert rung(engine, 181) == set()
    assert rung(engine, 150 + 181) == {"fund_idle"}
