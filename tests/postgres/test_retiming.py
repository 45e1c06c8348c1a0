"""Previews, revocations and retimed rows on PostgreSQL: the SQLite half's tests, as they are."""

from __future__ import annotations

import pytest

from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

for _module in ("test_previews", "test_retimed_rows", "test_provisional"):
    globals().update(the_tests_of(f"tests.activities.{_module}"))
