"""受理先后 and 不得再次申请 on PostgreSQL: the same answers as on SQLite."""

from __future__ import annotations

import pytest

from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

globals().update(the_tests_of("tests.activities.test_bars"))
globals().update(the_tests_of("tests.activities.test_order_of_acceptance"))
