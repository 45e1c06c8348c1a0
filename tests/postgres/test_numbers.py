"""Numbers and shipped versions on PostgreSQL: the SQLite half's tests, as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine

from tests.postgres.conftest import the_tests_of
from yichuang.settings import Store

pytestmark = pytest.mark.long

globals().update(the_tests_of("tests.cases.test_numbers", without=("engine",)))
globals().update(the_tests_of("tests.cases.test_releases", without=("connection",)))


@pytest.fixture
def engine(open_named: Callable[[Store], Engine]) -> Engine:
    """The cases store."""
    return open_named("cases")


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction on the cases store."""
    with engine.begin() as one:
        yield one
