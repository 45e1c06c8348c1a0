"""What `tests.forms.test_wall` asks of the stores, on PostgreSQL."""

import pytest

from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.forms.test_wall",
        only=(
            "test_the_wall_has_the_gravest_first_and_says_how_many_more",
            "test_the_cases_clocks_are_shown_to_whom_the_board_is_open",
            "test_a_wall_that_was_opened_goes_on_and_nothing_else_does",
            "test_ending_a_person_s_sessions_ends_their_walls",
        ),
    )
)
