"""Incidents on PostgreSQL: settled, listed, the two centres apart, and no change missed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import Engine, Table, delete, insert, select, text, true, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DatabaseError, IntegrityError

from audit.tables import audit_outbox
from benchmarks import ground
from benchmarks.step import NothingToPrint
from cases import incident_lists, incident_rows, life_rows
from cases.database import reading
from cases.incident_lists import Filters
from cases.incident_tables import (
    CHECKED_BY_HANDLER,
    CHECKING,
    HANDLING,
    incident,
    incident_event,
    incident_hand,
)
from cases.incidents import messages as m
from cases.incidents.orders import IncidentBatch
from cases.incidents.state import IncidentState
from cases.incidents.step import Step
from cases.lives import Admitted
from cases.messages import Actor, Command, Outcome
from cases.settling import RuleForbids
from catalogue.load import load_catalogue
from policies.access import Access
from tests.forms.incident_rows import made, night, put
from tests.incidents.town import BURST, COMMANDER, DUTY, EVALUATOR, PEOPLE, SOURCE, WATER
from tests.postgres.conftest import Stores, the_tests_of
from yichuang import joining
from yichuang.incident_door import incident_id_for, thing_of
from yichuang.settings import Store
from yichuang.worker import Workshop, workshop

pytestmark = pytest.mark.long

globals().update(the_tests_of("tests.cases.test_notices_out", without=("cases", "web")))

AT = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture
def cases(stores: Stores) -> Engine:
    return stores["cases"]


@pytest.fixture
def web(stores: Stores) -> Engine:
    return stores["web"]


@pytest.fixture
def engine(cases: Engine) -> Engine:
    return cases


# --- the two centres, and what was ordered ----------------------------------------------------


def one_incident(engine: Engine) -> IncidentState:
    catalogue = load_catalogue()
    kind = catalogue.incident_types.by_code["water_damage"]
    state = made(1, kind, catalogue.grid, AT, "dispatched", "red", ("sw", "cgj"))
    put(engine, [state])
    return state


def hand(engine: Engine, state: IncidentState, act: str, person: str) -> None:
    row = {"incident_id": state.incident_id, "act": act, "person": person}
    with engine.begin() as connection:
        connection.execute(insert(incident_hand), row)


def test_nobody_comes_to_stand_on_both_sides_in_either_order(engine: Engine) -> None:
    state = one_incident(engine)
    for checking in CHECKING:
        for handling in HANDLING:
            first, second = (f"u:{checking}-{handling}-{n}" for n in (1, 2))
            hand(engine, state, handling, first)
            with pytest.raises(IntegrityError, match=CHECKED_BY_HANDLER):
                hand(engine, state, checking, first)
            hand(engine, state, checking, second)
            with pytest.raises(IntegrityError, match=CHECKED_BY_HANDLER):
                hand(engine, state, handling, second)


def test_of_two_who_race_to_both_sides_one_stays_out(engine: Engine) -> None:
    state = one_incident(engine)
    row = {"incident_id": state.incident_id, "person": "u:one"}
    with ThreadPoolExecutor(1) as threads, engine.begin() as first:
        first.execute(insert(incident_hand), row | {"act": "dispatch"})
        other = threads.submit(hand, engine, state, "check", "u:one")
        until_somebody_waits(engine)
        first.commit()
        with pytest.raises(IntegrityError, match=CHECKED_BY_HANDLER):
            other.result(20)


@pytest.mark.parametrize("table", [incident_event, incident_hand], ids=lambda one: one.name)
def test_what_was_ordered_and_by_whom_is_never_changed(engine: Engine, table: Table) -> None:
    hand(engine, one_incident(engine), "dispatch", "u:one")
    with engine.connect() as connection:
        row = dict(connection.execute(select(table)).one()._mapping)
    again = upsert(table).values(row)
    for statement in (
        update(table).values(incident_id=table.c.incident_id), delete(table),
        text(f"TRUNCATE {table.name}"), text("TRUNCATE incident CASCADE"),
        again.on_conflict_do_update(index_elements=[*table.primary_key], set_=row),
    ):  # fmt: skip
        for before in ("SELECT 1", "SET LOCAL session_replication_role = replica"):
            with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
                connection.execute(text(before))
                connection.execute(statement)
    with engine.connect() as connection:
        assert connection.execute(select(table)).mappings().one() == row


# --- numbers of changes -----------------------------------------------------------------------


def until_somebody_waits(engine: Engine) -> None:
    """Wait until another session of this database waits for a lock."""
    waits = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with engine.connect() as connection:
            if connection.execute(waits).scalar_one():
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


def recorded(state: IncidentState) -> incident_rows.Recorded:
    command = Command(
        id=str(uuid4()), verb="report", case_id=state.incident_id, body={}, actor=DUTY,
        source=SOURCE, occurred_at=state.reported_at,
    )  # fmt: skip
    return incident_rows.Recorded(
        command, "0" * 64, None, Step(state=state), state.reported_at, str(uuid4()), b"sealed"
    )


def busy(count: int) -> list[incident_rows.Recorded]:
    catalogue = load_catalogue()
    kind = catalogue.incident_types.by_code["water_damage"]
    return [recorded(made(n, kind, catalogue.grid, AT)) for n in range(1, count + 1)]


def settle_row(engine: Engine, one: incident_rows.Recorded) -> None:
    with engine.begin() as connection:
        incident_rows.write(connection, one)


def seen(engine: Engine, after: int) -> list[incident_lists.Change]:
    with reading(engine) as connection:
        return incident_lists.since(connection, true(), after)


def test_a_change_gets_its_number_only_when_the_one_before_is_committed(engine: Engine) -> None:
    first, second = busy(2)
    with ThreadPoolExecutor(1) as threads, engine.begin() as slow:
        incident_rows.write(slow, first)
        quick = threads.submit(settle_row, engine, second)
        until_somebody_waits(engine)
        assert not quick.done() and seen(engine, 0) == []
        slow.commit()
        quick.result(20)
    ids = [one.incident_id for one in seen(engine, 0)]
    assert ids == [first.command.case_id, second.command.case_id]


def into(engine: Engine, one: str, other: str) -> None:
    with engine.begin() as connection:
        incident_rows.insist_open(connection, one, other)


@pytest.mark.parametrize("ends", [True, False], ids=["is merged", "was killed"])
def test_of_two_merged_into_each_other_the_second_waits_for_what_becomes_of_the_first(
    engine: Engine, ends: bool
) -> None:
    both = busy(2)
    for each in both:
        settle_row(engine, each)
    one, other = (each.command.case_id for each in both)
    with ThreadPoolExecutor(1) as threads, engine.connect() as first:
        incident_rows.insist_open(first, one, other)
        second = threads.submit(into, engine, other, one)
        until_somebody_waits(engine)
        first.execute(update(incident).where(incident.c.id == one).values(stage="archived"))
        if ends:
            first.commit()
            with pytest.raises(RuleForbids, match="已经办结"):
                second.result(20)
        else:
            first.rollback()
            second.result(20)


def test_a_reader_that_goes_on_from_the_last_it_saw_misses_nothing(engine: Engine) -> None:
    orders, over = busy(60), Event()
    told: list[int] = []

    def listen() -> None:
        last_look = False
        while not last_look:
            last_look = over.is_set()
            told.extend(one.seq for one in seen(engine, told[-1] if told else 0))

    with ThreadPoolExecutor(5) as threads:
        listening = threads.submit(listen)
        for done in [threads.submit(settle_row, engine, one) for one in orders]:
            done.result(30)
        over.set()
        listening.result(30)
    whole = [one.seq for one in seen(engine, 0)]
    assert told == whole and len(whole) == len(orders)


# --- lists ------------------------------------------------------------------------------------


def test_the_boards_lists_and_figures_agree(engine: Engine) -> None:
    catalogue = load_catalogue()
    kinds = list(catalogue.incident_types.by_code.values())
    states = night(kinds, catalogue.grid, 60, AT)
    put(engine, states)
    late = states[0].incident_id
    with engine.begin() as connection:
        connection.execute(update(incident).where(incident.c.id == late).values(late=2))
    with reading(engine) as connection:
        rows = incident_lists.open_incidents(connection, true())
        figures = incident_lists.counters(connection, true())
        cells = incident_lists.per_cell(connection, true())
        red = incident_lists.open_incidents(connection, true(), Filters(levels=("red",)))
        units = incident_lists.units_of(connection, true(), [one.id for one in rows])
        gas = incident_lists.open_incidents(
            connection, true(), Filters(department="rq", unsigned=True)
        )
        view = incident_lists.incident_view(connection, late)
        assert incident_lists.find_number(connection, states[0].number) == late
        assert incident_lists.last_change(connection) == seen(engine, 0)[-1].seq
        assert incident_rows.overdue(connection, AT + timedelta(minutes=1))
    assert figures.open == len(rows) == len(states) == sum(cells.values())
    assert figures.red == len(red) == sum(one.level == "red" for one in states) > 0
    assert (figures.late, figures.unsent) == (1, sum(one.dispatched_at is None for one in states))
    assert figures.unsigned == sum(one.acknowledged_at is None for one in states)
    assert sum(figures.by_stage.values()) == sum(figures.by_district.values()) == len(states)
    assert [one.level for one in rows[: len(red)]] == ["red"] * len(red)
    waiting = {one.incident_id for one in states if one.stage == "dispatched"}
    assert {one.id for one in gas} == waiting and waiting <= set(units)
    assert view is not None and [one.kind for one in view.events] == ["report"]


# --- a whole life through the worker's own activity -------------------------------------------


@pytest.fixture
def shop(
    open_named: Callable[[Store], Engine], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Workshop, Access]]:
    """The worker's workshop over a cases store on PostgreSQL, the other stores on SQLite."""
    url = open_named("cases").url
    options = {"schema": "cases"}
    address = url.update_query_dict(options).render_as_string(hide_password=False)
    monkeypatch.setenv("YICHUANG_CASES_URL", address)
    with ground.installed() as settings, workshop(settings, NothingToPrint()) as opened:
        assert opened.cases.dialect.name == "postgresql"
        ground.admit(settings, *PEOPLE)
        yield opened, joining.access_of(settings, "web")


def test_an_incident_is_settled_from_its_report_to_the_archive(
    shop: tuple[Workshop, Access],
) -> None:
    opened, access = shop
    name = incident_id_for(str(uuid4()))

    def state() -> IncidentState | None:
        with reading(opened.cases) as connection:
            return incident_lists.state_of(connection, name)

    def admitted(who: Actor, verb: str, body: dict[str, Any]) -> Admitted:
        at = datetime.now(UTC)
        command = Command(
            id=str(uuid4()), verb=verb, case_id=name, body=body, actor=who, source=SOURCE,
            occurred_at=at,
        )  # fmt: skip
        thing = thing_of(name, state(), m.department_of(command))
        warrant = access.warrant_on(command, thing, verb, at)
        return Admitted(command=command.model_copy(update={"warrant": warrant}), admitted_at=at)

    def settle(order: Admitted) -> Outcome:
        batch = IncidentBatch(incident_id=name, seq=1, commands=(order,))
        (outcome,) = opened.incidents.settle(batch).outcomes
        return outcome

    def done(who: Actor, verb: str, **body: Any) -> Admitted:
        order = admitted(who, verb, body)
        outcome = settle(order)
        assert outcome.status == "done", (verb, outcome)
        return order

    done(DUTY, "report", **BURST, reporter={"name": "李某", "phone": "13800000000"})
    first = done(DUTY, "verify", true=True)
    assert settle(first).repeated
    done(DUTY, "join", signal_ids=["s1", "s2"], source="signals")
    done(DUTY, "grade", level="none")
    done(DUTY, "dispatch", units=[{"department": "sw", "lead": True}])
    done(WATER, "acknowledge", department="sw")
    done(WATER, "answer", department="sw", text="已修复")
    done(EVALUATOR, "check", passed=True)
    done(COMMANDER, "close")
    done(EVALUATOR, "evaluate", scores={"sw": 4})
    done(EVALUATOR, "archive")
    ended = state()
    assert ended is not None and (ended.stage, ended.signals) == ("archived", 2)
    with reading(opened.cases) as connection:
        view = incident_lists.incident_view(connection, name)
        entries = [
            orjson.loads(body)
            for body in connection.execute(
                select(audit_outbox.c.body)
                .where(audit_outbox.c.stream == f"incident:{name}")
                .order_by(audit_outbox.c.seq)
            ).scalars()
        ]
        stated = connection.execute(select(incident.c.state)).scalar_one()
    assert view is not None and len(view.events) == ended.seq == len(entries)
    assert [one.incident_id for one in seen(opened.cases, 0)] == [name] * ended.seq
    assert entries[-1]["after"] == life_rows.digest_of(ended)
    assert stated == life_rows.state_json(ended)
    assert "李某" not in str(entries) + stated
