"""The entry by which a case goes to the archive says how many there are."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from audit.canonical import canonical_bytes
from audit.entry import EntryInvalid, parse_entry
from audit.tables import audit_outbox
from tests.activities.conftest import Town


def bodies(town: Town) -> list[dict[str, Any]]:
    with town.engine.connect() as connection:
        rows = connection.scalars(select(audit_outbox.c.body).order_by(audit_outbox.c.pos))
        return [json.loads(row) for row in rows]


def test_the_last_step_of_a_case_counts_its_entries(town: Town) -> None:
    state = town.filed()
    town.outcome(state, town.order("decide", {"result": "grant"}, by="u:a"))  # refused: an entry
    state, _ = town.settle(state, town.order("withdraw", {}, by="u:d"))
    assert state.stage == "ended"
    written = bodies(town)
    assert [body["s"].get("count") for body in written] == [None, None, 3]
    assert [body["act"] for body in written] == ["file", "decide", "withdraw"]


def test_a_count_that_is_not_the_entrys_own_place_is_no_entry(town: Town) -> None:
    town.filed()
    body = bodies(town)[0]
    place = body["s"]
    assert parse_entry(canonical_bytes({**body, "s": {**place, "count": 1}}))
    for count in (0, 2, True):
        with pytest.raises(EntryInvalid):
            parse_entry(canonical_bytes({**body, "s": {**place, "count": count}}))
