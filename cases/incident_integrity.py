"""Incidents against the log: each order's row, and what shows how an incident stands.

The entry of an order binds the state that it left (its `after`). The newest one's must be the
state in the row, and every column and row that lists and boards read must follow from that state.
Only reads; asks for no key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Column, Connection, Table, func, select

from cases.incident_rows import digest_text, row_of, unit_row
from cases.incident_tables import (
    incident,
    incident_event,
    incident_hand,
    incident_signal,
    incident_unit,
)
from cases.incidents.state import IncidentState

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SaidOrder:
    """What the log says of one settled order."""

    entry_id: str
    act: str
    at: datetime
    after: str


@dataclass(frozen=True, slots=True)
class WrongIncident:
    """A row that is not what the log says, by incident, sequence and column."""

    incident_id: str
    seq: int
    column: str
    expected: str
    found: str


def check(
    connection: Connection, said: Mapping[str, Mapping[int, SaidOrder]]
) -> Iterator[WrongIncident]:
    """Yield every row that differs from what the entries say. `said`: incident → seq → order."""
    known = set(connection.execute(select(incident.c.id)).scalars())
    known |= set(connection.execute(select(incident_event.c.incident_id).distinct()).scalars())
    for key in sorted(said.keys() | known):
        yield from _check_one(connection, key, said.get(key, {}))


def _check_one(
    connection: Connection, key: str, said: Mapping[int, SaidOrder]
) -> Iterator[WrongIncident]:
    there = {row["seq"]: row for row in _rows(connection, incident_event, key)}
    for seq in sorted(said.keys() | there.keys()):
        if seq not in there:
            yield WrongIncident(
                key, seq, "incident_event", f"a row for entry {said[seq].entry_id}", "none"
            )
        elif seq not in said:
            found = there[seq]["entry_id"]
            yield WrongIncident(
                key, seq, "incident_event", "no row: the log has no entry", str(found)
            )
        else:
            yield from _check_order(key, seq, said[seq], there[seq])
    if said:
        yield from _check_newest(connection, key, max(said), said[max(said)].after)
    elif not there:
        yield WrongIncident(key, 0, "incident", "no row: the log has no entry", "a row")


def _check_order(key: str, seq: int, said: SaidOrder, row: Row) -> Iterator[WrongIncident]:
    wanted = {
        "entry_id": said.entry_id, "kind": said.act, "recorded_at": said.at, "after": said.after,
    }  # fmt: skip
    for name, value in wanted.items():
        if row[name] != value:
            yield WrongIncident(key, seq, f"incident_event.{name}", str(value), str(row[name]))


def _check_newest(
    connection: Connection, key: str, seq: int, after: str
) -> Iterator[WrongIncident]:
    row = next(iter(_rows(connection, incident, key, incident.c.id)), None)
    if row is None:
        yield WrongIncident(key, seq, "incident", "a row", "none")
        return
    found = digest_text(row["state"])
    if found != after:
        yield WrongIncident(key, seq, "incident.state", after, found)
        return
    try:
        state = IncidentState.model_validate_json(row["state"])
    except ValidationError as unreadable:
        yield WrongIncident(key, seq, "incident.state", "a state", str(unreadable).splitlines()[0])
        return
    for name, value in row_of(state).items():
        if row[name] != value:
            yield WrongIncident(key, seq, f"incident.{name}", str(value), str(row[name]))
    yield from _check_shown(connection, state)


def _check_shown(connection: Connection, state: IncidentState) -> Iterator[WrongIncident]:
    """Units, hands and signals: rows that only repeat the state, for lists and policy."""
    key, seq = state.incident_id, state.seq
    wanted: dict[str, dict[str, Row]] = {
        "incident_unit": {str(one.n): unit_row(one) for one in state.units},
        "incident_hand": {
            f"{act}/{person}": {} for act, people in state.hands.items() for person in people
        },
    }
    there: dict[str, dict[str, Row]] = {
        "incident_unit": {str(row["n"]): row for row in _rows(connection, incident_unit, key)},
        "incident_hand": {
            f"{row['act']}/{row['person']}": row for row in _rows(connection, incident_hand, key)
        },
    }
    for name, rows in wanted.items():
        found = there[name]
        for one in sorted(rows.keys() | found.keys()):
            if one not in rows or one not in found:
                yield WrongIncident(
                    key, seq, f"{name}[{one}]",
                    "a row" if one in rows else "none", "a row" if one in found else "none",
                )  # fmt: skip
                continue
            for column, value in rows[one].items():
                if found[one][column] != value:
                    yield WrongIncident(
                        key, seq, f"{name}[{one}].{column}", str(value), str(found[one][column])
                    )
    yield from _check_signals(connection, state)


def _check_signals(connection: Connection, state: IncidentState) -> Iterator[WrongIncident]:
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
            yield WrongIncident(state.incident_id, state.seq, name, str(wanted), str(found))


def _rows(
    connection: Connection, table: Table, key: str, column: Column[Any] | None = None
) -> list[Row]:
    where = (table.c.incident_id if column is None else column) == key
    return [dict(row) for row in connection.execute(select(table).where(where)).mappings()]
