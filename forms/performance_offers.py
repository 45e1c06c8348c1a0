"""Which orders the page of performance offers: what stands allows them. Policy is asked after, the
machine decides at last: an offer is a courtesy, no gate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from cases.projects import performing_messages as m
from cases.projects.performing_state import Evaluation, Performance, Task


def years_to_evaluate(state: Performance, today: date) -> list[int]:
    """Return the years that have come and have no evaluation that stands, the newest first."""
    first, last = state.plan.since_year, min(state.plan.until_year, today.year)
    found = []
    for year in range(last, first - 1, -1):
        known = state.of_year(year)
        if known is None or known.stage == "returned":
            found.append(year)
    return found


def offered(state: Performance | None, today: date) -> Iterator[tuple[str, str]]:
    """Yield verb and query of what can be done now with the whole."""
    if state is None:
        yield m.PLAN, ""
        return
    if years_to_evaluate(state, today):
        yield m.EVALUATE, ""
    if all(one.stage in ("confirmed", "returned") for one in state.evaluations):
        yield m.PLAN, ""
    yield m.MID_TERM, ""
    yield m.FISCAL, ""


def offered_for_year(one: Evaluation) -> Iterator[tuple[str, str]]:
    """Yield verb and query of what can be done now with a year's evaluation."""
    query = f"year={one.year}"
    if one.stage == "given":
        yield m.ACCEPT, query
        yield m.OBJECT_TO, query
    if one.stage in ("given", "objected", "accepted"):
        yield m.CONFIRM, query
    if one.stage != "returned":
        yield m.RECTIFY, query


def offered_for_task(one: Task) -> Iterator[tuple[str, str]]:
    """Yield verb and query of what can be done now with a task."""
    if one.done_at is None:
        yield m.RECTIFIED, f"task={one.id}"
