"""Payment requests on PostgreSQL: kept, listed, replayed as on SQLite, and never changed."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from cases import payment_rows
from cases.payment_tables import payment, payment_ruling
from cases.payments import MOST_FEN
from cases.projection import after_of
from tests.postgres.conftest import Stores
from tests.yichuang.test_payment_replay import NOW, pay
from yichuang.simulating import span_of

pytestmark = pytest.mark.long


def test_a_request_is_kept_listed_and_found_by_a_replay(stores: Stores) -> None:
    engine = stores["cases"]
    number = pay(engine, "one", amount_fen=MOST_FEN)
    pay(engine, "two", department="gaj")
    with engine.connect() as connection:
        found, total = payment_rows.listing(connection, ["sjj"], "", 1)
        kept = connection.execute(select(payment)).all()
        said = {row.id: after_of(row.digests) for row in kept}
        assert list(payment_rows.check(connection, said)) == []
    assert (total, found[0].number, found[0].amount_fen) == (1, number, MOST_FEN)
    pages = list(payment_rows.past(engine, "fund", span_of(6, NOW)))
    assert sum(map(len, pages)) == 2


def test_nobody_changes_a_judged_request(stores: Stores) -> None:
    engine = stores["cases"]
    pay(engine, "one")
    with engine.connect() as connection:
        (row,) = connection.execute(select(payment)).all()
    for statement in (
        update(payment).values(amount_fen=1),
        delete(payment),
        update(payment_ruling).values(outcome="{}"),
        delete(payment_ruling),
        text("TRUNCATE payment_ruling"),
    ):
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(statement)
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(statement)
    fresh = {**row._mapping, "id": "x", "number": "x", "command_id": "x"}
    for wrong in ({"amount_fen": 0}, {"currency": "USD"}, {"outcome": "paid"}):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(insert(payment).values(fresh | wrong))
