"""What `tests.forms.test_saved_filters` asks of the stores, on PostgreSQL."""

import pytest

from tests.postgres.conftest import the_tests_of

pytestmark = pytest.mark.long

globals().update(the_tests_of("tests.forms.test_saved_filters"))
