"""The store of signals on PostgreSQL: the same becomes of them as on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from tests.postgres.conftest import Stores, the_tests_of
from tests.signals.city import Town

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.signals.test_windows",
        without=["web", "test_what_may_not_be_planned_is_refused_with_its_field"],
    )
)
globals().update(
    the_tests_of(
        "tests.signals.test_gathering", without=["town", "test_a_planned_window_keeps_all_but_red"]
    )
)


@pytest.fixture
def town(tmp_path: Path, stores: Stores) -> Town:
    return Town(tmp_path, engine=stores["signals"])


@pytest.fixture
def web(stores: Stores) -> Engine:
    return stores["web"]


@pytest.mark.parametrize("table", ["signal_turn", "signal_window"])
def test_not_even_a_session_that_replicates_empties_them(stores: Stores, table: str) -> None:
    engine = stores["signals" if table == "signal_turn" else "web"]
    for mode in ("origin", "replica"):
        with pytest.raises(DatabaseError, match=r"append-only|is not deleted"):
            with engine.begin() as connection:
                connection.execute(text(f"SET LOCAL session_replication_role = {mode}"))
                connection.execute(text(f"TRUNCATE {table}"))
