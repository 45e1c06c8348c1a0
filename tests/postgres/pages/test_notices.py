"""What `tests.forms.test_notices` asks of the stores, on PostgreSQL."""

import pytest

from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.forms.test_notices",
        only=(
            "test_two_processes_make_one_digest",
            "test_the_digest_links_to_the_lists_that_it_counts",
        ),
    )
)
