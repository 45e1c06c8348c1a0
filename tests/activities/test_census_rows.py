"""The census's questions to SQL: what is expected, overdue, late, moved; and the lease."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, text

from activities.settle import Settlement
from cases import approval, census, leases
from cases.armed import RESTS_AFTER
from cases.census import Instant, Looked, lateness_of, open_instants
from cases.database import reading
from cases.messages import Command
from cases.orders import ApprovalInput
from cases.settling import Batch
from cases.state import CaseState, Timer
from cases.store import state_text
from cases.tables import step
from policies.warrants import WarrantSigner, verify
from tests.activities.conftest import FORGERIES, PRIVATE, START, Town, followed
from workflows.approval import timer_command

HOUR = timedelta(hours=1)


def due(state: CaseState) -> datetime:
    return approval.pending_timers(state)[0].due_at


def rung(town: Town, state: CaseState) -> CaseState:
    """Settle the law's order for the earliest instant, with the worker's own warrant."""
    order = timer_command(state.case_id, approval.pending_timers(state)[0])
    pen = WarrantSigner("worker", Ed25519PrivateKey.from_private_bytes(PRIVATE))
    warranted = order.model_copy(update={"warrant": pen.of_law(order, "p1", town.start)})

    def own(command: Command) -> None:
        assert command.warrant is not None
        verify(command.warrant, command, {"worker": pen.public_key}, command.warrant.issued_at)

    settlement = Settlement(town.engine, replace(town.planner, verify=own), FORGERIES)
    return followed(state, settlement.settle(Batch(state=state, commands=(warranted,))))


# --- what the rows expect ---


def test_the_earliest_open_instant_is_expected(town: Town) -> None:
    state = town.filed()
    with reading(town.engine) as connection:
        one = census.expected(connection, [state.case_id])[state.case_id]
    assert (one.seq, one.is_open, one.case_no) == (1, True, state.case_no)
    assert one.instant == Instant("notice", due(state))


def test_an_unknown_case_is_left_out(town: Town) -> None:
    with reading(town.engine) as connection:
        assert census.expected(connection, ["nobody"]) == {}


def timer(key: str, hours: int) -> Timer:
    return Timer(key=key, due_at=START + hours * HOUR, article="xkf-42")


def test_stored_instants_are_read_as_the_state_itself_tells_them(town: Town) -> None:
    timers = (timer("b", 2), timer("a", 2), timer("c", 1), timer("d", 3))
    passed = {"c": timers[2].due_at, "d": START}
    state = town.filed().model_copy(update={"timers": timers, "passed": passed})
    told = tuple((one.key, one.due_at) for one in approval.pending_timers(state))
    assert tuple((o.key, o.due_at) for o in open_instants(state_text(state))) == told
    assert [key for key, _ in told] == ["a", "b", "d"]


def told_past(town: Town) -> tuple[CaseState, datetime]:
    """Return a case that was backfilled a year later, and when that was recorded."""
    town.start = START + timedelta(days=365)
    state = town.filed(at=START, backfill=True)
    with reading(town.engine) as connection:
        at = connection.execute(select(step.c.recorded_at)).scalar_one()
    return state, at


def test_what_came_due_before_it_was_told_is_expected_at_the_rest(town: Town) -> None:
    state, recorded_at = told_past(town)
    with reading(town.engine) as connection:
        one = census.expected(connection, [state.case_id])[state.case_id]
    assert one.instant == Instant("notice", due(state))
    assert (one.rings_at, one.comes_to_rest) == (recorded_at + RESTS_AFTER, True)


def test_the_newest_backfilled_order_says_when_a_case_rests(town: Town) -> None:
    state, _ = told_past(town)
    town.start += HOUR
    accept = town.order("accept", {}, at=START + HOUR, backfill=True)
    state, settled = town.settle(state, accept)
    town.start += HOUR
    live = town.order("urge", {"text": "快"}, id="live")
    state, _ = town.settle(state, live)
    with reading(town.engine) as connection:
        one = census.expected(connection, [state.case_id])[state.case_id]
        held = census.held_input(connection, state.case_id)
    recorded_at = settled.steps[0].outcome.recorded_at
    assert held is not None
    assert one.backfilled_at == held.backfilled_at == recorded_at


def test_a_live_case_waits_for_no_rest(town: Town) -> None:
    state = town.filed()
    town.start += HOUR
    late = town.order("urge", {"text": "快"}, at=START + HOUR / 2, backfill=True)
    state, _ = town.settle(state, late)
    with reading(town.engine) as connection:
        one = census.expected(connection, [state.case_id])[state.case_id]
        held = census.held_input(connection, state.case_id)
    assert one.backfilled_at is None and held is not None and held.backfilled_at is None
    assert (one.rings_at, one.comes_to_rest) == (due(state), False)


def test_a_lost_case_goes_on_with_the_ids_it_has_answered(town: Town) -> None:
    state = town.filed()
    state, _ = town.settle(state, town.order("accept", {}))
    with reading(town.engine) as connection:
        held = census.held_input(connection, state.case_id)
        ids = census.recent_commands(connection, state.case_id, 10)
        newest = census.recent_commands(connection, state.case_id, 1)
    assert held == ApprovalInput(case_id=state.case_id, state=state)
    assert ids == ("c1-file-window", "c1-accept-window")
    assert newest == ids[1:]


# --- SQL alone ---


def test_an_instant_is_overdue_after_a_minute_and_not_before(town: Town) -> None:
    state = town.filed()
    minute = census.OVERDUE_AFTER
    with reading(town.engine) as connection:
        assert census.overdue(connection, due(state) + minute) == []
        (one,) = census.overdue(connection, due(state) + minute + timedelta(microseconds=1))
    assert (one.case_id, one.key, one.due_at) == (state.case_id, "notice", due(state))


def test_an_instant_with_its_event_is_not_overdue(town: Town) -> None:
    state = town.filed()
    at = due(state)
    town.start = at + timedelta(seconds=3)
    after = rung(town, state)
    assert "notice" in after.passed
    with reading(town.engine) as connection:
        late = census.overdue(connection, at + HOUR)
    assert [one.key for one in late] == []


def test_the_event_of_another_timer_at_the_same_instant_does_not_count(town: Town) -> None:
    state = town.filed()
    detail = json.dumps({"timer": "no_ice"}, separators=(",", ":"))
    with town.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO clock_event (case_id, seq, n, kind, at, article, detail) "
                "SELECT case_id, 1, 90, 'timer_passed', due_at, '', :d FROM timer"
            ),
            {"d": detail},
        )
        connection.execute(text("UPDATE timer SET key = 'no-ice'"))
    with reading(town.engine) as connection:
        (one,) = census.overdue(connection, due(state) + HOUR)
    assert one.key == "no-ice"


def test_a_closed_case_is_not_overdue(town: Town) -> None:
    state = town.filed()
    with town.engine.begin() as connection:
        connection.execute(text("UPDATE case_file SET is_open = :f"), {"f": False})
    with reading(town.engine) as connection:
        assert census.overdue(connection, due(state) + HOUR) == []


def test_what_a_backfilled_case_had_to_tell_is_overdue_a_minute_after_its_rest(town: Town) -> None:
    state, recorded_at = told_past(town)
    rest = recorded_at + RESTS_AFTER + census.OVERDUE_AFTER
    with reading(town.engine) as connection:
        assert census.overdue(connection, rest) == []
        late = census.overdue(connection, rest + timedelta(microseconds=1))
    assert ("notice", due(state)) in [(one.key, one.due_at) for one in late]


def test_a_passed_instant_of_a_backfilled_case_is_late_from_its_rest(town: Town) -> None:
    state, recorded_at = told_past(town)
    town.start = recorded_at + RESTS_AFTER + timedelta(seconds=40)
    rung(town, state)
    with reading(town.engine) as connection:
        late = census.firings(connection, recorded_at)
    assert late.count == 1 and 40 <= late.max < 60


def test_lateness_is_what_lies_between_the_instant_and_its_record(town: Town) -> None:
    state = town.filed()
    at = due(state)
    town.start = at + timedelta(seconds=30)
    rung(town, state)
    with reading(town.engine) as connection:
        late = census.firings(connection, at)
        none = census.firings(connection, at + HOUR)
    assert late.count == 1 and 30 <= late.max < 60
    assert none.count == 0


def test_an_instant_that_was_past_when_it_became_known_counts_from_then(town: Town) -> None:
    state = town.filed()
    at = due(state)
    town.start = at + HOUR
    rung(town, state)
    with town.engine.begin() as connection:
        connection.execute(
            text("UPDATE step SET recorded_at = (SELECT max(recorded_at) FROM step) WHERE seq = 1")
        )
    with reading(town.engine) as connection:
        late = census.firings(connection, at)
    assert late.max == 0.0


@pytest.mark.parametrize(
    ("seconds", "p50", "p95", "most"),
    [([5.0], 5.0, 5.0, 5.0), ([float(n) for n in range(100)], 50.0, 95.0, 99.0)],
)
def test_shares_of_lateness(seconds: list[float], p50: float, p95: float, most: float) -> None:
    late = lateness_of(reversed(seconds))
    assert (late.count, late.p50, late.p95, late.max) == (len(seconds), p50, p95, most)


# --- which cases ---


def a_look(state: CaseState, **more: object) -> Looked:
    looked = Looked(state.case_id, state.seq, START, run_id="r1", is_proven=True)
    return replace(looked, **more)  # type: ignore[arg-type]


def save(town: Town, *looks: Looked) -> None:
    with town.engine.begin() as connection:
        census.save(connection, looks)


def test_a_look_is_kept_as_it_was(town: Town) -> None:
    look = a_look(
        town.filed(),
        due_at=START + HOUR,
        run_started_at=START,
        event_id=12,
        event_at=START,
        armed={"1": START + HOUR},
        fault="misarmed",
        fault_since=START,
        mends=2,
        mended_at=START,
        mending="misarmed:r1:",
    )
    save(town, look)
    save(town, replace(look, event_id=13))
    with reading(town.engine) as connection:
        assert census.looked(connection, [look.case_id]) == {
            look.case_id: replace(look, event_id=13)
        }
        assert census.at_fault(connection) == [replace(look, event_id=13)]


def test_a_case_is_unread_until_it_was_looked_at_where_its_rows_stand(town: Town) -> None:
    state = town.filed()
    with reading(town.engine) as connection:
        assert census.unread(connection, 10) == [state.case_id]
    save(town, a_look(state))
    with reading(town.engine) as connection:
        assert census.unread(connection, 10) == []
    town.settle(state, town.order("accept", {}))
    with reading(town.engine) as connection:
        assert census.unread(connection, 10) == [state.case_id]


def test_a_case_that_is_over_is_unread_while_a_look_is_kept(town: Town) -> None:
    state = town.filed()
    save(town, a_look(state))
    with town.engine.begin() as connection:
        connection.execute(text("UPDATE case_file SET is_open = :f"), {"f": False})
    with reading(town.engine) as connection:
        assert census.unread(connection, 10) == [state.case_id]
    with town.engine.begin() as connection:
        census.forget(connection, [state.case_id])
    with reading(town.engine) as connection:
        assert census.unread(connection, 10) == []


def test_a_settled_step_is_seen_as_moved(town: Town) -> None:
    state = town.filed()
    with reading(town.engine) as connection:
        assert census.moved_since(connection, START) == [state.case_id]
        assert census.moved_since(connection, START + HOUR) == []


def test_the_longest_unseen_come_first(town: Town) -> None:
    looks = [a_look(town.filed(f"c{n}"), looked_at=START + (3 - n) * HOUR) for n in range(3)]
    save(town, *looks)
    with reading(town.engine) as connection:
        assert census.longest_unseen(connection, 2) == [looks[2].case_id, looks[1].case_id]
    with town.engine.begin() as connection:
        census.seen_again(connection, [looks[2].case_id], START + 9 * HOUR)
    with reading(town.engine) as connection:
        assert census.longest_unseen(connection, 1) == [looks[1].case_id]


def test_runs_are_counted_by_their_beginnings_and_those_gone_are_not_waited_for(
    town: Town,
) -> None:
    looks = [a_look(town.filed(f"c{n}"), run_started_at=START + n * HOUR) for n in range(4)]
    save(town, *looks[:3], replace(looks[3], fault="missing", fault_since=START))
    with reading(town.engine) as connection:
        assert census.count_started(connection, None, START + 9 * HOUR) == 3
        assert census.count_started(connection, START + HOUR, START + 2 * HOUR) == 1
        assert census.middle_start(connection, None, START + 9 * HOUR, 3) == START + HOUR
        assert census.started_between(connection, START + 2 * HOUR, None, 9) == [looks[2].case_id]


# --- the lease ---


def test_a_lease_is_held_by_one_until_it_runs_out(town: Town) -> None:
    def take(holder: str, at: datetime) -> bool:
        with town.engine.begin() as connection:
            return leases.take(connection, "census", holder, at, HOUR)

    assert take("a", START)
    assert not take("b", START + HOUR)
    assert take("a", START + HOUR)
    assert not take("b", START + 2 * HOUR)
    assert take("b", START + 2 * HOUR + timedelta(microseconds=1))
    assert not take("a", START + 2 * HOUR + timedelta(minutes=1))


def test_what_the_holder_notes_is_read_and_what_another_notes_is_not(town: Town) -> None:
    with town.engine.begin() as connection:
        assert leases.noted(connection, "census") is None
        leases.take(connection, "census", "a", START, HOUR)
        leases.note(connection, "census", "a", START, {"unarmed": 0})
        leases.note(connection, "census", "b", START, {"unarmed": 9})
        noted = leases.noted(connection, "census")
        leases.let_go(connection, "census", "a", START)
        assert leases.take(connection, "census", "b", START + timedelta(seconds=1), HOUR)
    assert noted == leases.Note("a", START.astimezone(UTC), {"unarmed": 0})
