"""Every tale of the demo city's incidents goes to its stop by the machine's own rules."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from cases.incidents.machine import step
from cases.incidents.messages import INCIDENT_BODIES
from cases.incidents.place import Place
from cases.incidents.routing import route
from cases.incidents.state import IncidentState, Limits, Stage
from cases.incidents.step import Known
from cases.messages import Actor, Command, Source
from catalogue.load import load_catalogue
from yichuang.demo_incidents import MOST_STEPS, ON_DUTY, next_move
from yichuang.demo_people import COMMAND, PEOPLE, UNITS
from yichuang.demo_tales import TALES, Tale

CATALOGUE = load_catalogue()
CELL = CATALOGUE.grid.cells[30]
PLACE = Place(lon=CELL.centre[0], lat=CELL.centre[1], district=CELL.district, cell=CELL.id)
AT = datetime(2026, 11, 26, 14, tzinfo=UTC)
LIMITS = Limits(
    graded=3, dispatched=5, acknowledged=10, again=5, rungs=(), articles={}, digest="d" * 64,
    forget=60,
)  # fmt: skip


def told(tale: Tale) -> tuple[IncidentState, Counter[str]]:
    """Return where a tale stops, and which orders it took."""
    kind = CATALOGUE.incident_types.by_code[tale.type]
    table, grid = CATALOGUE.responsibility, CATALOGUE.grid
    departments = frozenset(one.code for one in CATALOGUE.city.departments)
    report = {"type": tale.type, "title": tale.title, "level": tale.level}
    state: IncidentState | None = None
    verb, body, login, orders = "report", report, "zhiban1", Counter[str]()
    for n in range(MOST_STEPS):
        command = Command(
            id=f"c{n}", verb=verb, case_id="i1", body=dict(body),
            actor=Actor(id=f"u:{login}", kind="human"), source=Source(door="web"),
            occurred_at=AT + timedelta(seconds=n),
        )  # fmt: skip
        known = Known(
            kind=kind, number="云突〔2026〕000001号", place=PLACE, limits=LIMITS,
            departments=departments, lesson_due_at=AT + timedelta(days=30), graded=tale.grade,
            routed=route(kind, PLACE, table, grid) if kind.auto_dispatch and n == 0 else (),
        )  # fmt: skip
        parsed = INCIDENT_BODIES[verb].model_validate(dict(body))
        state = step(state, command, parsed, known).state
        orders[verb] += 1
        refused = {one.department for one in state.refusals}
        routed = [one.department for one in route(kind, PLACE, table, grid, refused=refused)]
        move = next_move(state, tale, routed)
        if move is None:
            return state, orders
        verb, body, login = move.verb, dict(move.body), move.login
    raise AssertionError(f"{tale.title} goes on for ever")


@pytest.mark.parametrize("tale", TALES, ids=[one.title for one in TALES])
def test_a_tale_reaches_its_stop(tale: Tale) -> None:
    state, orders = told(tale)
    early = {"reported", "verified", "graded"}
    if tale.turn in ("refused", "disputed"):
        assert len(state.refusals) == (1 if tale.turn == "refused" else 2)
        assert (state.disputed is not None) == (tale.turn == "disputed")
    else:
        # What is sent at once was never at an earlier stage.
        assert state.stage == tale.stop or tale.stop in early
    assert (orders["start_response"] == 1) == (tale.turn == "response")
    assert (orders["arbitrate"] == 1) == (tale.turn == "ruled")


def test_the_tales_stand_in_every_stage_and_there_are_forty() -> None:
    stops: Counter[Stage] = Counter(tale.stop for tale in TALES)
    assert len(TALES) == 40
    assert set(stops) == {
        "reported", "verified", "graded", "dispatched", "acknowledged", "under_way", "on_site",
        "handling", "answered", "checked", "closed", "archived", "unfounded",
    }  # fmt: skip


def test_everybody_whom_the_table_may_send_has_somebody_on_duty() -> None:
    sent = {line.lead for line in CATALOGUE.responsibility.lines} - {"owner", "territory"}
    sent |= {one.department for one in CATALOGUE.grid.streets}
    sent |= {one.owner for one in CATALOGUE.incident_types.types} - {"", "mzj"}
    assert sent <= set(ON_DUTY)


def test_nobody_sits_in_both_centres_and_no_login_is_given_twice() -> None:
    homes = {one.department for one in COMMAND}
    assert homes == {"zhzx", "jdzx"}
    assert all({where for _, where in one.held} == {one.department} for one in (*COMMAND, *UNITS))
    assert len({one.login for one in PEOPLE}) == len(PEOPLE)
