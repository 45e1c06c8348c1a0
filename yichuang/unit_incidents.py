"""What a unit's own system may ask of incidents over NATS: those that the unit was sent to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from cases import incident_lists
from cases.database import reading
from cases.incident_lists import Filters, IncidentRow, UnitRow
from cases.messages import Actor
from policies.access import Access


@dataclass(frozen=True)
class UnitIncidents:
    """`yichuang.questions.Incidents` over the cases store, which is only read."""

    engine: Engine
    access: Access

    def open(self, actor: Actor, department: str) -> list[dict[str, Any]]:
        """Return the open incidents to which the department was sent, as far as policy lets the
        system list them, the most urgent first; nothing personal, nothing typed but the title."""
        where = self.access.where(actor, "list", "incident")
        with reading(self.engine) as connection:
            rows = incident_lists.open_incidents(connection, where, Filters(department=department))
            units = incident_lists.units_of(connection, where, [row.id for row in rows])
        return [
            _told(row, one)
            for row in rows
            for one in units.get(row.id, ())
            if one.department == department
        ]


def _told(row: IncidentRow, unit: UnitRow) -> dict[str, Any]:
    return {
        "incident": row.id,
        "number": row.number,
        "seq": row.seq,
        "stage": row.stage,
        "type": row.type,
        "level": row.level,
        "grade": row.grade,
        "response_level": row.response_level,
        "title": row.title,
        "address": row.address,
        "district": row.district,
        "cell": row.cell,
        "lon": row.lon,
        "lat": row.lat,
        "reported_at": row.reported_at.isoformat(),
        "due_at": row.due_at.isoformat() if row.due_at else None,
        "unit": {
            "department": unit.department,
            "lead": unit.lead,
            "state": unit.state,
            "dispatched_at": unit.dispatched_at.isoformat(),
            "acknowledged_at": unit.acknowledged_at.isoformat() if unit.acknowledged_at else None,
            "arrived_at": unit.arrived_at.isoformat() if unit.arrived_at else None,
            "answered_at": unit.answered_at.isoformat() if unit.answered_at else None,
        },
    }
