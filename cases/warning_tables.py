"""Our own warnings in the cases store: each announced act one row, never changed.

The worker is the only writer. What is announced is public; no personal data.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    CheckConstraint,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from cases.database import Instant
from cases.tables import cases_metadata

warning_act = Table(
    "warning_act",
    cases_metadata,
    Column("warning_id", String(36), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),  # from 1, without a gap
    Column("command_id", String(128), nullable=False),
    Column("order_digest", String(64), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("verb", String(16), nullable=False),
    Column("category", String(16), nullable=False),
    Column("level", String(8), nullable=False),
    Column("body", Text, nullable=False),  # what stands, or stood; canonical JSON
    Column("lifting", Text, nullable=False),  # canonical JSON; empty: nothing is lifted
    Column("cap", Text, nullable=False),  # the message as it is served
    Column("issued_at", Instant, nullable=False),
    Column("entry_id", String(36), nullable=False),
    Column("digests", Text, nullable=False),  # column → digest, and of the act before
    UniqueConstraint("command_id"),
    CheckConstraint("seq >= 1", name="seq"),
    CheckConstraint(
        "verb IN ('warning_issue', 'warning_adjust', 'warning_lift', 'warning_lapse')", name="verb"
    ),
    CheckConstraint("(seq = 1) = (verb = 'warning_issue')", name="first"),
    CheckConstraint("level IN ('red', 'orange', 'yellow', 'blue')", name="level"),
    CheckConstraint("category NOT IN ('weather', 'security')", name="category"),
    Index("ix_warning_act_issued", "issued_at"),
)
"""Acts of one warning in their order; the newest is what stands."""

SQLITE_WARNINGS = (
    "CREATE TRIGGER warning_act_no_update BEFORE UPDATE ON warning_act "
    "BEGIN SELECT RAISE(ABORT, 'warning_act is append-only'); END",
    "CREATE TRIGGER warning_act_no_delete BEFORE DELETE ON warning_act "
    "BEGIN SELECT RAISE(ABORT, 'warning_act is append-only'); END",
    "CREATE TRIGGER warning_act_no_replace BEFORE INSERT ON warning_act "
    "WHEN EXISTS (SELECT 1 FROM warning_act WHERE command_id = NEW.command_id "
    "OR (warning_id = NEW.warning_id AND seq = NEW.seq)) "
    "BEGIN SELECT RAISE(ABORT, 'warning_act is append-only'); END",
)
POSTGRESQL_WARNINGS = (
    "CREATE OR REPLACE FUNCTION warning_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'warning_act is append-only'; END $$",
    "CREATE TRIGGER warning_act_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON warning_act "
    "FOR EACH STATEMENT EXECUTE FUNCTION warning_refuse()",
    "ALTER TABLE warning_act ENABLE ALWAYS TRIGGER warning_act_append_only",
)
"""An announced act stays as it was, whoever writes."""

for _dialect, _statements in (("sqlite", SQLITE_WARNINGS), ("postgresql", POSTGRESQL_WARNINGS)):
    for _statement in _statements:
        event.listen(
            warning_act,
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )
