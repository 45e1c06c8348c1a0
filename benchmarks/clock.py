"""Ledgers per second: every clock of a case of fifty events, against a bare count of the same days.

A construction permit with a supplement, five departments in two rounds, four procedures and an
extension: some twenty periods. Ours derives each from the events and tells every day with its
article, its cause, what is used and what is left. The baseline, plain Python, knows each period's
start and number already and walks day by day over a set of holidays to its end, which is what a
deadline costs anybody who keeps no ledger.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cases import approval
from cases.clocks import Ledger, ledgers
from cases.state import ClockEvent
from catalogue.load import digest, load_catalogue
from catalogue.working_days import Calendar

ROUNDS = 60
ZONE = "Asia/Shanghai"
START = datetime(2026, 1, 12, 1, 30, tzinfo=UTC)
UNTIL = datetime(2026, 8, 1, tzinfo=UTC)
EVENTS = 50


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    """Return ledgers per second over `rounds` rounds, ours and the bare count in turn."""
    catalogue = load_catalogue()
    matter = catalogue.matter("construction-permit", "2026.1")
    rules = approval.clock_rules(approval.plan_of(matter, digest(matter)))
    calendar, events = catalogue.calendars[matter.calendar], history()
    found = ledgers(rules, events, calendar, ZONE, UNTIL)
    counts = [_bare_of(one) for one in found]
    ours: list[float] = []
    bare: list[float] = []
    for number in range(rounds):
        work: list[tuple[list[float], Callable[[], object]]] = [
            (ours, lambda: ledgers(rules, events, calendar, ZONE, UNTIL)),
            (bare, lambda: [count(calendar) for count in counts]),
        ]
        for times, what in work[:: 1 if number % 2 else -1]:
            began = time.perf_counter()
            what()
            times.append(time.perf_counter() - began)
    value = len(found) / statistics.median(ours)
    baseline = len(found) / statistics.median(bare)
    return {
        "name": "clock",
        "value": round(value),
        "unit": "ledgers/s",
        "baseline": round(baseline),
        "ratio": round(value / baseline, 3),
        "events": len(events),
        "periods": len(found),
        "rows": sum(len(one.rows) for one in found),
        "cases_per_s": round(value / len(found), 1),
    }


def _bare_of(found: Ledger) -> Callable[[Calendar], date]:
    """Return the plain walk over as many days as this ledger has rows."""
    first, rows = found.rows[0].day, len(found.rows)

    def count(calendar: Calendar) -> date:
        off, on = calendar.off, calendar.on
        day, used = first, 0
        for _ in range(rows - 1):
            day += timedelta(days=1)
            if day in on or (day.weekday() < 5 and day not in off):
                used += 1
        return day

    return count


def history() -> tuple[ClockEvent, ...]:
    """Return the fifty clock events of the case, four hours to three days apart."""
    told: list[tuple[str, int, dict[str, Any]]] = [
        ("received", 0, {}),
        ("noticed", 20, {"back_to": "received", "supply_within_days": 30}),
        ("supplied", 96, {"complete": True, "made_good": False}),
        ("accepted", 4, {"mode": "plain"}),
    ]
    steps = ("housing", "planning", "fire", "civil-defence", "heritage")
    departments = ("zjj", "zrzy", "xf", "rf", "ww")
    for _ in range(2):
        for step, department in zip(steps, departments, strict=True):
            told.append(("step_opened", 0, {"task": f"review-{step}", "department": department}))
        for kind in ("hearing", "testing"):
            name = f"{kind}-{sum(one[0] == 'paused' for one in told) + 1}"
            told.append(("paused", 26, {"procedure": {"id": name, "kind": kind}}))
            told.append(("resumed", 70, {"procedure": name, "kind": kind}))
        for step in steps:
            told.append(("step_done", 22, {"task": f"review-{step}", "state": "done"}))
    told.append(("extended", 5, {"n": 15, "unit": "working_day"}))
    told += [("noticed", 30, {"back_to": "review", "supply_within_days": 30}),
             ("supplied", 90, {"complete": True, "made_good": False})]  # fmt: skip
    while len(told) < EVENTS - 5:
        told.append(("timer_passed", 9, {"timer": "step"}))
    told += [
        ("decided", 40, {"result": "grant", "check": False}),
        ("delivered", 50, {}),
        ("closed", 6, {"ending": "granted"}),
        ("rated", 30, {"grade": 5, "good": False}),
        ("rectified", 60, {}),
    ]
    return _dated(told)


def _dated(told: Sequence[tuple[str, int, dict[str, Any]]]) -> tuple[ClockEvent, ...]:
    at, events = START, []
    for number, (kind, hours, detail) in enumerate(told, 1):
        at += timedelta(hours=hours)
        events.append(
            ClockEvent(id=f"{number}.0", kind=kind, at=at, article="XKF-42-2", detail=detail)
        )
    return tuple(events)
