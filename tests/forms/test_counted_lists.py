"""How many lines a list has, as its page says it."""

from __future__ import annotations

import pytest

from cases.views import Worklist, WorklistQuery
from forms.lists import _links, _note
from forms.rendering import tally


def listed(total: int, counted_to: int = 1000, **by_stage: int) -> Worklist:
    return Worklist(
        rows=(), total=total, warning=0, overdue=0, page=1, pages=2, by_stage=by_stage,
        counted_to=counted_to,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("number", "to", "said"),
    [(0, 1000, "0"), (1000, 1000, "1000"), (1001, 1000, "1000+"), (333212, 0, "333212")],
)
def test_a_number_beyond_what_was_counted_says_so(number: int, to: int, said: str) -> None:
    assert tally(number, to) == said


def test_the_exact_number_is_offered_only_where_it_is_not_shown() -> None:
    query = WorklistQuery(scope="team", stage="review")
    assert _links(query, listed(1001), "")["exact"] == "/team?stage=review&exact=1&page=1"
    assert _links(query, listed(1000, review=1000), "")["exact"] == ""
    exact = query.model_copy(update={"exact": True})
    assert _links(exact, listed(5000, 0, review=5000), "")["exact"] == ""
    # The next page is not counted to the end again.
    assert "exact" not in _links(exact, listed(5000, 0, review=5000), "")["next"]


def test_a_stage_has_no_number_where_its_lines_were_not_counted() -> None:
    assert _note(listed(1001), "review") == ""
    assert _note(listed(3, review=3), "review") == "3"
    assert _note(listed(3, review=3), "decision") == "0"
    assert _note(listed(0), "review") == "0"
