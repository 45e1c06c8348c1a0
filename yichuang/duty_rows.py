"""What duty reads of the incidents: what is open for a department, to be handed over by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, exists, select

from cases.database import reading
from cases.incident_tables import incident, incident_unit
from cases.incidents.state import STAGES
from yichuang.notices.finding import CENTRE

MOST = 500
"""Incidents that are handed over by number; whoever has more open says so in the note."""


@dataclass(frozen=True)
class OpenIncidents:
    """Reads the cases store. The command centre answers for all, a unit for what it was sent to."""

    cases: Engine

    def __call__(self, department: str) -> Sequence[tuple[str, str, str]]:
        """Return id, number and stage in words of what is open for a department now."""
        query = (
            select(incident.c.id, incident.c.number, incident.c.stage)
            .where(incident.c.is_open)
            .order_by(incident.c.number)
            .limit(MOST)
        )
        if department != CENTRE:
            sent = exists().where(
                incident_unit.c.incident_id == incident.c.id,
                incident_unit.c.department == department,
            )
            query = query.where(sent)
        with reading(self.cases) as connection:
            rows = connection.execute(query).all()
        return [(row.id, row.number, STAGES.get(row.stage, row.stage)) for row in rows]
