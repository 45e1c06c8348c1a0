"""No order of orders breaks what always holds of an incident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases.incidents.chains import Link
from cases.incidents.machine import step
from cases.incidents.messages import INCIDENT_BODIES
from cases.incidents.state import IncidentState, Limits, Rung
from cases.incidents.step import Known
from cases.lives import RING, ring_command
from cases.messages import Actor, Command, Source
from cases.settling import RuleForbids
from catalogue.incident_types import load_incident_types

START = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)
LIMITS = Limits(
    graded=3, dispatched=5, acknowledged=10, again=5, articles={}, digest="d", forget=60,
    rungs=tuple(
        Rung(key=str(percent), minutes=15 * percent / 100, told=(who,), article="YCYX-7")
        for percent, who in (
            (50, "duty_officer"), (80, "unit_leader"), (100, "commander"), (150, "city_leader"),
        )
    ),
)  # fmt: skip
UNITS = ("sw", "cgj", "gd")
LINKS = (Link("unit_head", "county_department", 60, "SGBG-9"),)


@cache
def kind() -> Any:
    return load_incident_types().by_code["water_damage"]


def known() -> Known:
    return Known(
        kind=kind(), number="n", limits=LIMITS, departments=frozenset({*UNITS, "zhzx"}),
        links=LINKS, lesson_due_at=START + timedelta(days=365), signals=frozenset({"s1"}),
    )  # fmt: skip


unit = st.sampled_from(UNITS)
ORDERS = st.one_of(
    st.tuples(st.just("verify"), st.fixed_dictionaries({"true": st.just(True)})),
    st.tuples(st.just("grade"), st.just({"level": "ordinary"})),
    st.tuples(
        st.just("dispatch"),
        st.lists(st.tuples(unit, st.booleans()), min_size=1, max_size=2).map(
            lambda sent: {"units": [{"department": d, "lead": lead} for d, lead in sent]}
        ),
    ),
    st.tuples(
        st.sampled_from(["acknowledge", "set_out", "arrive"]), unit.map(lambda d: {"department": d})
    ),
    st.tuples(
        st.sampled_from(["answer", "progress"]),
        unit.map(lambda d: {"department": d, "text": "已办"}),
    ),
    st.tuples(
        st.just("refuse_dispatch"),
        unit.map(lambda d: {"department": d, "ground": "not_ours", "evidence": "附产权图"}),
    ),
    st.tuples(
        st.just("arbitrate"),
        st.tuples(unit, st.sampled_from(["stands", "moves"]), unit).map(
            lambda one: {"department": one[0], "ruling": one[1], "to": one[2], "ground": "依据"}
        ),
    ),
    st.tuples(st.just("check"), st.booleans().map(lambda ok: {"passed": ok, "ground": "未清"})),
    st.tuples(st.sampled_from(["close", "archive"]), st.just({})),
    st.tuples(st.just("evaluate"), st.just({"scores": {"sw": 3}})),
    st.tuples(st.just("report_up"), st.just({"chain": "unit_head", "text": "报告"})),
    st.tuples(st.just("merge"), st.just({"into": "other"})),
    st.tuples(st.just("wait"), st.integers(1, 90).map(lambda n: {"minutes": n})),
)


def command(verb: str, body: dict[str, Any], at: datetime, n: int) -> Command:
    return Command(
        id=f"c{n}", verb=verb, case_id="i", body=body, actor=Actor(id="u:one"),
        source=Source(door="web"), occurred_at=at,
    )  # fmt: skip


def carried_out(state: IncidentState | None, order: Command) -> IncidentState | None:
    body = INCIDENT_BODIES[order.verb].model_validate(order.body)
    try:
        return step(state, order, body, known()).state
    except RuleForbids as no:
        assert no.code and no.reason
        return state


def insist(before: IncidentState, now: IncidentState) -> None:
    assert now.seq in (before.seq, before.seq + 1)
    assert sum(one.lead for one in now.active) <= 1
    assert not now.active or now.lead is not None or now.stage in ("dispatched", "graded")
    assert len(set(now.passed)) == len(now.passed)
    assert len({one.key for one in now.timers}) == len(now.timers)
    assert not {one.key for one in now.timers} & set(now.passed)
    assert now.reported_at == before.reported_at
    # What was reached once stays as it was: no order moves an instant of the clock back.
    for name in ("verified_at", "graded_at", "dispatched_at", "acknowledged_at", "arrived_at"):
        assert getattr(before, name) in (None, getattr(now, name))
    assert len(now.refusals) >= len(before.refusals)
    if before.stage == "archived":
        assert now == before
    if now.stage in ("archived", "merged", "unfounded"):
        assert not [one for one in now.timers if one.key.split(":")[0] in ("rung", "again")]
    for one in now.units:
        if one.bound:
            assert one.state not in ("refused", "disputed")


@given(st.lists(ORDERS, max_size=40))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_order_of_orders_breaks_an_invariant(orders: list[tuple[str, dict[str, Any]]]) -> None:
    report = {"type": "water_damage", "title": "漏水"}
    at = START
    state = carried_out(None, command("report", report, at, 0))
    assert state is not None
    for n, (verb, body) in enumerate(orders, start=1):
        before = state
        if verb == "wait":
            at += timedelta(minutes=body["minutes"])
            while state.timers and state.timers[0].due_at <= at:
                before = state
                state = carried_out(state, ring_command("i", state.timers[0]))
                assert state is not None and state.seq == before.seq + 1
                insist(before, state)
            continue
        state = carried_out(state, command(verb, body, at, n))
        assert state is not None
        insist(before, state)
    assert RING not in state.hands
