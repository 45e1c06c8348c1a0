"""Accounts, sign-in, drafts and uploads on PostgreSQL: the SQLite half's tests, as they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from cases.accounts import Accounts
from cases.sign_in import SignedIn, SignIn
from cases.web_tables import account
from tests.cases.entering import enrolled
from tests.cases.test_accounts import GOOD, HERE, NOW
from tests.postgres.conftest import the_tests_of
from yichuang.settings import Store

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.cases.test_accounts",
        without=(
            "engine",
            # These two read SQLite's file and its error's words; their like stand below.
            "test_no_secret_stands_in_the_store",
            "test_the_store_itself_refuses_an_unknown_kind",
        ),
    )
)
globals().update(the_tests_of("tests.cases.test_desk", without=("engine",)))
globals().update(the_tests_of("tests.cases.test_habits", without=("engine",)))


@pytest.fixture
def engine(open_named: Callable[[Store], Engine]) -> Engine:
    """The web store."""
    return open_named("web")


def test_no_secret_stands_in_any_row(engine: Engine, accounts: Accounts, door: SignIn) -> None:
    _, code = accounts.create_account("wang", "王芳", "food", at=NOW, by="u:x")
    _, token = accounts.create_account("portal", "门户", "food", at=NOW, by="u:x", kind="service")
    held = enrolled(door, "wang", code, GOOD, NOW, HERE)
    assert isinstance(held, SignedIn)
    stored = ""
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            rows = connection.execute(text(f"SELECT t::text FROM {table} t")).scalars()
            stored += "\n".join(rows)
    for secret in (code, code.replace("-", ""), GOOD, token, held.secret):
        assert secret not in stored
    assert "王芳" in stored  # the reading finds what is there


def test_the_store_itself_refuses_an_unknown_kind(engine: Engine, wang: str) -> None:
    with (
        pytest.raises(IntegrityError, match="ck_account_kind"),
        engine.begin() as connection,
    ):
        row = connection.execute(select(account).where(account.c.id == wang)).one()._mapping
        connection.execute(
            insert(account).values(dict(row) | {"id": "u:1", "login": "root", "kind": "root"})
        )
