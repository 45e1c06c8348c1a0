"""Rows of incidents: written in the caller's transaction, one step at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, text, true, update
from sqlalchemy.dialects import postgresql, sqlite

from cases.incident_tables import (
    ONE_WRITER,
    incident,
    incident_case,
    incident_change,
    incident_event,
    incident_hand,
    incident_signal,
    incident_unit,
)
from cases.incidents.signal import RANK
from cases.incidents.state import OVER, IncidentState, Unit
from cases.incidents.step import Step
from cases.life_rows import (
    LateInstant,
    LifeTables,
    digest_of,
    late_of,
    state_json,
)
from cases.messages import Command, Outcome
from cases.projection import json_text
from cases.settling import RuleForbids
from cases.store import place


def body_place(command: Command) -> bytes:
    """Return the associated data of an order's sealed body: it opens nowhere else."""
    return place("incident_event", "body", command.case_id, command.id)


def personal_place(command: Command) -> bytes:
    """Return the associated data of what an order says of persons."""
    return place("incident_event", "personal", command.case_id, command.id)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One step on its way into the store."""

    command: Command
    order_digest: str
    before: IncidentState | None
    step: Step
    recorded_at: datetime
    entry_id: str
    body_sealed: bytes
    personal_sealed: bytes | None = None


LIVES = LifeTables(incident, incident_event, "incident_id")


def answered(connection: Connection, command_id: str) -> tuple[Outcome, str] | None:
    """Return the outcome of an order that was carried out before, and the digest of what was
    ordered; None: it was not."""
    return LIVES.answered(connection, command_id)


def write(connection: Connection, one: Recorded) -> None:
    """Write a step. Raises `LostRace` when the incident is not as it was; never commits."""
    state = one.step.state
    LIVES.put(connection, row_of(state), None if one.before is None else one.before.seq)
    connection.execute(insert(incident_event).values(_event(one, state)))
    _write_units(connection, one.before, state)
    _write_hands(connection, one.before, state)
    _write_signals(connection, state, one)
    _write_links(connection, state, one)
    if connection.dialect.name == "postgresql":
        # Numbers are given in the order of the commits: a reader that goes on misses nothing.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_WRITER})
    connection.execute(
        insert(incident_change).values(
            incident_id=state.incident_id, at=one.recorded_at, kind=one.command.verb
        )
    )


def signals_among(
    connection: Connection, incident_id: str, ids: Iterable[str], *, taken_back: bool = False
) -> frozenset[str]:
    """Return those of the signals that belong to the incident; `taken_back`: those that their
    sources took back too."""
    signal = incident_signal.c
    wanted = sorted(set(ids))
    if not wanted:
        return frozenset()
    query = select(signal.signal_id).where(
        signal.incident_id == incident_id,
        signal.signal_id.in_(wanted),
        true() if taken_back else signal.withdrawn_at.is_(None),
    )
    return frozenset(connection.execute(query).scalars())


def overdue(connection: Connection, before: datetime, most: int = 500) -> Sequence[str]:
    """Return the incidents whose next instant was to ring before `before` and has not."""
    return LIVES.overdue(connection, before, most)


def late_instants(connection: Connection, before: datetime, most: int) -> list[LateInstant]:
    """Return what was to ring before `before` and has not, by SQL alone, the latest first."""
    return late_of(connection, incident, before, most)


def waiting_after(connection: Connection, last: str, most: int) -> Sequence[str]:
    """Return incidents that wait for an instant, in the order of their ids, after `last`."""
    query = (
        select(incident.c.id)
        .where(incident.c.id > last, incident.c.due_at.is_not(None), incident.c.is_open)
        .order_by(incident.c.id)
        .limit(most)
    )
    return list(connection.execute(query).scalars())


# --- the rows -----------------------------------------------------------------------------------


def row_of(state: IncidentState) -> dict[str, Any]:
    """Return the incident's row."""
    lead = state.lead
    running = state.response is not None and state.response.ended_at is None
    return {
        "id": state.incident_id,
        "number": state.number,
        "seq": state.seq,
        "stage": state.stage,
        "is_open": state.open,
        "type": state.type,
        "domain": state.domain,
        "level": state.level,
        "rank": RANK[state.level],
        "grade": state.grade,
        "response_level": state.response.level if running and state.response else 0,
        "title": state.title,
        "address": state.place.address,
        "district": state.place.district,
        "cell": state.place.cell,
        "lon": state.place.lon,
        "lat": state.place.lat,
        "signals": state.signals,
        "late": len(state.late),
        "reported_at": state.reported_at,
        "graded_at": state.graded_at,
        "dispatched_at": state.dispatched_at,
        "acknowledged_at": state.acknowledged_at,
        "arrived_at": state.arrived_at,
        "closed_at": state.closed_at,
        "updated_at": state.updated_at,
        "due_at": state.timers[0].due_at if state.timers else None,
        "lead": lead.department if lead else "",
        "merged_into": state.merged_into,
        "state": state_json(state),
    }


def _event(one: Recorded, state: IncidentState) -> dict[str, Any]:
    command, warrant = one.command, one.command.warrant
    return {
        "incident_id": state.incident_id,
        "seq": state.seq,
        "command_id": command.id,
        "order_digest": one.order_digest,
        "kind": command.verb,
        "at": command.occurred_at,
        "recorded_at": one.recorded_at,
        "actor": command.actor.id,
        "on_behalf": command.actor.on_behalf,
        "role": warrant.role if warrant else "",
        "department": (warrant.department if warrant else "") or command.actor.department,
        "stage": state.stage,
        "said": json_text(dict(one.step.said)),
        "body_sealed": one.body_sealed,
        "personal_sealed": one.personal_sealed,
        "entry_id": one.entry_id,
        "after": digest_of(state),
    }


def _write_units(
    connection: Connection, before: IncidentState | None, state: IncidentState
) -> None:
    known = {one.n: one for one in before.units} if before else {}
    for one in state.units:
        if known.get(one.n) == one:
            continue
        row = unit_row(one)
        if one.n in known:
            connection.execute(
                update(incident_unit)
                .where(incident_unit.c.incident_id == state.incident_id, incident_unit.c.n == one.n)
                .values(row)
            )
        else:
            connection.execute(
                insert(incident_unit).values(row | {"incident_id": state.incident_id, "n": one.n})
            )


def unit_row(one: Unit) -> dict[str, Any]:
    """Return what the row of a unit shows beside its key."""
    return {
        "department": one.department,
        "lead": one.lead,
        "state": one.state,
        "bound": one.bound,
        "dispatched_at": one.dispatched_at,
        "acknowledged_at": one.acknowledged_at,
        "arrived_at": one.arrived_at,
        "answered_at": one.answered_at,
    }


def _write_hands(
    connection: Connection, before: IncidentState | None, state: IncidentState
) -> None:
    known = before.hands if before else {}
    fresh = [
        {"incident_id": state.incident_id, "act": act, "person": person}
        for act, people in state.hands.items()
        for person in people
        if person not in known.get(act, ())
    ]
    if fresh:
        connection.execute(insert(incident_hand), fresh)


def _write_signals(connection: Connection, state: IncidentState, one: Recorded) -> None:
    joined, at = one.step.joined, one.command.occurred_at
    if joined:
        fresh = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        connection.execute(
            fresh(incident_signal).on_conflict_do_nothing(),
            [
                {"incident_id": state.incident_id, "signal_id": signal, "at": at}
                for signal in joined
            ],
        )
    if one.step.withdrawn:
        connection.execute(
            update(incident_signal)
            .where(
                incident_signal.c.incident_id == state.incident_id,
                incident_signal.c.signal_id.in_(one.step.withdrawn),
            )
            .values(withdrawn_at=at)
        )


def _write_links(connection: Connection, state: IncidentState, one: Recorded) -> None:
    step, at, row = one.step, one.command.occurred_at, incident_case.c
    if step.linked_case:
        connection.execute(
            insert(incident_case).values(
                incident_id=state.incident_id, seq=state.seq, case_id=step.linked_case, at=at
            )
        )
    if step.unlinked_case:
        connection.execute(
            update(incident_case)
            .where(
                row.incident_id == state.incident_id,
                row.case_id == step.unlinked_case,
                row.unlinked_seq.is_(None),
            )
            .values(unlinked_seq=state.seq, unlinked_at=at)
        )


def insist_open(connection: Connection, incident_id: str, into: str) -> None:
    """Hold both incidents until the transaction ends. Raises `RuleForbids` where that into which
    one is merged has ended: of two that are merged into each other at once, one goes on."""
    both = select(incident.c.id).where(incident.c.id.in_((incident_id, into)))
    connection.execute(both.order_by(incident.c.id).with_for_update()).all()
    stage = connection.execute(select(incident.c.stage).where(incident.c.id == into)).scalar()
    if stage is None or stage in OVER:
        raise RuleForbids(
            "unknown_incident", "要并入的事件不存在或者已经办结", "YCYX-13", "body.into"
        )


def is_linked(connection: Connection, incident_id: str, case_id: str) -> bool:
    """Tell whether the case is linked with the incident now."""
    row = incident_case.c
    query = select(row.seq).where(
        row.incident_id == incident_id, row.case_id == case_id, row.unlinked_seq.is_(None)
    )
    return connection.execute(query).first() is not None


def all_signals(connection: Connection, incident_id: str) -> tuple[str, ...]:
    """Return the signals of an incident that were not taken back."""
    signal = incident_signal.c
    query = (
        select(signal.signal_id)
        .where(signal.incident_id == incident_id, signal.withdrawn_at.is_(None))
        .order_by(signal.at, signal.signal_id)
    )
    return tuple(connection.execute(query).scalars())
