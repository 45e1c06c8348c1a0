"""The list of supervision cards on PostgreSQL: the SQLite half's tests, as they are."""

from __future__ import annotations

import pytest

from tests.activities.conftest import Town
from tests.activities.test_cards import Desk, desk_over
from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

globals().update(the_tests_of("tests.activities.test_card_lists", without=("desk",)))


@pytest.fixture
def desk(town: Town) -> Desk:
    return desk_over(town)
