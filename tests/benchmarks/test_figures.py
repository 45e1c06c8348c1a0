"""Each benchmark runs whole, small, and gives the figures that were asked of it. No time is held:
machines differ."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks import clock, document, intake

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

ASKED = ("name", "value", "unit", "baseline", "ratio")


def as_told(found: dict[str, Any]) -> dict[str, Any]:
    """Return what `bench NAME --json` prints of it."""
    told: dict[str, Any] = json.loads(json.dumps(found, ensure_ascii=False))
    assert tuple(told)[: len(ASKED)] == ASKED
    assert min(told["value"], told["baseline"], told["ratio"]) > 0
    return told


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
