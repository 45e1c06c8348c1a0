"""What `tests.forms.test_separation` asks of the stores, on PostgreSQL."""

import pytest

from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.forms.test_separation",
        only=("test_every_office_of_everybody_is_counted_and_found_by_role_and_place",),
    )
)
