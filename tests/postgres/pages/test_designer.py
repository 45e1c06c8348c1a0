"""What `tests.forms.test_designer` asks of the stores, on PostgreSQL."""

import pytest

from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.forms.test_designer",
        only=(
            "test_a_draft_is_changed_looked_at_and_sent",
            "test_what_two_windows_type_is_both_kept",
            "test_a_department_drafts_its_own_matters_and_no_other_s",
        ),
    )
)
