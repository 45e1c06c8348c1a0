"""Leases: of several workers, one does a piece of work that must be done once. The caller commits.

A lease runs out by itself, so that a worker that died holds nothing up for longer; whoever has it
renews it well before. What its holder last found is noted beside it, for readers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from pydantic import JsonValue
from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cases.projection import json_text
from cases.tables import lease


@dataclass(frozen=True, slots=True)
class Note:
    """What the holder of a lease last told, and when."""

    holder: str
    noted_at: datetime
    said: dict[str, JsonValue]


def take(connection: Connection, name: str, holder: str, now: datetime, length: timedelta) -> bool:
    """Take or renew the lease; False while another holds it."""
    fresh = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = {"name": name, "holder": holder, "until": now + length, "note": ""}
    first = fresh(lease).values(row).on_conflict_do_nothing().returning(lease.c.name)
    if connection.execute(first).first() is not None:
        return True
    mine = (
        update(lease)
        .where(lease.c.name == name, or_(lease.c.holder == holder, lease.c.until < now))
        .values(holder=holder, until=now + length)
        .returning(lease.c.name)
    )
    return connection.execute(mine).first() is not None


def note(
    connection: Connection, name: str, holder: str, now: datetime, said: dict[str, JsonValue]
) -> None:
    """Keep what the holder found; nothing is kept for one who lost the lease meanwhile."""
    connection.execute(
        update(lease)
        .where(lease.c.name == name, lease.c.holder == holder)
        .values(noted_at=now, note=json_text(said))
    )


def let_go(connection: Connection, name: str, holder: str, now: datetime) -> None:
    """Let another worker take over at once."""
    connection.execute(
        update(lease).where(lease.c.name == name, lease.c.holder == holder).values(until=now)
    )


def noted(connection: Connection, name: str) -> Note | None:
    """Return what was last noted; None when nothing ever was."""
    query = select(lease.c.holder, lease.c.noted_at, lease.c.note).where(lease.c.name == name)
    row = connection.execute(query).one_or_none()
    if row is None or row.noted_at is None:
        return None
    return Note(row.holder, row.noted_at, orjson.loads(row.note))
