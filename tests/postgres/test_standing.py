"""Accounts as the worker reads them, on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, update

from cases.standing import Standing, Standings
from cases.web_tables import account
from tests.postgres.conftest import Stores


def test_an_account_is_read_as_it_stands(stores: Stores) -> None:
    at = datetime(2026, 11, 26, tzinfo=UTC)
    web, standings = stores["web"], Standings(stores["web"])
    with web.begin() as connection:
        connection.execute(
            insert(account).values(
                id="u:1", kind="human", login="one", name="一", department="zjj",
                grants=[["window_clerk", "zjj"]], clearance=2, compartments=["health"],
                password="", enrolment="", token="", created_at=at, created_by="system",
            )
        )  # fmt: skip
    grants = frozenset({("window_clerk", "zjj")})
    assert standings.of("u:1", at) == Standing("human", True, grants, 2, frozenset({"health"}))
    assert standings.of("u:2", at) is None
    assert standings.delegated("u:1", "u:2", at) == frozenset()
    with web.begin() as connection:
        connection.execute(update(account).values(valid_until=at + timedelta(seconds=1)))
    inside, outside = standings.of("u:1", at), standings.of("u:1", at + timedelta(seconds=1))
    assert inside is not None and inside.is_open
    assert outside is not None and not outside.is_open
    with web.begin() as connection:
        connection.execute(update(account).values(disabled_at=at, valid_until=None))
    closed = standings.of("u:1", at)
    assert closed is not None and not closed.is_open
