"""Alarms of supervision on PostgreSQL: the SQLite half's tests, as they are."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sqlalchemy import Engine

from tests.activities.conftest import Town
from tests.postgres.conftest import the_tests_of
from yichuang.settings import Store

pytestmark = pytest.mark.long

globals().update(the_tests_of("tests.yichuang.test_card_watch", without=("plain", "web")))


@pytest.fixture
def plain(town: Town) -> Town:
    return town


@pytest.fixture
def web(stores: Mapping[Store, Engine]) -> Engine:
    return stores["web"]
