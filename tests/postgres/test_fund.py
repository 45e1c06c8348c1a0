"""The fund's rows on PostgreSQL: the same caps, balance and order, by the database alone; and many
who pay at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from benchmarks.fund import under_fire
from benchmarks.fund_book import Book
from tests.cases.test_fund_tables import ATTACKS, ground, holds
from tests.postgres.conftest import Stores, the_tests_of

globals().update(
    the_tests_of(
        "tests.cases.test_fund_tables",
        without=("engine", "test_the_rows_are_what_their_digests_say"),
    )
)
pytestmark = pytest.mark.long


@pytest.fixture
def engine(stores: Stores) -> Engine:
    return stores["cases"]


def test_a_replica_that_switches_triggers_off_changes_nothing_either(book: Book) -> None:
    ground(book)
    for attack in ATTACKS:
        if attack.startswith("INSERT"):
            continue
        with pytest.raises(DatabaseError), book.engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(attack))
        holds(book)


def test_of_many_who_pay_at_once_only_as_many_are_paid_as_the_allotment_holds(book: Book) -> None:
    book.allot(100)
    contract = book.contract(1_000)
    keys = [book.request(contract, 10) for _ in range(30)]
    for key in keys:
        book.review(key)

    def pay(key: str) -> int:
        try:
            book.pay(key)
        except DatabaseError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(pay, keys)) == 10
    assert book.sums().available_fen == 0
    holds(book)


def test_payers_that_are_killed_pay_nothing_twice_and_lose_no_fen(engine: Engine) -> None:
    url = engine.url.update_query_dict({"schema": "cases"})
    found = under_fire(url.render_as_string(hide_password=False), 100, 3, 4)
    assert found.faults == ()
    assert found.kills > 0 and found.paid > 0 and found.refused > 0
