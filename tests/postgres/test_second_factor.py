"""Second factors on PostgreSQL: the SQLite half's tests, as they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from tests.postgres.conftest import the_tests_of
from yichuang.settings import Store

pytestmark = pytest.mark.long

globals().update(the_tests_of("tests.cases.test_second_factor", without=("engine",)))


@pytest.fixture
def engine(open_named: Callable[[Store], Engine]) -> Engine:
    """The web store."""
    return open_named("web")
