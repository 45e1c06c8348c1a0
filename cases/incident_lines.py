"""What arbiters' rulings taught the responsibility table: one line each, written once.

A ruling binds its own incident and, from then on, routes incidents of its kind in its street
(`cases.incidents.routing`). The newest of a street speaks; the older ones stay to be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid5

from sqlalchemy import (
    DDL,
    CheckConstraint,
    Column,
    Connection,
    Index,
    String,
    Table,
    UniqueConstraint,
    event,
    insert,
    select,
)

from cases.database import Instant
from cases.incidents.routing import Learned
from cases.messages import NAMESPACE
from cases.tables import cases_metadata

_Id = String(36)

incident_line = Table(
    "incident_line",
    cases_metadata,
    Column("id", _Id, primary_key=True),
    Column("incident_id", _Id, nullable=False),
    Column("number", String(64), nullable=False),
    Column("command_id", String(128), nullable=False),
    Column("type", String(32), nullable=False),
    Column("street", String(64), nullable=False),  # empty: the incident had no cell
    Column("department", String(64), nullable=False),
    Column("ruling", String(8), nullable=False),
    Column("ruled_by", String(200), nullable=False),
    Column("ruled_at", Instant, nullable=False),
    UniqueConstraint("incident_id", "command_id"),
    CheckConstraint("ruling IN ('stands', 'moves')", name="ruling"),
    Index("ix_incident_line_type", "type", "street", "ruled_at"),
)
"""责任清单中由仲裁裁定增补的一行。The worker is the only writer. No personal data but who ruled."""

SQLITE_LINES = (
    "CREATE TRIGGER incident_line_no_update BEFORE UPDATE ON incident_line "
    "BEGIN SELECT RAISE(ABORT, 'incident_line is append-only'); END",
    "CREATE TRIGGER incident_line_no_delete BEFORE DELETE ON incident_line "
    "BEGIN SELECT RAISE(ABORT, 'incident_line is append-only'); END",
    "CREATE TRIGGER incident_line_no_replace BEFORE INSERT ON incident_line "
    "WHEN EXISTS (SELECT 1 FROM incident_line WHERE id = NEW.id "
    "OR (incident_id = NEW.incident_id AND command_id = NEW.command_id)) "
    "BEGIN SELECT RAISE(ABORT, 'incident_line is append-only'); END",
)
POSTGRESQL_LINES = (
    "CREATE OR REPLACE FUNCTION incident_line_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'incident_line is append-only'; END $$",
    "CREATE TRIGGER incident_line_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
    "ON incident_line FOR EACH STATEMENT EXECUTE FUNCTION incident_line_refuse()",
    "ALTER TABLE incident_line ENABLE ALWAYS TRIGGER incident_line_append_only",
)
"""What a ruling taught stays as it was; another ruling is another line."""

for _dialect, _statements in (("sqlite", SQLITE_LINES), ("postgresql", POSTGRESQL_LINES)):
    for _statement in _statements:
        event.listen(
            incident_line,
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )


@dataclass(frozen=True, slots=True)
class Ruled:
    """An arbiter's ruling, as its step is settled."""

    incident_id: str
    number: str
    command_id: str
    type: str
    street: str
    """Code of the street office of the incident's cell; empty: not known."""
    department: str
    """Whose such incidents are: who refused when it `stands`, else whom it `moves` to."""
    ruling: Literal["stands", "moves"]
    ruled_by: str
    ruled_at: datetime


def learn(connection: Connection, one: Ruled) -> None:
    """Write the line that a ruling teaches, once, in the caller's transaction.

    A repetition of the same command writes nothing. The step's own entry of the log tells of it.
    """
    known = select(incident_line.c.id).where(
        incident_line.c.incident_id == one.incident_id,
        incident_line.c.command_id == one.command_id,
    )
    if connection.execute(known).first() is not None:
        return
    row = {name: getattr(one, name) for name in one.__dataclass_fields__}
    own = str(uuid5(NAMESPACE, f"line\n{one.incident_id}\n{one.command_id}"))
    connection.execute(insert(incident_line).values(id=own, **row))


def learned_lines(connection: Connection, kind: str = "") -> tuple[Learned, ...]:
    """Return what was taught of a kind (empty: of all), the newest first."""
    line = incident_line.c
    chosen = select(
        line.type, line.street, line.department, line.incident_id, line.number, line.ruled_at
    ).order_by(line.ruled_at.desc(), line.id)
    if kind:
        chosen = chosen.where(line.type == kind)
    return tuple(Learned(*row) for row in connection.execute(chosen))
