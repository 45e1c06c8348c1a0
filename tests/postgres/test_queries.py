"""Worklists, views and counts on PostgreSQL: the SQLite half's tests, as they are."""

from __future__ import annotations

import pytest

from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

globals().update(the_tests_of("tests.activities.test_queries"))
globals().update(the_tests_of("tests.activities.test_long_lists"))
