"""What the rows of every kind of life are asked alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, select


@dataclass(frozen=True, slots=True)
class LateInstant:
    """A life's earliest instant that passed and has not rung."""

    id: str
    number: str
    due_at: datetime


def late_of(
    connection: Connection, stands: Table, before: datetime, most: int
) -> list[LateInstant]:
    """Return which of these lives were to ring before `before` and have not, the latest first."""
    one = stands.c
    query = (
        select(one.id, one.number, one.due_at)
        .where(one.due_at < before)
        .order_by(one.due_at, one.id)
        .limit(most)
    )
    return [LateInstant(*row) for row in connection.execute(query)]
