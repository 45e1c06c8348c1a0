"""A calendar changed in the past: instants, ledgers and rows of a case follow, and follow back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cases import approval, clock_check, retiming
from cases.clock_rows import differences
from cases.database import reading
from cases.messages import Retimed, case_id_for
from cases.state import CaseState
from catalogue.working_days import NONE, Calendar
from policies.warrants import WarrantSigner
from tests.activities.conftest import PRIVATE, Town, food, recorded, small_city
from workflows.approval import timer_command

START = datetime(2020, 1, 20, 1, 0, tzinfo=UTC)
"""Monday before the Spring Festival whose holiday was lengthened when it had begun."""
FESTIVAL = frozenset(date(2020, 1, 24) + timedelta(days=n) for n in range(7))
EXTENSION = frozenset({date(2020, 1, 31), date(2020, 2, 1), date(2020, 2, 2)})
FIRST, LAST = date(2020, 1, 1), date(2020, 12, 31)
BEFORE = Calendar("cn", "2019-notice", FIRST, LAST, off=FESTIVAL, on=frozenset({date(2020, 2, 1)}))
AFTER = Calendar("cn", "2020-extension", FIRST, LAST, off=FESTIVAL | EXTENSION)
CASE = case_id_for("test", "c1")


def by(town: Town, calendar: Calendar) -> None:
    matters = (food(日历="cn"), recorded())
    calendars = {"cn": calendar, "none": NONE}
    town.matters = replace(small_city(), matters=matters, calendars=calendars)


@pytest.fixture
def case(town: Town) -> CaseState:
    by(town, BEFORE)
    town.start = START
    state = town.filed()
    accepted = town.order("accept", {"mode": "plain"}, by="u:a", at=START + timedelta(days=1))
    return town.settle(state, accepted)[0]


def retimed(town: Town, state: CaseState, calendar: Calendar, cause: str) -> CaseState:
    """Let another calendar count, and a step come that derives the instants first."""
    by(town, calendar)
    urged = town.order(
        "urge", {"text": "请抓紧"}, by="u:b", id=cause, at=START + timedelta(days=30)
    )
    return town.settle(state, urged)[0]


def rows_agree(town: Town, calendar: Calendar) -> bool:
    with reading(town.engine) as connection:
        derived = clock_check.lines_of(connection, CASE, {"cn": calendar})
        return differences(connection, CASE, derived) == []


def test_two_days_taken_from_the_past_move_every_instant_behind_them_and_the_rows(
    town: Town, case: CaseState
) -> None:
    after = retimed(town, case, AFTER, "one")
    moved = {one.key: one for one in approval.moved(case.timers, after.timers)}
    assert set(moved) == {"statutory", "promised"}
    for one in moved.values():
        assert one.before is not None and one.after is not None
        assert one.after.due_at > one.before.due_at
        assert one.after.calendar_version == "2020-extension"
    assert rows_agree(town, AFTER)


def test_what_was_taken_and_given_back_leaves_instants_and_rows_as_they_were(
    town: Town, case: CaseState
) -> None:
    there = retimed(town, case, AFTER, "one")
    back = retimed(town, there, BEFORE, "two")
    assert back.timers == case.timers
    assert there.timers != case.timers
    assert rows_agree(town, BEFORE)


def test_an_instant_that_the_old_calendar_let_pass_does_not_pass_by_the_new_one(
    town: Town, case: CaseState
) -> None:
    old = next(one.due_at for one in case.timers if one.key == "promised")
    by(town, AFTER)
    between = old + timedelta(hours=1)
    after, _ = town.settle(case, town.order("urge", {"text": "?"}, by="u:b", at=between))
    assert "promised" not in after.passed
    by(town, BEFORE)
    again, _ = town.settle(
        after, town.order("urge", {"text": "?"}, by="u:b", id="later", at=between)
    )
    assert again.passed["promised"] == old


def test_a_ring_for_an_instant_that_has_moved_moves_it_and_passes_nothing(
    town: Town, case: CaseState
) -> None:
    ringing = next(one for one in case.timers if one.key == "promised")
    town.signer = WarrantSigner("worker", Ed25519PrivateKey.from_private_bytes(PRIVATE))
    by(town, AFTER)
    ring = timer_command(CASE, ringing)
    warrant = town.signer.of_law(ring, "p1", ringing.due_at)
    after, settled = town.settle(case, ring.model_copy(update={"warrant": warrant}))
    assert settled.steps[0].outcome.status == "done"
    assert [one.kind for one in settled.steps[0].events] == ["retimed", "timers_set"]
    assert "promised" not in after.passed
    new = next(one for one in after.timers if one.key == "promised")
    ring = timer_command(CASE, new)
    warrant = town.signer.of_law(ring, "p1", new.due_at)
    rung, _ = town.settle(after, ring.model_copy(update={"warrant": warrant}))
    assert rung.passed["promised"] == new.due_at


def test_rows_of_an_ended_clock_counted_by_older_days_are_found(
    town: Town, case: CaseState
) -> None:
    found = retiming.with_older_rows(town.engine, ["cn"], date(2020, 1, 20), "2020-extension")
    assert found == [CASE]
    assert retiming.with_older_rows(town.engine, ["cn"], date(2020, 2, 20), "x") == []
    assert retiming.with_older_rows(town.engine, ["cn"], date(2020, 1, 20), "2019-notice") == []


def test_only_the_worker_orders_a_retiming(town: Town, case: CaseState) -> None:
    why = Retimed(cause="c", kind="calendar", name="cn", version="x", article="XKF-82")
    forged = town.order("retimed", why.model_dump(mode="json"), by="u:window")
    outcome = town.outcome(case, forged)
    assert (outcome.status, outcome.code) == ("refused", "issuer_not_allowed")
