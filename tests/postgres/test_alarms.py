"""Alarms on PostgreSQL: the SQLite half's tests, as they are."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sqlalchemy import Engine

from tests.postgres.conftest import the_tests_of
from yichuang.settings import Store

pytestmark = pytest.mark.long

globals().update(the_tests_of("tests.activities.test_alarming", without=("engine",)))


@pytest.fixture
def engine(stores: Mapping[Store, Engine]) -> Engine:
    return stores["cases"]
