"""When the census mends and when it does not: both sides of each limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cases.armed import Fault, Seen
from cases.census import Looked
from yichuang.census import Judged, is_to_mend
from yichuang.census_telling import Pace

NOW = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)
PACE = Pace()
RUNNING = Seen(run_id="r1")
CONFIRMED = Looked("c1", 1, NOW, fault="unarmed", fault_since=NOW - PACE.every / 2)
TICK = timedelta(microseconds=1)


def mends(looked: Looked, seen: Seen = RUNNING, in_storm: bool = False) -> bool:
    return is_to_mend(Judged(None, seen, looked), NOW, PACE, in_storm)


def test_a_fault_is_mended_when_it_is_seen_again_and_not_at_first_sight() -> None:
    assert mends(CONFIRMED)
    assert not mends(replace(CONFIRMED, fault_since=NOW - PACE.every / 2 + TICK))


def test_what_is_well_is_not_mended() -> None:
    assert not mends(replace(CONFIRMED, fault=None, fault_since=None))


def test_a_run_that_remembers_more_than_the_rows_is_never_ended() -> None:
    assert not mends(replace(CONFIRMED, fault="ahead"))


@pytest.mark.parametrize(
    ("fault", "mended"), [("unarmed", False), ("wedged", True), ("behind", True), ("reset", True)]
)
def test_a_busy_run_is_ended_only_for_what_keeps_it_busy(fault: Fault, mended: bool) -> None:
    assert mends(replace(CONFIRMED, fault=fault), replace(RUNNING, is_busy=True)) == mended


def test_one_late_case_is_mended_and_none_of_a_storm() -> None:
    late = replace(CONFIRMED, fault="late")
    assert mends(late)
    assert not mends(late, in_storm=True)
    assert mends(CONFIRMED, in_storm=True)


@pytest.mark.parametrize(("times", "minutes"), [(1, 1), (2, 4), (3, 16)])
def test_the_same_case_is_mended_again_only_after_a_growing_pause(times: int, minutes: int) -> None:
    at = NOW - timedelta(minutes=minutes)
    again = replace(CONFIRMED, mends=times)
    assert not mends(replace(again, mended_at=at))
    assert mends(replace(again, mended_at=at - TICK))


def test_what_was_begun_is_finished_at_once() -> None:
    begun = replace(CONFIRMED, mends=1, mended_at=NOW, mending="unarmed:r0:", fault_since=NOW)
    assert mends(begun)
