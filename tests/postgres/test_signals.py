"""The store of signals on PostgreSQL: the same becomes of them as on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.postgres.conftest import Stores, the_tests_of
from tests.signals.city import Town

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.signals.test_gathering", without=["town", "test_a_planned_window_keeps_all_but_red"]
    )
)


@pytest.fixture
def town(tmp_path: Path, stores: Stores) -> Town:
    return Town(tmp_path, engine=stores["signals"])
