"""The journal's sums by the database, counted once each, are what its entries say one by one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from benchmarks.fund_book import PROJECT, Book
from cases import fund as f
from cases import fund_rows as rows
from cases.database import open_engine, reading
from cases.fund_sums import Books, Month, counted, differing
from tests.cases.test_fund_tables import book
from yichuang.stores import migrate

__all__ = ["book"]
ZONE = "Asia/Shanghai"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    migrate(engine, "cases")
    yield engine
    engine.dispose()


def moved(book: Book) -> str:
    book.allot(1_000)
    book.allot(500, project="P2", year=2027)
    contract = book.contract(600, retention_bp=300)
    first = book.whole(contract, 300, retained=9, interest=2)
    second = book.whole(contract, 100, retained=3)
    book.release(first, 9)
    book.use(contract, 120)
    book.reverse(second)
    book.allot(-50)
    return contract


def agree(book: Book, books: Books) -> None:
    with reading(book.engine) as connection:
        journal = rows.journal(connection)
        assert books.sums == rows.recomputed(journal)
        assert list(differing(connection, books)) == []
    amounts = [line.amount_fen for one in journal for line in one.lines]
    assert books.debit_fen == sum(one for one in amounts if one > 0) == books.credit_fen
    assert books.upto == len(journal) and not books.gap


def test_all_at_once_or_entry_by_entry_the_sums_are_the_same(book: Book) -> None:
    step = Books()
    moved(book)
    with reading(book.engine) as connection:
        whole = counted(connection, Books(), ZONE)
    agree(book, whole)
    contract = book.contract(10)
    for amount in (4, 6):
        book.whole(contract, amount)
        with reading(book.engine) as connection:
            step = counted(connection, step, ZONE)
    agree(book, step)
    with reading(book.engine) as connection:
        assert counted(connection, step, ZONE) is step
        assert counted(connection, Books(), ZONE) == step


def test_an_entry_belongs_to_the_month_of_the_city_and_not_of_greenwich(book: Book) -> None:
    lastly = datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC)
    first = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
    later = datetime(2027, 2, 1, tzinfo=UTC)
    for at, amount in ((lastly, 100), (first, 20), (later, 3)):
        book.at = at
        book.allot(amount)
    with reading(book.engine) as connection:
        months = counted(connection, Books(), ZONE).months
    assert months == {
        (PROJECT, date(2026, 11, 1)): Month(100, 0),
        (PROJECT, date(2026, 12, 1)): Month(20, 0),
        (PROJECT, date(2027, 2, 1)): Month(3, 0),
    }


def test_a_total_that_was_changed_behind_the_triggers_differs_by_name(book: Book) -> None:
    contract = moved(book)
    with book.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER fund_total_moved"))
        connection.execute(
            text("UPDATE fund_total SET paid_fen = paid_fen - 1 WHERE key IN (:a, :b)"),
            {"a": PROJECT, "b": contract},
        )
    with reading(book.engine) as connection:
        books = counted(connection, Books(), ZONE)
        assert set(differing(connection, books)) == {f"project {PROJECT}", f"contract {contract}"}


def test_a_line_that_was_changed_unbalances_the_books(book: Book) -> None:
    moved(book)
    with book.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER journal_line_no_update"))
        connection.execute(text("UPDATE journal_line SET amount_fen = 301 WHERE amount_fen = 291"))
    with reading(book.engine) as connection:
        books = counted(connection, Books(), ZONE)
        assert books.debit_fen == books.credit_fen + 10
        assert f"fund {f.FUND}" in set(differing(connection, books))


def test_what_is_not_counted_yet_is_not_called_wrong(book: Book) -> None:
    moved(book)
    with reading(book.engine) as connection:
        books = counted(connection, Books(), ZONE)
    book.allot(5)
    with reading(book.engine) as connection:
        assert list(differing(connection, books)) == []
