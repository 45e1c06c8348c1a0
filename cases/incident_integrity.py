"""Incidents against the log: orders, state, and the units, hands, signals and links to cases that
show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from cases.incident_rows import row_of, unit_row
from cases.incident_tables import (
    incident,
    incident_case,
    incident_event,
    incident_hand,
    incident_signal,
    incident_unit,
)
from cases.incidents.linking import chain_of
from cases.incidents.state import IncidentState
from cases.life_integrity import LifeRows, WrongLife, rows, unlike


def _shown(connection: Connection, state: IncidentState) -> Iterator[WrongLife]:
    """Units, hands, signals and links: rows that only repeat the state, for lists and policy."""
    key, seq = state.incident_id, state.seq
    units: dict[str, Mapping[str, Any]] = {str(one.n): unit_row(one) for one in state.units}
    there = {str(row["n"]): row for row in rows(connection, incident_unit.c.incident_id, key)}
    yield from unlike(key, seq, incident_unit.name, units, there)
    hands: dict[str, Mapping[str, Any]] = {
        f"{act}/{person}": {} for act, people in state.hands.items() for person in people
    }
    there = {
        f"{row['act']}/{row['person']}": row
        for row in rows(connection, incident_hand.c.incident_id, key)
    }
    yield from unlike(key, seq, incident_hand.name, hands, there)
    yield from _signals(connection, state)
    yield from _links(connection, state)


def _signals(connection: Connection, state: IncidentState) -> Iterator[WrongLife]:
    one = incident_signal.c
    query = select(func.count(), func.count(one.withdrawn_at)).where(
        one.incident_id == state.incident_id
    )
    total, withdrawn = connection.execute(query).one()
    for name, wanted, found in (
        ("incident_signal", state.signals, total),
        ("incident_signal.withdrawn_at", state.withdrawn, withdrawn),
    ):
        if found != wanted:
            yield WrongLife(state.incident_id, state.seq, name, str(wanted), str(found))


def _links(connection: Connection, state: IncidentState) -> Iterator[WrongLife]:
    one = incident_case.c
    query = select(one.case_id, one.seq, one.unlinked_seq).where(
        one.incident_id == state.incident_id
    )
    found = chain_of((row.case_id, row.seq, row.unlinked_seq) for row in connection.execute(query))
    if found != state.linked:
        yield WrongLife(state.incident_id, state.seq, "incident_case", state.linked, found)


check = LifeRows(
    stands=incident,
    orders=incident_event,
    of="incident_id",
    state=IncidentState,
    row_of=row_of,
    shown=_shown,
).check
"""Yields every row of an incident that differs from what the entries say."""
