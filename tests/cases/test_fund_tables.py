"""The fund's rows against everybody: caps, balance and order hold by the database alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from benchmarks.fund_book import PROJECT, Book
from cases import fund as f
from cases import fund_rows as rows
from cases.database import open_engine, reading
from cases.fund_tables import journal_line
from cases.projection import after_of
from yichuang.stores import migrate


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    migrate(engine, "cases")
    yield engine
    engine.dispose()


@pytest.fixture
def book(engine: Engine) -> Book:
    made = Book(engine)
    made.open()
    return made


def holds(book: Book) -> None:
    """The journal balances, is numbered without a gap, and the rows of totals are its sums."""
    with reading(book.engine) as connection:
        journal = rows.journal(connection)
        said = rows.recomputed(journal)
        assert [one.seq for one in journal] == list(range(1, len(journal) + 1))
        for scope in ("fund", "project", "year", "contract"):
            for key, sums in rows.every_sum(connection, scope).items():
                made = said.get((scope, key), f.Sums())
                assert (sums.paid_fen, sums.retained_fen, sums.used_fen, sums.interest_fen) == (
                    made.paid_fen, made.retained_fen, made.used_fen, made.interest_fen,
                )  # fmt: skip
                assert scope == "contract" or sums.allotted_fen == made.allotted_fen


def refused(book: Book, order: Any, *given: Any, **more: Any) -> None:
    before = book.sums()
    with pytest.raises(DatabaseError):
        order(*given, **more)
    assert book.sums() == before
    holds(book)


def test_the_fund_is_one_and_never_larger_than_the_plan_says(engine: Engine) -> None:
    book = Book(engine)
    statement = "INSERT INTO fund VALUES (:id, 't', :limit)"
    for values in ({"id": "special", "limit": f.FUND_LIMIT_FEN + 1}, {"id": "b", "limit": 1}):
        with pytest.raises(DatabaseError), engine.begin() as connection:
            connection.execute(text(statement), values)
    book.open(f.FUND_LIMIT_FEN)
    with pytest.raises(DatabaseError):
        book.open(1)
    assert book.sums().limit_fen == 50_000_000_000


def test_allotments_stay_within_the_fund_to_the_fen(book: Book) -> None:
    book.allot(f.FUND_LIMIT_FEN - 1, project="P2")
    refused(book, book.allot, 2)
    book.allot(1)
    refused(book, book.allot, 1)
    assert book.sums().allotted_fen == f.FUND_LIMIT_FEN


def test_payments_stay_within_the_allotment_to_the_fen(book: Book) -> None:
    book.allot(100)
    contract = book.contract(1_000)
    book.whole(contract, 99)
    key = book.request(contract, 2)
    book.review(key)
    refused(book, book.pay, key)
    book.whole(contract, 1)
    assert book.sums().available_fen == 0
    refused(book, book.allot, -1)


def test_another_year_and_another_project_have_their_own_cap(book: Book) -> None:
    book.allot(100, year=2026)
    book.allot(100, project="P2")
    contract = book.contract(1_000)
    key = book.request(contract, 1, year=2027)
    book.review(key)
    refused(book, book.pay, key)
    key = book.request(contract, 101)
    book.review(key)
    refused(book, book.pay, key)


def test_a_contract_is_never_paid_beyond_its_sum_what_is_kept_back_included(book: Book) -> None:
    book.allot(1_000)
    contract = book.contract(100, retention_bp=300)
    first = book.whole(contract, 99, retained=2)
    key = book.request(contract, 2)
    book.review(key)
    refused(book, book.pay, key)
    book.release(first, 2)
    assert book.sums("contract", contract) == f.Sums(100, 100, 99, 0, 0, 0)
    refused(book, book.release, first, 2)
    holds(book)


def test_no_more_is_used_than_was_paid(book: Book) -> None:
    book.allot(100)
    contract = book.contract(100)
    book.whole(contract, 60)
    refused(book, book.use, contract, 61)
    book.use(contract, 60)
    assert book.sums().idle_fen == 0


def test_interest_counts_against_the_allotment_and_not_against_the_contract(book: Book) -> None:
    book.allot(100)
    contract = book.contract(90)
    key = book.request(contract, 90)
    book.review(key)
    refused(book, book.pay, key, interest=11)
    book.pay(key, interest=10)
    assert book.sums() == f.Sums(f.FUND_LIMIT_FEN, 100, 90, 0, 0, 10)


def test_a_reversal_counters_every_line_once_and_by_another_person(book: Book) -> None:
    book.allot(100)
    contract = book.contract(100, retention_bp=300)
    key = book.whole(contract, 100, retained=3)
    refused(book, book.reverse, key, "u:c")
    book.use(contract, 97)
    refused(book, book.reverse, key)
    other = Book(book.engine)
    assert other.sums().available_fen == 0


def test_after_a_reversal_the_money_is_there_again(book: Book) -> None:
    book.allot(100)
    contract = book.contract(100)
    key = book.whole(contract, 100, retained=3, interest=0)
    book.reverse(key)
    assert book.sums() == f.Sums(f.FUND_LIMIT_FEN, 100)
    refused(book, book.reverse, key)
    refused(book, book.release, key, 3)
    refused(book, book.pay, key)
    book.whole(contract, 100)


def test_a_payment_is_reviewed_then_paid_once_by_three_people(book: Book) -> None:
    book.allot(100)
    contract = book.contract(100)
    key = book.request(contract, 10, actor="u:a")
    refused(book, book.pay, key)  # not reviewed
    refused(book, book.review, key, "u:a")  # who asked
    book.review(key, "u:b")
    refused(book, book.review, key, "u:d")
    refused(book, book.pay, key, "u:a")
    refused(book, book.pay, key, "u:b")
    book.pay(key, "u:c")
    refused(book, book.pay, key, "u:e")
    refused(book, book.give_back, key)


def test_what_was_returned_is_not_reviewed_or_paid(book: Book) -> None:
    book.allot(100)
    contract = book.contract(100)
    key = book.request(contract, 10)
    book.review(key)
    book.give_back(key)
    refused(book, book.pay, key)
    other = book.request(contract, 10)
    book.give_back(other)
    refused(book, book.review, other)


ATTACKS = (
    "UPDATE fund SET limit_fen = 1",
    "DELETE FROM fund",
    "UPDATE contract SET amount_fen = 999",
    "DELETE FROM contract",
    "UPDATE payment_claim SET milestone = 'x'",
    "DELETE FROM payment_claim",
    "UPDATE payment_hand SET person = 'u:z'",
    "DELETE FROM payment_hand",
    "UPDATE fund_order SET amount_fen = 1",
    "DELETE FROM fund_order",
    "UPDATE journal_entry SET paid_fen = 0",
    "DELETE FROM journal_entry",
    "UPDATE journal_line SET amount_fen = 1",
    "DELETE FROM journal_line",
    "UPDATE fund_total SET paid_fen = 0, used_fen = 0",
    "UPDATE fund_total SET allotted_fen = limit_fen",
    "UPDATE fund_total SET limit_fen = 50000000000 WHERE scope = 'contract'",
    "UPDATE fund_total SET last = last",
    "UPDATE fund_total SET last = last + 1",
    "UPDATE fund_total SET last = 1",
    "DELETE FROM fund_total",
    "INSERT INTO fund_total VALUES ('project', 'P9', 50000000000, 5, 0, 0, 0, 0, 0)",
    "INSERT INTO fund_total VALUES ('project', 'P9', 50000000000, 0, 0, 0, 0, 0, 7)",
    "INSERT INTO fund_total VALUES ('contract', 'no-such', 5, 5, 0, 0, 0, 0, 0)",
)
SQLITE_ATTACKS = (
    "REPLACE INTO fund VALUES ('special', 't', 1)",
    "INSERT OR REPLACE INTO fund_total VALUES ('fund', 'special', 50000000000, 0, 0, 0, 0, 0, 0)",
    "INSERT OR REPLACE INTO payment_hand SELECT payment_id, act, 'u:z' FROM payment_hand",
    "INSERT OR REPLACE INTO journal_line SELECT order_id, n, account, 1 FROM journal_line",
)


def ground(book: Book) -> str:
    book.allot(200)
    contract = book.contract(150)
    book.whole(contract, 100, retained=3)
    book.use(contract, 10)
    return contract


def test_no_plain_sql_changes_what_was_booked(book: Book) -> None:
    ground(book)
    extra = SQLITE_ATTACKS if book.engine.dialect.name == "sqlite" else ("TRUNCATE fund_total",)
    for attack in (*ATTACKS, *extra):
        with pytest.raises(DatabaseError), book.engine.begin() as connection:
            connection.execute(text(attack))
        holds(book)


def lines_of(order: str, *amounts: tuple[str, int]) -> list[dict[str, Any]]:
    return [
        {"order_id": order, "n": n, "account": account, "amount_fen": amount}
        for n, (account, amount) in enumerate(amounts)
    ]


def test_no_lines_stand_without_their_entry_and_no_entry_takes_more(book: Book) -> None:
    ground(book)
    with reading(book.engine) as connection:
        first = rows.journal(connection)[0].order_id
    alone = lines_of(str(uuid4()), ("granted", -5), ("available", 5))
    late = [{**one, "n": one["n"] + 5} for one in lines_of(first, ("used", -5), ("interest", 5))]
    for some in (alone, late):
        with pytest.raises(DatabaseError), book.engine.begin() as connection:
            connection.execute(insert(journal_line), some)
    holds(book)


@pytest.mark.parametrize(
    "amounts",
    [
        (("granted", -5), ("available", 6)),
        (("granted", -6), ("available", 6)),
        (("advanced", 5), ("available", -5)),
        (("granted", -5), ("available", 4), ("interest", 1)),
        (),
    ],
)
def test_an_entry_that_does_not_balance_or_is_not_what_was_ordered_is_refused(
    book: Book, amounts: tuple[tuple[str, int], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    ground(book)
    made = rows._entry

    def other(one: rows.Ordered, last: int | None) -> tuple[Any, Any]:
        entry, _ = made(one, last)
        return entry, lines_of(one.id, *amounts) or lines_of(str(uuid4()), ("used", 1))

    monkeypatch.setattr(rows, "_entry", other)
    refused(book, book.allot, 5)


def test_an_entry_out_of_its_turn_is_refused(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    ground(book)
    made = rows._entry
    for off in (-1, 1):
        monkeypatch.setattr(rows, "_entry", lambda one, last, off=off: made(one, last + off))
        refused(book, book.allot, 5)


def test_a_fraction_of_a_fen_has_no_place(book: Book) -> None:
    for wrong in (0.5, "1", True, -1, 0):
        with pytest.raises(ValueError, match="amount_fen"):
            book.contract(wrong)  # type: ignore[arg-type]


def test_nothing_of_the_fund_is_booked_before_it_was_opened(engine: Engine) -> None:
    with pytest.raises((DatabaseError, IntegrityError)):
        Book(engine).allot(5)


def test_the_rows_are_what_their_digests_say(book: Book) -> None:
    ground(book)
    with reading(book.engine) as connection:
        query = text("SELECT entry_id, digests FROM fund_order")
        said = {e: after_of(d) for e, d in connection.execute(query)}
        assert list(rows.check(connection, said)) == []
        missing = dict(list(said.items())[1:])
        assert [one.column for one in rows.check(connection, missing)] == ["fund_order"]
    with book.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER contract_no_update"))
        connection.execute(text("UPDATE contract SET payee = 'X'"))
        assert [one.column for one in rows.check(connection, said)] == ["contract"]
    assert PROJECT
