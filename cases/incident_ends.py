"""Ends of incidents' personal data: begun with an entry of the log, done when the keys are gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cases.database import Instant
from cases.tables import cases_metadata

incident_end = Table(
    "incident_end",
    cases_metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("incident_id", String(36), nullable=False, unique=True),
    Column("entry_id", String(36), nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("done_at", Instant, nullable=True),  # NULL: the key may still be there
)
"""One row per incident whose people's data is to be, or was, destroyed. The worker writes it; who
keeps words of signals in a store of their own follows it by `n`."""


@dataclass(frozen=True, slots=True)
class End:
    """One incident whose personal data ends."""

    n: int
    incident_id: str
    entry_id: str


def begin(connection: Connection, incident_id: str, entry_id: str, at: datetime) -> bool:
    """Write that it has to be destroyed, in the transaction of its entry; False: it was before."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    fresh = dialect.insert(incident_end).on_conflict_do_nothing()  # two workers may look at once
    row = {"incident_id": incident_id, "entry_id": entry_id, "begun_at": at}
    # What comes back tells, not the count: psycopg gives none for an insert that returns its key.
    begun = connection.execute(fresh.values(row).returning(incident_end.c.n))
    return begun.one_or_none() is not None


def unfinished(connection: Connection) -> Sequence[End]:
    """Return what was begun and is not done, the oldest first."""
    end = incident_end.c
    query = (
        select(end.n, end.incident_id, end.entry_id).where(end.done_at.is_(None)).order_by(end.n)
    )
    return [End(*row) for row in connection.execute(query)]


def since(connection: Connection, n: int, limit: int = 500) -> Sequence[End]:
    """Return what was begun after the one with `n`, in order."""
    end = incident_end.c
    query = select(end.n, end.incident_id, end.entry_id).where(end.n > n).order_by(end.n)
    return [End(*row) for row in connection.execute(query.limit(limit))]


def is_done(connection: Connection, incident_id: str) -> bool:
    """Return whether the incident's personal data is destroyed: entry in the log, keys gone."""
    done = select(incident_end.c.n).where(
        incident_end.c.incident_id == incident_id, incident_end.c.done_at.is_not(None)
    )
    return connection.execute(done).first() is not None


def finish(connection: Connection, incident_id: str, at: datetime) -> None:
    connection.execute(
        update(incident_end)
        .where(incident_end.c.incident_id == incident_id, incident_end.c.done_at.is_(None))
        .values(done_at=at)
    )
