"""The list of supervision cards: each state holds exactly the cards that are in it, and from sums
made ahead every list is what the rows say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from cases.card_lists import card_list
from cases.card_views import CardList, CardQuery
from cases.database import one_moment
from cases.tallied import EVERYBODY, opened
from tests.activities.test_cards import Desk, accepted, desk, explained
from tests.activities.test_metrics import ZONE
from tests.activities.test_tally import summed

__all__ = ["desk"]

STATES = ("", "due", "missed", "given", "returned", "accepted", "revoked")
ASKED: tuple[dict[str, str], ...] = (
    *({"state": state} for state in (*STATES, "stands")),
    *({"level": level} for level in ("reminder", "warning", "yellow", "red")),
    {"department": "scjg"}, {"department": "zjj"},
    {"department": "scjg", "state": "stands", "level": "yellow"},
)  # fmt: skip


def both(desk: Desk, asked: Sequence[Mapping[str, object]]) -> list[tuple[CardList, CardList]]:
    """Return every list by rows and from sums, at one moment."""
    with one_moment(desk.town.engine) as connection:
        kept = opened(connection, EVERYBODY, ZONE)
        assert kept is not None
        queries = [CardQuery.model_validate(one) for one in asked]
        rows, sums = (
            [card_list(connection, EVERYBODY.where, one, ZONE, how) for one in queries]
            for how in (None, kept)
        )
    return list(zip(rows, sums, strict=True))


def holds(desk: Desk) -> set[str]:
    """Hold every list to its rows, with and without a mark; return the states that were found."""
    for _ in ("marked", "summed"):
        for asked, (rows, sums) in zip(ASKED, both(desk, ASKED), strict=True):
            assert sums == rows, asked
            assert len(rows.rows) == rows.total
            state = asked.get("state", "")
            for one in rows.rows:
                assert state in ("", one.state) or (state == "stands" and one.state != "revoked")
        summed(desk.town)
    (every, _), *by_state = both(desk, ASKED[: len(STATES)])
    assert sum(one.total for one, _ in by_state) == len([one for one in every.rows if one.state])
    return {one.state for one in every.rows}


def test_every_state_lists_its_own_cards_and_sums_say_the_same(desk: Desk) -> None:
    accepted(desk)
    summed(desk.town)
    assert holds(desk) == set()
    key = explained(desk)
    number, found = key.removeprefix("explain-"), holds(desk)
    said = {"task": key, "cause": "人手不足", "measures": "增派一人"}
    assert desk.do("explain_card", said, "u:head", "2026-03-17T09:00").status == "done"
    found |= holds(desk)
    review = {"card": number, "result": "returned", "text": "没有写整改措施"}
    assert desk.do("review_explanation", review, "u:sup", "2026-03-17T10:00").status == "done"
    found |= holds(desk)
    revoke = {"card": number, "reason": "系统停机所致"}
    assert desk.do("revoke_card", revoke, "u:sup", "2026-03-17T11:00").status == "done"
    found |= holds(desk)
    assert found == {"", "due", "given", "returned", "revoked"}


def test_the_days_of_a_filter_are_read_from_the_rows(desk: Desk) -> None:
    summed(desk.town)
    explained(desk)
    summed(desk.town)
    ((every, _),) = both(desk, [{}])
    day = min(one.at for one in every.rows).astimezone(ZoneInfo(ZONE)).date()
    (one, same), (none, nothing) = both(
        desk, [{"since": day, "until": day}, {"until": date(2020, 1, 1)}]
    )
    assert (one, none) == (same, nothing)
    assert (one.total, none.total) == (1, 0)
