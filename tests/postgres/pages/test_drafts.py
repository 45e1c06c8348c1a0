"""What `tests.forms.test_drafts` asks of the stores, on PostgreSQL."""

import pytest

from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.forms.test_drafts",
        only=(
            "test_who_saves_second_sees_both_and_chooses_field_by_field",
            "test_a_file_comes_in_pieces_and_goes_on_where_it_stopped",
            "test_nobody_else_adds_to_a_file_on_its_way",
            "test_filing_an_older_page_shows_both_versions_first",
        ),
    )
)
