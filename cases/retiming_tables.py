"""What another version of a calendar moves, in the cases store; and how far a move has got."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from cases.database import Instant
from cases.tables import cases_metadata

_Id = String(36)
_User = String(200)
_Department = String(64)
_Digest = String(64)

retiming = Table(
    "retiming",
    cases_metadata,
    Column("id", _Id, primary_key=True),
    Column("release_id", _Id, nullable=False),
    Column("release_digest", _Digest, nullable=False),
    Column("direction", String(6), nullable=False),  # apply, revert
    Column("name", String(80), nullable=False),
    Column("from_version", String(80), nullable=False),
    Column("to_version", String(80), nullable=False),
    Column("calendars", Text, nullable=False),  # |a|b|: those that are others then
    Column("first_day", String(10), nullable=False),  # ISO; empty: they differ nowhere
    Column("made_at", Instant, nullable=False),
    Column("digest", _Digest, nullable=False),  # of every move; empty while it is being made
    Column("counts", Text, nullable=False),
    Column("ordered_at", Instant),
    Column("finished_at", Instant),
    Column("passes", Integer, nullable=False, server_default="0"),
    Column("told", Integer, nullable=False, server_default="0"),
    Column("away", Integer, nullable=False, server_default="0"),
    CheckConstraint("direction IN ('apply', 'revert')", name="direction"),
    Index("ix_retiming_release", "release_id", "made_at"),
)
"""变动预览: what another version of a calendar would move; once signed, how far it has got."""

retiming_move = Table(
    "retiming_move",
    cases_metadata,
    Column("retiming_id", _Id, ForeignKey("retiming.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("case_id", _Id, nullable=False),
    Column("case_no", String(50), nullable=False),
    Column("matter_name", String(200), nullable=False),
    Column("key", String(80), nullable=False),
    Column("department", _Department, nullable=False),
    Column("holder", _User, nullable=False),
    Column("due_before", Instant),
    Column("due_after", Instant),
    Column("provisional_before", Boolean(create_constraint=False), nullable=False),
    Column("provisional_after", Boolean(create_constraint=False), nullable=False),
    Index("ix_retiming_move_due", "retiming_id", "due_before", "n"),
)
"""One instant of one open case, before → after, and whose it is. A view on cases, not kept long."""
