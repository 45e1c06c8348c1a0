"""What the rows of every kind of life have alike: how one is written, and what they are asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cases.messages import Outcome
from cases.projection import json_text


class LostRace(Exception):
    """Another attempt wrote first; nothing was written here. Look again."""


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


def state_json(state: BaseModel) -> str:
    """Return a life's state as its row keeps it and its entry binds it: canonical JSON."""
    return json_text(state.model_dump(mode="json"))


def digest_of(state: BaseModel) -> str:
    """Return SHA-256 (hex) of the state, as the entry's `after` says it."""
    return hashlib.sha256(state_json(state).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class LifeTables:
    """The two tables of a kind of life: how each stands, and the step of each order."""

    stands: Table
    events: Table
    life: str
    """Column of `events` that names the life."""

    def answered(self, connection: Connection, command_id: str) -> tuple[Outcome, str] | None:
        """Return the outcome of an order that was carried out before, and the digest of what was
        ordered; None: it was not."""
        row = connection.execute(
            select(self.events, self.stands.c.number)
            .join(self.stands, self.stands.c.id == self.events.c[self.life])
            .where(self.events.c.command_id == command_id)
        ).one_or_none()
        if row is None:
            return None
        outcome = Outcome(
            command_id=command_id,
            case_id=getattr(row, self.life),
            status="done",
            case_no=row.number,
            seq=row.seq,
            stage=row.stage,
            entry=row.entry_id,
            recorded_at=row.recorded_at,
            repeated=True,
        )
        return outcome, row.order_digest

    def put(self, connection: Connection, row: Mapping[str, Any], before: int | None) -> None:
        """Write how a life stands, in place of its row of step `before`; None: it is new.

        Raises `LostRace` when it is not as it was, or there already.
        """
        if before is None:
            fresh = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            landed = connection.execute(
                fresh(self.stands)
                .values(dict(row))
                .on_conflict_do_nothing()
                .returning(self.stands.c.id)
            )
            if landed.first() is None:
                raise LostRace(row["id"])
            return
        changed = connection.execute(
            update(self.stands)
            .where(self.stands.c.id == row["id"], self.stands.c.seq == before)
            .values({name: value for name, value in row.items() if name != "id"})
        )
        if changed.rowcount != 1:
            raise LostRace(row["id"])

    def overdue(self, connection: Connection, before: datetime, most: int) -> Sequence[str]:
        """Return the lives whose next instant was to ring before `before` and has not."""
        one = self.stands.c
        query = select(one.id).where(one.due_at < before).order_by(one.due_at).limit(most)
        return list(connection.execute(query).scalars())
