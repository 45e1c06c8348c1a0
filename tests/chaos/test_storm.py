"""A storm of signals into a living city whose parts are killed: each is accounted for, once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.storm import VICTIMS, Report, weather
from benchmarks.storm_plan import REPEATS, storm

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

COUNT, SECONDS, KILLS_EVERY = 1_000, 40.0, 6.5
"""A tenth of `bench storm`, in a fifteenth of its time."""


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    yield weather(COUNT, SECONDS, KILLS_EVERY)


def test_every_signal_is_accounted_for_under_kills_and_each_incident_stands_once(
    report: Report,
) -> None:
    assert report.faults == []
    assert set(report.killed) == set(VICTIMS)
    assert sum(report.states.values()) == len(storm(COUNT).keys)


def test_the_two_red_ones_were_dispatched(report: Report) -> None:
    assert len(report.red_ms) == 2


def test_a_storm_has_as_many_repeats_as_it_says() -> None:
    made = storm(COUNT)
    assert len(made.sent) == COUNT
    repeats = COUNT - len(made.keys) + len(made.again)
    assert repeats == round(COUNT * REPEATS)
