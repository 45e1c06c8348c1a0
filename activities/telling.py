"""Events for the outbox: CloudEvents of the city, the same one at every retry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cases.projection import json_text
from cases.store import Message


@dataclass(frozen=True, slots=True)
class Told:
    """What is told: `what` are the last words of its subject, as `fund.changed`."""

    id: str
    what: str
    department: str
    about: str
    at: datetime
    data: Mapping[str, object]


def event_of(city: str, schemas: str, told: Told) -> Message:
    """Return the event. `schemas`: where they stand, an address without trailing slash."""
    document = {
        "specversion": "1.0",
        "id": told.id,
        "source": f"/dept/{told.department}",
        "type": f"cn.{city}.{told.what}.v1",
        "subject": told.about,
        "time": told.at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "dataschema": f"{schemas}/{told.what}.v1.json",
        "data": told.data,
    }
    subject = f"evt.{city}.{told.department}.{told.what}"
    return Message(told.id, subject, json_text(document))
