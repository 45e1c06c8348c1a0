"""The last day of a licence, as a decision may give it."""

import pytest
from pydantic import ValidationError

from cases.messages import Decide


@pytest.mark.parametrize("day", ["", "2031-11-21", "2028-02-29"])
def test_a_day_that_the_calendar_has_is_taken(day: str) -> None:
    assert Decide(result="grant", valid_until=day).valid_until == day


@pytest.mark.parametrize("day", ["2031-13-01", "2027-02-29", "20311121", "明年"])
def test_a_day_that_the_calendar_has_not_is_refused(day: str) -> None:
    with pytest.raises(ValidationError, match="valid_until"):
        Decide(result="grant", valid_until=day)
