"""What `tests.forms.test_supervision` asks of the stores, on PostgreSQL."""

import pytest

from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.forms.test_supervision",
        only=(
            "test_the_board_links_each_count_to_its_list",
            "test_each_number_leads_to_a_list_as_long_as_it_says",
            "test_departments_are_sorted_by_the_column_that_was_asked_for",
        ),
    )
)
