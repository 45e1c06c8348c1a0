"""Which incidents have ended so that what was taken of people for them goes (第八十五条)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, exists, or_, select

from cases.incident_ends import incident_end
from cases.incident_tables import incident
from cases.incidents.state import IncidentState

AT_ONCE = 200
"""Ends that one look begins; the next look begins the others."""


def ended(connection: Connection, now: datetime, zone: str) -> Sequence[str]:
    """Return incidents whose people's data nobody may keep any longer, not yet begun.

    Archived, or found not to be so; kept with a written reason, once its last day (in the city's
    zone) is over; merged into another, once that one's end has begun.
    """
    own, into = incident_end, incident_end.alias()
    begun = exists().where(own.c.incident_id == incident.c.id)
    over = or_(
        incident.c.stage.in_(("archived", "unfounded")),
        (incident.c.stage == "merged")
        & exists().where(into.c.incident_id == incident.c.merged_into),
    )
    query = (
        select(incident.c.id, incident.c.state)
        .where(over, ~begun)
        .order_by(incident.c.updated_at, incident.c.id)
    )
    today = now.astimezone(ZoneInfo(zone)).date().isoformat()
    found = []
    for row in connection.execute(query):
        kept = IncidentState.model_validate_json(row.state).kept_personal
        if not kept or kept < today:
            found.append(row.id)
        if len(found) == AT_ONCE:
            break
    return found
