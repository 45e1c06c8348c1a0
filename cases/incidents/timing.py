"""Which instants an incident waits for: a function of its state alone, on a 24×7 clock.

All limits count from 接报 in continuous minutes, never working time (YCYX-7); a unit's own run
from its dispatch, not from its acknowledgement.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from cases.incidents.state import OVER, IncidentState, Unit
from cases.lives import Due

OWN: Final = "YCYX-7"
"""Article of the limits that the city set itself."""
SILENT: Final = ("acknowledged", "under_way", "on_site")
"""States in which a unit owes a sign of life."""


def timers_of(state: IncidentState) -> tuple[Due, ...]:
    """Return every instant that has not rung yet, the earliest first."""
    found = (one for one in _all(state) if one.key not in state.passed)
    return tuple(sorted(found, key=lambda one: (one.due_at, one.key)))


def _all(state: IncidentState) -> Iterator[Due]:
    if state.stage == "archived":
        return
    if state.stage not in OVER:
        yield from _limits(state)
        for unit in state.active:
            yield from _unit(state, unit)
    if state.response is not None and state.response.ended_at is None:
        until = state.response.expected_until
        yield Due(key=f"response:{_stamp(until)}", due_at=until, article="TFSJ-72")
    if state.stage not in ("unfounded", "merged"):
        yield from _reports(state)
    for lesson in state.lessons:
        if lesson.done_at is None:
            yield Due(key=f"lesson:{lesson.id}", due_at=lesson.due_at, article="TFSJ-92")


def _limits(state: IncidentState) -> Iterator[Due]:
    limits, since = state.limits, state.reported_at
    if state.graded_at is None:
        yield _after(since, "graded", limits.graded, limits.articles.get("graded", OWN))
    if state.dispatched_at is None:
        yield _after(since, "dispatched", limits.dispatched, limits.articles.get("dispatched", OWN))
    if state.acknowledged_at is None:
        article = limits.articles.get("acknowledged", OWN)
        yield _after(since, "acknowledged", limits.acknowledged, article)
        for rung in limits.rungs:
            yield _after(since, f"rung:{rung.key}", rung.minutes, rung.article)
    if limits.arrive is not None and state.arrived_at is None:
        yield _after(since, "arrive", limits.arrive, limits.articles.get("arrive", OWN))
    if limits.finish is not None and state.answered_at is None:
        yield _after(since, "finish", limits.finish, limits.articles.get("finish", OWN))


def _unit(state: IncidentState, unit: Unit) -> Iterator[Due]:
    limits = state.limits
    if unit.state == "dispatched":
        article = limits.articles.get("again", OWN)
        yield _after(unit.dispatched_at, f"again:{unit.n}", limits.again, article)
    if unit.state in SILENT:
        # Each sign of life begins the time anew; each reminder another of the same length.
        seen = unit.progress_at or unit.acknowledged_at or unit.dispatched_at
        key = f"forgotten:{unit.n}:{_stamp(seen)}:{unit.forgotten}"
        yield _after(seen, key, limits.forget * (unit.forgotten + 1), "YCYX-17")


def _reports(state: IncidentState) -> Iterator[Due]:
    for one in state.reports:
        if one.sent_at is not None:
            continue
        half = one.starts_at + (one.due_at - one.starts_at) / 2
        stamp = _stamp(one.due_at)
        yield Due(key=f"report_soon:{one.chain}:{stamp}", due_at=half, article=one.article)
        yield Due(key=f"report:{one.chain}:{stamp}", due_at=one.due_at, article=one.article)


def _after(since: datetime, key: str, minutes: float, article: str) -> Due:
    return Due(key=key, due_at=since + timedelta(minutes=minutes), article=article)


def _stamp(at: datetime) -> str:
    """Return an instant as part of a key: another instant is another timer."""
    return str(int(at.timestamp()))
