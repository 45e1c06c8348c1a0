"""Incidents put into the rows as the machine makes them, without a workflow around it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

import orjson
from sqlalchemy import Connection, Engine, insert

from cases.incident_tables import incident, incident_change, incident_event, incident_unit
from cases.incidents.place import Place
from cases.incidents.signal import RANK, Level
from cases.incidents.state import IncidentState, Limits, Stage, Unit
from cases.messages import NAMESPACE
from catalogue.grid import Grid
from catalogue.incident_types import IncidentType

LEVELS: Sequence[Level] = ("", "", "", "blue", "blue", "yellow", "orange", "red")
STAGES: Sequence[Stage] = (
    "reported", "verified", "graded", "dispatched", "dispatched", "acknowledged", "on_site",
)  # fmt: skip


def made(
    n: int, kind: IncidentType, grid: Grid, at: datetime, stage: Stage = "reported",
    level: Level = "", departments: Sequence[str] = ("rq",),
) -> IncidentState:  # fmt: skip
    """Return the nth incident, reported at `at`, in some stage."""
    cell = grid.cells[n % len(grid.cells)]
    lon, lat = cell.centre
    sent = stage not in ("reported", "verified", "graded")
    signed = sent and stage != "dispatched"
    units = tuple(
        Unit(
            department=one, lead=place == 0, state="acknowledged" if signed else "dispatched",
            dispatched_at=at + timedelta(minutes=4), n=place + 1,
            acknowledged_at=at + timedelta(minutes=7) if signed else None,
        )
        for place, one in enumerate(departments if sent else ())
    )  # fmt: skip
    return IncidentState(
        incident_id=str(uuid5(NAMESPACE, f"board {n}")), number=f"云突〔2026〕{n:06d}号", seq=1,
        stage=stage, type=kind.code, domain=kind.domain, title=f"{kind.name}（{cell.name}）",
        place=Place(lon=lon, lat=lat, address=f"{cell.name}东侧", district=cell.district,
                    cell=cell.id),
        level=level, occurred_at=at, reported_at=at, updated_at=at,
        verified_at=None if stage == "reported" else at + timedelta(minutes=1),
        graded_at=None if stage in ("reported", "verified") else at + timedelta(minutes=2),
        grade="" if stage in ("reported", "verified") else "ordinary",
        dispatched_at=at + timedelta(minutes=4) if sent else None,
        acknowledged_at=at + timedelta(minutes=7) if signed else None,
        limits=Limits(graded=3, dispatched=5, acknowledged=10, again=5, rungs=(),
                      articles={"graded": "YCYX-7"}, digest="0" * 64, forget=60),
        units=units, signals=1 + n % 4,
    )  # fmt: skip


def _row(state: IncidentState) -> dict[str, Any]:
    return {
        "id": state.incident_id, "number": state.number, "seq": state.seq, "stage": state.stage,
        "is_open": state.open, "type": state.type, "domain": state.domain, "level": state.level,
        "rank": RANK[state.level], "grade": state.grade, "response_level": 0, "title": state.title,
        "address": state.place.address, "district": state.place.district,
        "cell": state.place.cell, "lon": state.place.lon, "lat": state.place.lat,
        "signals": state.signals, "late": len(state.late), "reported_at": state.reported_at,
        "graded_at": state.graded_at, "dispatched_at": state.dispatched_at,
        "acknowledged_at": state.acknowledged_at, "arrived_at": state.arrived_at,
        "closed_at": state.closed_at, "updated_at": state.updated_at,
        "due_at": state.reported_at + timedelta(minutes=10), "lead": state.units[0].department
        if state.units else "", "merged_into": "", "state": state.model_dump_json(),
    }  # fmt: skip


def put(engine: Engine, states: Sequence[IncidentState], kind: str = "report") -> None:
    """Write them as settled, each with one event and one change."""
    with engine.begin() as connection:
        connection.execute(insert(incident), [_row(one) for one in states])
        _happened(connection, states, kind)
        units = [
            {
                "incident_id": one.incident_id, "n": unit.n, "department": unit.department,
                "lead": unit.lead, "state": unit.state, "bound": False,
                "dispatched_at": unit.dispatched_at, "acknowledged_at": unit.acknowledged_at,
                "arrived_at": None, "answered_at": None,
            }
            for one in states
            for unit in one.units
        ]  # fmt: skip
        if units:
            connection.execute(insert(incident_unit), units)


def change(
    engine: Engine,
    state: IncidentState,
    kind: str,
    said: Mapping[str, Any] | None = None,
    by: tuple[str, str] = ("u:signals", ""),
) -> None:
    """Write a state over the one before, with its event and its change; `by`: who, for whom."""
    with engine.begin() as connection:
        row = _row(state)
        connection.execute(incident.update().where(incident.c.id == row["id"]).values(**row))
        _happened(connection, [state], kind, said, by)


def _happened(
    connection: Connection,
    states: Sequence[IncidentState],
    kind: str,
    said: Mapping[str, Any] | None = None,
    by: tuple[str, str] = ("u:signals", ""),
) -> None:
    connection.execute(
        insert(incident_event),
        [
            {
                "incident_id": one.incident_id, "seq": one.seq,
                "command_id": f"{one.incident_id}-{one.seq}", "order_digest": "0" * 64,
                "kind": kind, "at": one.updated_at, "recorded_at": one.updated_at,
                "actor": by[0], "on_behalf": by[1], "role": "service_signal",
                "department": "zhzx", "stage": one.stage,
                "said": orjson.dumps(said or {"level": one.level, "signals": one.signals}).decode(),
                "body_sealed": b"", "entry_id": str(uuid5(NAMESPACE, f"{one.number} {one.seq}")),
                "after": hashlib.sha256(one.number.encode()).hexdigest(),
            }
            for one in states
        ],
    )  # fmt: skip
    connection.execute(
        insert(incident_change),
        [
            {"incident_id": one.incident_id, "at": one.updated_at, "kind": kind}
            for one in states
        ],
    )  # fmt: skip


def night(
    kinds: Sequence[IncidentType], grid: Grid, count: int, now: datetime
) -> list[IncidentState]:
    """Return a busy night: every level, every stage, reported within the last hour."""
    dice = random.Random(15)
    return [
        made(
            n, kinds[n % len(kinds)], grid, now - timedelta(seconds=dice.randrange(3600)),
            dice.choice(STAGES), dice.choice(LEVELS),
        )
        for n in range(1, count + 1)
    ]  # fmt: skip
