"""Alarms (警报): what somebody must look at now, and since when.

An alarm has a key that says what it is about; while it is open the key is raised once, and what it
says may change. Whoever raised it clears it when its own condition no longer holds; then the key
may be raised again. These are the rows; `activities.alarming` puts the entry and the event beside
them. The caller owns the transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid5

import orjson
from pydantic import JsonValue
from sqlalchemy import Connection, Select, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cases.messages import NAMESPACE
from cases.projection import json_text
from cases.store import Message
from cases.tables import alarm as alarm_table
from cases.tables import outbox

RAISED = "raised"
CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Alarm:
    """What somebody must look at. No personal data: it goes to NATS and to the pages."""

    key: str
    """Stable: the same matter of concern, the same key, e.g. `census:<case id>`."""
    kind: str
    """English, stable, e.g. `census`, `calendar_missing`."""
    text: str
    """One Chinese sentence: what is wrong and what to do."""
    case_id: str = ""
    department: str = ""
    detail: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptAlarm:
    """An alarm as it stands in the store."""

    id: str
    alarm: Alarm
    raised_at: datetime
    updated_at: datetime
    raised_entry: str
    cleared_at: datetime | None = None
    cleared_entry: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what never changes while it is open; its entries carry it."""
        one = self.alarm
        said = [self.id, one.key, one.kind, one.case_id, one.department, self.raised_at.isoformat()]
        return hashlib.sha256(json_text(said).encode()).hexdigest()


def alarm_id(key: str, raised_at: datetime) -> str:
    """Return the id of the alarm raised at that instant under that key."""
    return str(uuid5(NAMESPACE, f"alarm\n{key}\n{raised_at.isoformat()}"))


def open_one(connection: Connection, key: str) -> KeptAlarm | None:
    """Return the open alarm of that key; the row stays locked until the transaction ends."""
    table = alarm_table
    query = select(table).where(table.c.key == key, table.c.cleared_at.is_(None)).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    return _kept(row) if row else None


def open_alarms(connection: Connection, kind: str = "") -> list[KeptAlarm]:
    """Return every open alarm (of one kind), the oldest first."""
    query = select(alarm_table).where(alarm_table.c.cleared_at.is_(None))
    if kind:
        query = query.where(alarm_table.c.kind == kind)
    return _all(connection, query.order_by(alarm_table.c.raised_at, alarm_table.c.key))


def alarms_of(connection: Connection, case_id: str) -> list[KeptAlarm]:
    """Return every alarm there ever was about a case, the oldest first."""
    query = select(alarm_table).where(alarm_table.c.case_id == case_id)
    return _all(connection, query.order_by(alarm_table.c.raised_at, alarm_table.c.key))


def put(connection: Connection, kept: KeptAlarm) -> bool:
    """Insert an alarm just raised; False when another transaction has one open under its key."""
    one = kept.alarm
    fresh = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = fresh(alarm_table).values(
        id=kept.id,
        key=one.key,
        kind=one.kind,
        case_id=one.case_id,
        department=one.department,
        text=one.text,
        detail=json_text(dict(one.detail)),
        raised_at=kept.raised_at,
        updated_at=kept.updated_at,
        raised_entry=kept.raised_entry,
    )
    landed = statement.on_conflict_do_nothing().returning(alarm_table.c.id)
    return connection.execute(landed).first() is not None


def tell_anew(connection: Connection, kept: KeptAlarm, alarm: Alarm, at: datetime) -> bool:
    """Let an open alarm say what is so now; False when it says so already."""
    said = (kept.alarm.text, json_text(dict(kept.alarm.detail)))
    now = (alarm.text, json_text(dict(alarm.detail)))
    if said == now:
        return False
    connection.execute(
        update(alarm_table)
        .where(alarm_table.c.id == kept.id)
        .values(text=now[0], detail=now[1], updated_at=at)
    )
    return True


def close(connection: Connection, kept: KeptAlarm, at: datetime, entry: str) -> None:
    """Clear an open alarm."""
    connection.execute(
        update(alarm_table)
        .where(alarm_table.c.id == kept.id, alarm_table.c.cleared_at.is_(None))
        .values(cleared_at=at, cleared_entry=entry)
    )


def announce(connection: Connection, message: Message, case_id: str, at: datetime) -> None:
    """Put an event that belongs to no step of a case into the outbox (its `seq` is 0)."""
    connection.execute(
        insert(outbox).values(
            id=message.id,
            case_id=case_id,
            seq=0,
            subject=message.subject,
            event=message.event,
            created_at=at,
        )
    )


def _all(connection: Connection, query: Select[Any]) -> list[KeptAlarm]:
    rows: Sequence[Mapping[Any, Any]] = connection.execute(query).mappings().all()
    return [_kept(row) for row in rows]


def _kept(row: Mapping[Any, Any]) -> KeptAlarm:
    return KeptAlarm(
        id=row["id"],
        alarm=Alarm(
            key=row["key"],
            kind=row["kind"],
            text=row["text"],
            case_id=row["case_id"],
            department=row["department"],
            detail=orjson.loads(row["detail"]),
        ),
        raised_at=row["raised_at"],
        updated_at=row["updated_at"],
        raised_entry=row["raised_entry"],
        cleared_at=row["cleared_at"],
        cleared_entry=row["cleared_entry"] or "",
    )
