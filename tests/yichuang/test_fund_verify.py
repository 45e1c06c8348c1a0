"""`yichuang fund verify` makes every sum anew and names what was changed past the triggers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from benchmarks.fund_book import Book
from cases.database import open_engine, reading
from tests.cases.test_fund_tables import ground
from yichuang.commands.fund import verified
from yichuang.stores import migrate


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    migrate(engine, "cases")
    book = Book(engine)
    book.open()
    ground(book)
    yield engine
    engine.dispose()


def faults(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return verified(connection)[0]


def test_an_honest_journal_has_no_fault(engine: Engine) -> None:
    with reading(engine) as connection:
        _, sums, entries = verified(connection)
    assert faults(engine) == []
    assert (sums.allotted_fen, sums.paid_fen, sums.used_fen, entries) == (200, 97, 10, 3)


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        ("UPDATE fund_total SET paid_fen = 96 WHERE scope = 'fund'", "fund special"),
        ("UPDATE journal_line SET amount_fen = 9 WHERE account = 'retained'", "借贷相差"),
        ("UPDATE journal_entry SET seq = 9 WHERE seq = 2", "journal 9"),
        ("UPDATE journal_entry SET project = 'P2' WHERE kind = 'payment_pay'", "project P1"),
        ("DELETE FROM payment_hand WHERE act = 'payment_review'", "hands"),
        ("DELETE FROM fund_total WHERE scope = 'year'", "year 2026|zjj|P1"),
        ("UPDATE payment_claim SET milestone = 'm2'", "claim"),
    ],
)
def test_what_was_changed_past_the_triggers_is_named(
    engine: Engine, attack: str, said: str
) -> None:
    with engine.begin() as connection:
        query = text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for name in connection.execute(query).scalars().all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        connection.execute(text(attack))
    found = faults(engine)
    assert any(said in one for one in found), found
