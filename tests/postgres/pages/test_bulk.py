"""What `tests.forms.test_bulk` asks of the stores, on PostgreSQL."""

import pytest

from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.forms.test_bulk",
        only=(
            "test_ticked_rows_are_tried_then_claimed",
            "test_two_people_who_send_the_same_order_give_two_orders",
            "test_a_supervisor_issues_cards_on_many_cases",
            "test_the_chosen_lines_leave_as_a_file",
        ),
    )
)
