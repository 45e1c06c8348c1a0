"""What is armed follows from the history wherever it is cut; each fault on both of its sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.armed import (
    IN_CHINESE,
    RESTS_AFTER,
    TOLERANCE,
    WEDGED_AT,
    Fault,
    Heard,
    Seen,
    carried,
    fault_of,
    rings_at,
)

DUE = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
RUNNING = Seen(run_id="r1", armed={"1": DUE})


def fault(seen: Seen, *, is_open: bool = True, due_at: datetime | None = DUE) -> Fault | None:
    return fault_of(seen, is_open=is_open, due_at=due_at, late_before=LONG_AGO)


@st.composite
def histories(draw: st.DrawFn) -> list[Heard]:
    """Timers that are started once each and may fire or be cancelled later."""
    heard: list[Heard] = []
    armed: list[str] = []
    for number in range(draw(st.integers(0, 30))):
        ends = draw(st.booleans())
        if armed and ends:
            gone = armed.pop(draw(st.integers(0, len(armed) - 1)))
            heard.append(Heard("fired" if draw(st.booleans()) else "cancelled", gone))
        else:
            seconds = draw(st.integers(0, 10**8))
            heard.append(Heard("started", str(number), DUE + timedelta(seconds=seconds)))
            armed.append(str(number))
    return heard


@given(histories(), st.data())
def test_reading_on_from_a_mark_gives_what_reading_the_whole_gives(
    heard: list[Heard], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(heard)))
    assert carried(carried({}, heard[:cut]), heard[cut:]) == carried({}, heard)


@given(histories())
def test_armed_is_what_was_started_and_has_neither_fired_nor_been_cancelled(
    heard: list[Heard],
) -> None:
    gone = {one.timer for one in heard if one.what != "started"}
    started = {one.timer: one.at for one in heard if one.what == "started"}
    assert carried({}, heard) == {k: at for k, at in started.items() if k not in gone}


def test_one_timer_at_its_instant_is_right() -> None:
    assert fault(RUNNING) is None


@pytest.mark.parametrize("sign", [1, -1])
def test_a_timer_at_the_tolerance_is_right_and_beyond_it_is_not(sign: int) -> None:
    assert fault(replace(RUNNING, armed={"1": DUE + sign * TOLERANCE})) is None
    beyond = TOLERANCE + timedelta(microseconds=1)
    assert fault(replace(RUNNING, armed={"1": DUE + sign * beyond})) == "misarmed"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (replace(RUNNING, is_known=False), "missing"),
        (replace(RUNNING, closed_as="terminated"), "closed"),
        (replace(RUNNING, is_reset=True), "reset"),
        (replace(RUNNING, failing=WEDGED_AT), "wedged"),
        (replace(RUNNING, failing=WEDGED_AT - 1), None),
        (replace(RUNNING, behind=True), "behind"),
        (replace(RUNNING, armed={}), "unarmed"),
        (replace(RUNNING, armed={"1": DUE, "2": DUE}), "doubled"),
    ],
)
def test_what_is_wrong_with_an_open_case_has_its_name(seen: Seen, expected: Fault | None) -> None:
    assert fault(seen) == expected


def test_without_an_instant_no_timer_may_wait() -> None:
    assert fault(replace(RUNNING, armed={}), due_at=None) is None
    assert fault(RUNNING, due_at=None) == "stray"


def test_timers_are_not_judged_while_a_step_is_under_way() -> None:
    assert fault(replace(RUNNING, armed={}, is_busy=True)) is None


def test_a_failing_task_is_judged_although_it_is_under_way() -> None:
    assert fault(replace(RUNNING, failing=WEDGED_AT, is_busy=True)) == "wedged"


def test_a_case_that_is_over_needs_no_workflow_and_may_have_none_running() -> None:
    assert fault(Seen(is_known=False), is_open=False) is None
    assert fault(replace(RUNNING, closed_as="completed"), is_open=False) is None
    assert fault(RUNNING, is_open=False) == "lingering"
    assert fault(replace(RUNNING, is_busy=True), is_open=False) is None


def test_an_armed_timer_is_late_only_from_the_instant_that_is_given() -> None:
    at = fault_of(RUNNING, is_open=True, due_at=DUE, late_before=DUE)
    after = fault_of(RUNNING, is_open=True, due_at=DUE, late_before=DUE + timedelta(microseconds=1))
    assert (at, after) == (None, "late")


def test_every_fault_is_told_in_chinese() -> None:
    assert set(IN_CHINESE) == set(Fault.__args__)  # type: ignore[attr-defined]


# --- cases that come to rest ---

TICK = timedelta(microseconds=1)


def test_an_instant_of_a_live_case_rings_at_itself() -> None:
    assert rings_at(DUE, None) == DUE


def test_an_instant_before_the_rest_rings_at_the_rest_and_one_after_at_itself() -> None:
    rest = DUE + TICK
    assert rings_at(DUE, rest - RESTS_AFTER) == rest
    assert rings_at(DUE, DUE - RESTS_AFTER) == DUE
    assert rings_at(DUE, DUE - TICK - RESTS_AFTER) == DUE


def test_a_rest_may_be_put_off_so_far_and_no_further() -> None:
    latest = DUE + RESTS_AFTER
    for fires_at, expected in (
        (DUE, None),
        (latest + TOLERANCE, None),
        (latest + TOLERANCE + TICK, "misarmed"),
        (DUE - TOLERANCE - TICK, "misarmed"),
    ):
        seen = replace(RUNNING, armed={"1": fires_at})
        found = fault_of(seen, is_open=True, due_at=DUE, late_before=LONG_AGO, put_off_to=latest)
        assert found == expected, fires_at


def test_a_case_that_is_past_its_rest_without_a_timer_is_unarmed() -> None:
    seen = replace(RUNNING, armed={})
    found = fault_of(
        seen, is_open=True, due_at=DUE, late_before=LONG_AGO, put_off_to=DUE + RESTS_AFTER
    )
    assert found == "unarmed"
