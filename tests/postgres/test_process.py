"""The map of what happened and who held it, on PostgreSQL: the SQLite half's tests, as they are."""

from __future__ import annotations

import pytest

from tests.activities.conftest import Town
from tests.activities.test_metrics import filled
from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

globals().update(the_tests_of("tests.activities.test_process_rows", without=("busy",)))


@pytest.fixture
def busy(town: Town) -> Town:
    return filled(town)
