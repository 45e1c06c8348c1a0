"""Which acts an incident's page offers: what the state allows. Policy is asked after, the machine
decides at last: an offer is a courtesy, no gate."""

from __future__ import annotations

from collections.abc import Iterator

from cases.incidents.machine import ENDED
from cases.incidents.state import OVER, IncidentState, UnitState
from cases.messages import Actor

UNIT_ACTS: tuple[tuple[str, frozenset[UnitState]], ...] = (
    ("acknowledge", frozenset({"dispatched"})),
    ("refuse_dispatch", frozenset({"dispatched"})),
    ("set_out", frozenset({"acknowledged"})),
    ("arrive", frozenset({"acknowledged", "under_way"})),
    ("answer", frozenset({"acknowledged", "under_way", "on_site"})),
    ("progress", frozenset({"acknowledged", "under_way", "on_site"})),
)


def own_units(actor: Actor) -> frozenset[str]:
    """Return the departments for which somebody may be on duty as a unit; `*`: all."""
    return frozenset(one.department for one in actor.grants if one.role == "unit_duty")


def offered(actor: Actor, state: IncidentState) -> Iterator[tuple[str, str]]:
    """Yield verb and department of what can be done now, the most pressing first."""
    yield from _of_units(actor, state)
    for verb in _of_centre(state):
        yield verb, ""


def _of_units(actor: Actor, state: IncidentState) -> Iterator[tuple[str, str]]:
    own = own_units(actor)
    for unit in state.units:
        if unit.department not in own and "*" not in own:
            continue
        for verb, states in UNIT_ACTS:
            if unit.state in states and not (verb == "refuse_dispatch" and unit.bound):
                yield verb, unit.department
    for lesson in state.lessons:
        if lesson.done_at is None and (lesson.department in own or "*" in own):
            yield "finish_lesson", lesson.department


def _of_centre(state: IncidentState) -> Iterator[str]:
    is_open, stage = state.stage not in OVER, state.stage
    working = is_open and stage not in ("answered", "checked")
    verified, graded = state.verified_at is not None, state.graded_at is not None
    waits = any(one.sent_at is None for one in state.reports)
    found: dict[str, bool] = {
        "verify": is_open and not verified,
        "grade": is_open and verified and not graded,
        "dispatch": working and graded,
        "arbitrate": state.disputed is not None,
        "check": stage == "answered",
        "close": stage == "checked",
        "evaluate": stage == "closed" and state.evaluated_at is None,
        "archive": stage == "unfounded" or (stage == "closed" and state.evaluated_at is not None),
        "report_up": waits and stage != "archived",
        "progress": is_open,
        "regrade": is_open and graded,
        "merge": working,
        "add_lesson": stage in ("answered", "checked", "closed"),
        "keep_personal": stage != "archived",
        "link_case": stage not in ENDED,
    }
    yield from (verb for verb, now in found.items() if now)
    yield from _of_response(state)


def _of_response(state: IncidentState) -> Iterator[str]:
    running = state.response is not None and state.response.ended_at is None
    if running:
        yield "adjust_response"
        yield "end_response"
    elif state.stage not in OVER and state.verified_at is not None:
        yield "start_response"
