"""What pages and boards read of incidents: rows cut by policy's condition, never opened bodies.

`where` is what `policies.access.Access.where(actor, act, "incident")` gives: the caller must pass
it, and a list without it cannot be asked for. Instants are aware and UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from pydantic import JsonValue
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
)

from cases.incident_tables import (
    incident,
    incident_case,
    incident_change,
    incident_event,
    incident_signal,
    incident_unit,
)
from cases.incidents.state import IncidentState

MOST = 2_000
"""Incidents that one list gives at most: a night's board."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the board is narrowed to; empty: not narrowed."""

    levels: Collection[str] = ()
    types: Collection[str] = ()
    domains: Collection[str] = ()
    districts: Collection[str] = ()
    stages: Collection[str] = ()
    department: str = ""
    """Only where this unit is sent, whatever became of it."""
    ungraded: bool = False
    """Only where nobody has graded yet."""
    unsent: bool = False
    """Only what was sent to nobody yet."""
    unsigned: bool = False
    """Only where nobody has acknowledged yet."""
    late: bool = False
    """Only where a limit was not kept."""
    include_over: bool = False
    """Closed ones too."""


@dataclass(frozen=True, slots=True)
class UnitRow:
    """One unit of a listed incident."""

    department: str
    lead: bool
    state: str
    dispatched_at: datetime
    acknowledged_at: datetime | None
    arrived_at: datetime | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One line of the board."""

    id: str
    number: str
    seq: int
    stage: str
    is_open: bool
    type: str
    domain: str
    level: str
    grade: str
    response_level: int
    title: str
    address: str
    district: str
    cell: str
    lon: float | None
    lat: float | None
    signals: int
    late: int
    reported_at: datetime
    graded_at: datetime | None
    dispatched_at: datetime | None
    acknowledged_at: datetime | None
    arrived_at: datetime | None
    closed_at: datetime | None
    updated_at: datetime
    due_at: datetime | None
    """The next instant that something is expected by."""
    lead: str
    merged_into: str


@dataclass(frozen=True, slots=True)
class EventRow:
    """One settled order; `said` holds nothing personal, the rest of the body is sealed."""

    seq: int
    kind: str
    at: datetime
    recorded_at: datetime
    actor: str
    on_behalf: str
    role: str
    department: str
    stage: str
    said: Mapping[str, JsonValue]
    body_sealed: bytes
    entry_id: str
    command_id: str
    personal_sealed: bytes | None
    """Reporter and casualties; opens as long as the key is not destroyed."""


@dataclass(frozen=True, slots=True)
class IncidentView:
    """The whole of one incident; bodies are opened by whoever may (`incident_subject`)."""

    row: IncidentRow
    state: IncidentState
    events: Sequence[EventRow]
    signals: Sequence[tuple[str, datetime, datetime | None]]
    """Id of the signal, when it joined, when its source took it back."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happened after a reader's last look."""

    seq: int
    incident_id: str
    at: datetime
    kind: str


@dataclass(frozen=True, slots=True)
class Counters:
    """How it stands, over what the reader may know."""

    open: int
    red: int
    ungraded: int
    unsent: int
    unsigned: int
    late: int
    by_level: Mapping[str, int] = field(default_factory=dict)
    by_stage: Mapping[str, int] = field(default_factory=dict)
    by_district: Mapping[str, int] = field(default_factory=dict)


_LISTED = tuple(incident.c[name] for name in IncidentRow.__dataclass_fields__)


def open_incidents(
    connection: Connection,
    where: ColumnElement[bool],
    filters: Filters | None = None,
    limit: int = MOST,
) -> list[IncidentRow]:
    """Return the incidents that `where` lets the reader know: red first, then the soonest limit.

    Who waits for the first acknowledgement stands before who has it, the oldest first.
    """
    unsigned = case((incident.c.acknowledged_at.is_(None), 0), else_=1)
    query = (
        select(*_LISTED)
        .where(where, _narrowed(filters or Filters()))
        .order_by(incident.c.rank, unsigned, incident.c.reported_at, incident.c.id)
        .limit(min(limit, MOST))
    )
    return [IncidentRow(*row) for row in connection.execute(query)]


def per_cell(
    connection: Connection, where: ColumnElement[bool], filters: Filters | None = None
) -> dict[str, int]:
    """Return how many of these incidents lie in each cell of the grid; "": in none."""
    query = (
        select(incident.c.cell, func.count())
        .where(where, _narrowed(filters or Filters()))
        .group_by(incident.c.cell)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def rows_of(
    connection: Connection, where: ColumnElement[bool], ids: Collection[str]
) -> list[IncidentRow]:
    """Return these incidents as far as the reader may know them, over or not."""
    query = select(*_LISTED).where(where, incident.c.id.in_(sorted(ids)))
    return [IncidentRow(*row) for row in connection.execute(query)]


def units_of(
    connection: Connection, where: ColumnElement[bool], ids: Collection[str]
) -> dict[str, list[UnitRow]]:
    """Return the units of these incidents, as far as the reader may know the incidents."""
    unit = incident_unit.c
    query = (
        select(
            unit.incident_id, unit.department, unit.lead, unit.state, unit.dispatched_at,
            unit.acknowledged_at, unit.arrived_at, unit.answered_at,
        )
        .join(incident, incident.c.id == unit.incident_id)
        .where(where, unit.incident_id.in_(sorted(ids)))
        .order_by(unit.incident_id, unit.n)
    )  # fmt: skip
    found: dict[str, list[UnitRow]] = {}
    for row in connection.execute(query):
        found.setdefault(row.incident_id, []).append(UnitRow(*row[1:]))
    return found


def counters(connection: Connection, where: ColumnElement[bool]) -> Counters:
    """Return the figures of the board, in one look at each open incident."""
    query = select(*_GROUPS, func.count()).where(where, incident.c.is_open).group_by(*_GROUPS)
    found = [tuple(row) for row in connection.execute(query)]

    def total(wanted: int) -> int:
        return sum(row[7] for row in found if row[wanted])

    def by(wanted: int) -> dict[str, int]:
        told: dict[str, int] = {}
        for row in found:
            told[row[wanted]] = told.get(row[wanted], 0) + row[7]
        return told

    levels = by(0)
    return Counters(
        sum(row[7] for row in found), levels.get("red", 0), total(3), total(4), total(5), total(6),
        levels, by(1), by(2),
    )  # fmt: skip


_GROUPS = (
    incident.c.level, incident.c.stage, incident.c.district, incident.c.graded_at.is_(None),
    incident.c.dispatched_at.is_(None), incident.c.acknowledged_at.is_(None),
    incident.c.late > literal_column("0"),
)  # fmt: skip
"""The zero stands in the statement: to PostgreSQL two parameters are never the same group."""


def since(
    connection: Connection, where: ColumnElement[bool], seq: int, limit: int = 500
) -> list[Change]:
    """Return what changed after `seq` of incidents that the reader may know, in order.

    `seq` is SSE's Last-Event-ID. Whoever reads on from the last one misses nothing.
    """
    change = incident_change.c
    query = (
        select(change.seq, change.incident_id, change.at, change.kind)
        .join(incident, incident.c.id == change.incident_id)
        .where(change.seq > seq, where)
        .order_by(change.seq)
        .limit(limit)
    )
    return [Change(*row) for row in connection.execute(query)]


def last_change(connection: Connection) -> int:
    """Return the number of the newest change of all; 0: there is none."""
    return connection.execute(select(func.max(incident_change.c.seq))).scalar_one() or 0


_EVENT = tuple(
    incident_event.c[name]
    for name in (
        "seq", "kind", "at", "recorded_at", "actor", "on_behalf", "role", "department", "stage",
        "said", "body_sealed", "entry_id", "command_id", "personal_sealed",
    )
)  # fmt: skip
"""What an `EventRow` is made of."""


def incident_view(connection: Connection, incident_id: str) -> IncidentView | None:
    """Return one incident whole, for a caller that has asked policy about it; None: none."""
    found = connection.execute(
        select(*_LISTED, incident.c.state).where(incident.c.id == incident_id)
    ).one_or_none()
    if found is None:
        return None
    *listed, state = found
    one = incident_event.c
    events = connection.execute(
        select(*_EVENT).where(one.incident_id == incident_id).order_by(one.seq)
    )
    signal = incident_signal.c
    signals = connection.execute(
        select(signal.signal_id, signal.at, signal.withdrawn_at)
        .where(signal.incident_id == incident_id)
        .order_by(signal.at, signal.signal_id)
    )
    return IncidentView(
        IncidentRow(*listed),
        IncidentState.model_validate_json(state),
        [_event(row) for row in events],
        [(row.signal_id, row.at, row.withdrawn_at) for row in signals],
    )


def linkings(
    connection: Connection, case_id: str, incidents: ColumnElement[bool], most: int
) -> Sequence[tuple[str, str, EventRow]]:
    """Return the newest steps by which incidents that the reader may list linked or unlinked this
    case, in order: id and number of the incident, the step."""
    link, one = incident_case.c, incident_event.c
    by_it = and_(
        one.incident_id == link.incident_id, or_(one.seq == link.seq, one.seq == link.unlinked_seq)
    )
    query = (
        select(incident.c.id, incident.c.number, *_EVENT)
        .select_from(
            incident_case.join(incident, incident.c.id == link.incident_id).join(
                incident_event, by_it
            )
        )
        .where(link.case_id == case_id, incidents)
        .order_by(one.recorded_at.desc(), one.incident_id, one.seq.desc())
        .limit(most)
    )
    found = connection.execute(query).all()
    return [(row.id, row.number, _event(row)) for row in reversed(found)]


def state_of(connection: Connection, incident_id: str) -> IncidentState | None:
    """Return what is known of an incident, for a caller that asks policy about it; None: none."""
    found = connection.execute(
        select(incident.c.state).where(incident.c.id == incident_id)
    ).scalar_one_or_none()
    return None if found is None else IncidentState.model_validate_json(found)


def find_number(
    connection: Connection, number: str, where: ColumnElement[bool] | None = None
) -> str | None:
    """Return the id of the incident with that number; None: there is none. `where`: which of them
    the reader may know of."""
    query = select(incident.c.id).where(
        incident.c.number == number, true() if where is None else where
    )
    return connection.execute(query).scalar_one_or_none()


def _narrowed(filters: Filters) -> ColumnElement[bool]:
    asked: list[ColumnElement[bool]] = [true()]
    if not filters.include_over:
        asked.append(incident.c.is_open)
    for column, wanted in (
        (incident.c.level, filters.levels), (incident.c.type, filters.types),
        (incident.c.domain, filters.domains), (incident.c.district, filters.districts),
        (incident.c.stage, filters.stages),
    ):  # fmt: skip
        if wanted:
            asked.append(column.in_(sorted(wanted)))
    for is_wanted, at in (
        (filters.ungraded, incident.c.graded_at), (filters.unsent, incident.c.dispatched_at),
        (filters.unsigned, incident.c.acknowledged_at),
    ):  # fmt: skip
        if is_wanted:
            asked.append(at.is_(None))
    if filters.late:
        asked.append(incident.c.late > 0)
    if filters.department:
        sent = incident_unit.c
        asked.append(
            exists().where(sent.incident_id == incident.c.id, sent.department == filters.department)
        )
    return and_(*asked)


def _event(row: Any) -> EventRow:
    return EventRow(
        row.seq, row.kind, row.at, row.recorded_at, row.actor, row.on_behalf, row.role,
        row.department, row.stage, orjson.loads(row.said), row.body_sealed, row.entry_id,
        row.command_id, row.personal_sealed,
    )  # fmt: skip
