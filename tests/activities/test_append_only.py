"""Attacks on what may only grow: whoever writes the store changes no card and no mark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, delete, insert, select, text, update
from sqlalchemy.exc import DatabaseError

from cases import card_tables
from tests.activities.conftest import Town, town_in
from tests.activities.test_cards import Desk, desk_over, explained

TABLES = [card_tables.card, card_tables.card_mark]
COLUMNS = [pytest.param(t, c.name, id=f"{t.name}.{c.name}") for t in TABLES for c in t.columns]
EACH = pytest.mark.parametrize("table", TABLES, ids=str)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return town_in(tmp_path_factory.mktemp("cards"))


@pytest.fixture(scope="module")
def desk(plain: Town) -> Iterator[Desk]:
    """A case with three cards, of which one was explained and accepted."""
    one = desk_over(plain)
    task = explained(one)
    said = {"task": task, "cause": "人手不足", "measures": "增派一人"}
    assert one.do("explain_card", said, "u:head", "2026-03-17T09:00").status == "done"
    yield one
    one.town.engine.dispose()
    one.town.keys.dispose()


@pytest.fixture(scope="module")
def attacker(desk: Desk) -> Engine:
    """Who writes the store."""
    return desk.town.engine


def rows(engine: Engine, table: Table) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)).all())


def refused(desk: Desk, attacker: Engine, act: Callable[[Connection], object]) -> None:
    """Nothing comes of the act, and the table says why."""
    before = [rows(desk.town.engine, one) for one in TABLES]
    assert all(before)
    with pytest.raises(DatabaseError, match="append-only"), attacker.begin() as connection:
        act(connection)
    assert [rows(desk.town.engine, one) for one in TABLES] == before


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_no_single_column_is_changed(
    desk: Desk, attacker: Engine, table: Table, column: str
) -> None:
    # To what it says already: what an attack would write does not matter.
    refused(
        desk, attacker, lambda sql: sql.execute(update(table).values({column: table.c[column]}))
    )


@EACH
def test_one_row_alone_is_not_changed(desk: Desk, attacker: Engine, table: Table) -> None:
    number = rows(desk.town.engine, table)[0].number
    change = update(table).where(table.c.number == number).values(at=table.c.at)
    refused(desk, attacker, lambda sql: sql.execute(change))


@EACH
def test_no_row_is_deleted(desk: Desk, attacker: Engine, table: Table) -> None:
    refused(desk, attacker, lambda sql: sql.execute(delete(table)))
    number = rows(desk.town.engine, table)[0].number
    refused(desk, attacker, lambda sql: sql.execute(delete(table).where(table.c.number == number)))


@EACH
def test_no_row_takes_the_place_of_another(desk: Desk, attacker: Engine, table: Table) -> None:
    """SQLite's REPLACE deletes without asking a trigger of DELETE."""
    row = rows(desk.town.engine, table)[0]
    forged = insert(table).prefix_with("OR REPLACE", dialect="sqlite")
    refused(desk, attacker, lambda sql: sql.execute(forged, [dict(row._mapping) | {"rule": "X"}]))


def test_a_replacement_for_a_cards_number_elsewhere_is_refused(
    desk: Desk, attacker: Engine
) -> None:
    row = rows(desk.town.engine, card_tables.card)[0]
    forged = insert(card_tables.card).prefix_with("OR REPLACE", dialect="sqlite")
    refused(desk, attacker, lambda sql: sql.execute(forged, [dict(row._mapping) | {"seq": 99}]))


def test_what_is_new_is_written(desk: Desk, attacker: Engine) -> None:
    """The triggers refuse what they should and nothing else."""
    row = dict(rows(desk.town.engine, card_tables.card)[0]._mapping) | {"number": "JC1", "seq": 98}
    with attacker.connect() as connection:
        connection.execute(insert(card_tables.card), [row])
        found = select(card_tables.card.c.seq).where(card_tables.card.c.number == "JC1")
        assert connection.execute(found).scalar_one() == 98
        connection.rollback()
    assert len(rows(desk.town.engine, card_tables.card)) == 3


def test_the_triggers_of_sqlite_are_there(desk: Desk) -> None:
    with desk.town.engine.connect() as connection:
        names = connection.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'card%'")
        ).scalars()
        assert set(names) == {
            f"{table}_no_{verb}"
            for table in ("card", "card_mark")
            for verb in ("update", "delete", "replace")
        }
