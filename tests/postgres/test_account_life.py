"""Terms, sleep and reviews on PostgreSQL: the SQLite half's tests, as they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from tests.postgres.conftest import the_tests_of
from yichuang.settings import Store

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.cases.test_account_life",
        without=("engine", "test_no_account_has_a_name_that_is_nobodys"),
    )
)


@pytest.fixture
def engine(open_named: Callable[[Store], Engine]) -> Engine:
    """The web store."""
    return open_named("web")
