"""What `tests.forms.test_preferences` asks of the stores, on PostgreSQL."""

import pytest

from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.forms.test_preferences",
        only=(
            "test_a_choice_is_kept_for_the_account_in_every_session",
            "test_the_next_task_opens_and_says_which_was_finished_and_which_this_is",
        ),
    )
)
