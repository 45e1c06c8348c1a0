"""Alarms of readings as rows: machines, their states and turns, the alarms, what was said of them.

The caller owns the transaction; the telemetry process is the only writer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from cases.readings_tables import (
    machine,
    machine_state,
    machine_turn,
    outbox,
    reading_alarm,
    reading_alarm_event,
)

MachineKey = tuple[str, str, str, str]
"""(pack, precedence group or rule, key as JSON, observed or forecast)"""


@dataclass(frozen=True, slots=True)
class TurnRow:
    """One thing that happened to an alarm, as far as is known now. Hours of event time."""

    at: int
    kind: str
    raised_at: int
    rule: str
    level: str


@dataclass(frozen=True, slots=True)
class FoldRow:
    """What replaces a machine's states and turns from `first` to `last` (None: to the end)."""

    machine: int
    first: int
    last: int | None
    states: tuple[tuple[int, str], ...]
    turns: tuple[TurnRow, ...]


def machines(connection: Connection) -> dict[MachineKey, int]:
    """Return every machine's number."""
    rows = connection.execute(select(machine)).all()
    return {(row.pack, row.grp, row.key, row.kind): row.id for row in rows}


def states(connection: Connection) -> dict[int, list[tuple[int, str]]]:
    """Return the states of every machine where they change, by hour."""
    found: dict[int, list[tuple[int, str]]] = {}
    table = machine_state.c
    query = select(table.machine, table.hour, table.state).order_by(table.machine, table.hour)
    for number, hour, text in connection.execute(query):
        found.setdefault(number, []).append((hour, text))
    return found


def turns(connection: Connection) -> dict[int, list[TurnRow]]:
    """Return the turns of every machine, by hour."""
    found: dict[int, list[TurnRow]] = {}
    query = select(machine_turn).order_by(machine_turn.c.machine, machine_turn.c.at)
    for row in connection.execute(query):
        one = TurnRow(row.at, row.kind, row.raised_at, row.rule, row.level)
        found.setdefault(row.machine, []).append(one)
    return found


def new_machines(connection: Connection, fresh: Mapping[MachineKey, int]) -> None:
    """Insert machines under their numbers."""
    rows = [
        {"id": number, "pack": pack, "grp": group, "key": key, "kind": kind}
        for (pack, group, key, kind), number in fresh.items()
    ]
    if rows:
        connection.execute(insert(machine), rows)


def write_fold(connection: Connection, fold: FoldRow) -> None:
    """Replace a part of a machine's history."""
    for table, column in ((machine_state, machine_state.c.hour), (machine_turn, machine_turn.c.at)):
        gone = delete(table).where(table.c.machine == fold.machine, column >= fold.first)
        if fold.last is not None:
            gone = gone.where(column <= fold.last)
        connection.execute(gone)
    if fold.states:
        connection.execute(
            insert(machine_state),
            [{"machine": fold.machine, "hour": h, "state": text} for h, text in fold.states],
        )
    if fold.turns:
        connection.execute(
            insert(machine_turn),
            [
                {
                    "machine": fold.machine, "at": turn.at, "kind": turn.kind,
                    "raised_at": turn.raised_at, "rule": turn.rule, "level": turn.level,
                }
                for turn in fold.turns
            ],
        )  # fmt: skip


def _all(connection: Connection, statement: str, values: Sequence[int]) -> list[Any]:
    """Run a statement on the driver's cursor: these three stand on the path of every batch."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    marks = ", ".join([mark] * (len(values) - statement.count("?")))
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement.replace("?", mark).replace("{series}", marks), tuple(values))
        return list(cursor.fetchall())
    finally:
        cursor.close()


def verdicts(
    connection: Connection, series: Sequence[int], first: int, last: int
) -> list[tuple[int, int, str]]:
    """Return (hour, series, verdict) of the stored hours of some series, by hour."""
    query = (
        "SELECT hour, series, verdict FROM reading_hour WHERE series IN ({series}) "
        "AND hour BETWEEN ? AND ? ORDER BY hour, series"
    )
    return _all(connection, query, [*series, first, last])


def hour_before(connection: Connection, series: Sequence[int], hour: int) -> int | None:
    """Return the last stored hour of some series before an hour."""
    query = "SELECT MAX(hour) FROM reading_hour WHERE series IN ({series}) AND hour < ?"
    found: int | None = _all(connection, query, [*series, hour])[0][0]
    return found


def newest_hour(connection: Connection, series: Sequence[int]) -> int | None:
    """Return the last stored hour of some series."""
    query = "SELECT MAX(hour) FROM reading_hour WHERE series IN ({series})"
    found: int | None = _all(connection, query, series)[0][0]
    return found


def alarm_at(connection: Connection, number: int, raised_at: int) -> Mapping[str, Any] | None:
    """Return the alarm that a machine raised at an hour, withdrawn or not."""
    query = select(reading_alarm).where(
        reading_alarm.c.machine == number, reading_alarm.c.raised_at == raised_at
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def put_alarm(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert an alarm."""
    connection.execute(insert(reading_alarm), dict(values))


def change_alarm(connection: Connection, alarm_id: str, values: Mapping[str, Any]) -> None:
    """Change what an alarm says of itself now."""
    connection.execute(
        update(reading_alarm).where(reading_alarm.c.id == alarm_id).values(dict(values))
    )


def add_event(
    connection: Connection, alarm_id: str, kind: str, turn: TurnRow, ruling: str, at: datetime
) -> int:
    """Append what is said of an alarm now; return its number, from 1."""
    table = reading_alarm_event
    query = select(func.coalesce(func.max(table.c.n), 0)).where(table.c.alarm_id == alarm_id)
    number = int(connection.execute(query).scalar_one()) + 1
    connection.execute(
        insert(table).values(
            alarm_id=alarm_id, n=number, kind=kind, at=turn.at, level=turn.level, rule=turn.rule,
            ruling=ruling, recorded_at=at,
        )
    )  # fmt: skip
    return number


def announce(connection: Connection, event_id: str, subject: str, event: str, at: datetime) -> None:
    """Put an event into the outbox; the relay of the telemetry process sends it."""
    connection.execute(
        insert(outbox).values(
            id=event_id, case_id="", seq=0, subject=subject, event=event, created_at=at
        )
    )
