"""Each benchmark runs whole, small, and gives the figures that were asked of it. No time is held:
machines differ."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from benchmarks import authorize, census, clock, document, intake, timers, worklist

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

ASKED = ("name", "value", "unit", "baseline", "ratio")


def as_told(found: dict[str, Any]) -> dict[str, Any]:
    """Return what `bench NAME --json` prints of it."""
    told: dict[str, Any] = json.loads(json.dumps(found, ensure_ascii=False))
    assert tuple(told)[: len(ASKED)] == ASKED
    assert min(told["value"], told["baseline"], told["ratio"]) > 0
    return told


def test_decisions_are_made_and_looked_up() -> None:
    told = as_told(authorize.run(seconds=0.05, rounds=1))
    assert (told["name"], told["unit"], told["grown_rows"]) == ("authorize", "decisions/s", 10_000)
    assert 0 < told["allowed"] < told["questions"] == 2_000


def test_documents_are_printed_by_both() -> None:
    told = as_told(document.run(rounds=1))
    assert (told["name"], told["unit"], told["documents"]) == ("document", "documents/s", 3)


def test_filings_are_answered_and_bare_workflows_started() -> None:
    told = as_told(intake.run(filings=3, with_receipt=1))
    assert (told["name"], told["unit"], told["filings"]) == ("intake", "ms", 3)
    assert told["p50"] <= told["p95"]


def test_ledgers_are_told_and_days_counted_bare() -> None:
    told = as_told(clock.run(rounds=2))
    assert (told["name"], told["unit"], told["events"]) == ("clock", "ledgers/s", 50)
    assert told["periods"] > 15


def test_a_census_is_taken_and_the_bare_sweep_beside_it() -> None:
    # As many real workflows as a round reads anew: the others are lines that no reading finds.
    told = as_told(census.run(cases=300, workflows=220, turns=1))
    assert (told["name"], told["unit"]) == ("census", "cases/s")
    assert (told["cases"], told["workflows"]) == (300, 220)


def test_timers_fire_ours_and_bare() -> None:
    told = as_told(timers.run(timers=40, within=timedelta(seconds=4)))
    assert (told["name"], told["timers"], told["within_s"]) == ("timers", 40, 4.0)
    assert told["ours_p50"] <= told["value"] <= told["ours_max"]


def test_a_clerks_worklist_is_asked_for_under_policy_and_bare() -> None:
    told = as_told(worklist.run(sizes=(2_000, 4_000), rounds=2))
    assert (told["name"], told["unit"], told["cases"]) == ("worklist", "ms", 4_000)
    assert set(told["sizes"]) == {"2000", "4000"}
    for size in told["sizes"].values():
        assert {"team_p50", "team_p95", "all_p95", "bare_p95"} <= set(size)
