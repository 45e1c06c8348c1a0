"""Papers of incidents that were issued or filed: each version as it was printed, never changed.

The worker is the only writer. The file is sealed under the incident's key.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    event,
)

from cases.database import Instant
from cases.tables import cases_metadata

incident_paper = Table(
    "incident_paper",
    cases_metadata,
    Column("id", String(36), primary_key=True),
    Column("incident_id", String(36), ForeignKey("incident.id"), nullable=False),
    Column("source", String(128), nullable=False),  # id of the order that it follows from
    Column("kind", String(16), nullable=False),
    Column("number", String(80), nullable=False),  # empty: its kind is not numbered
    Column("digest", String(64), nullable=False),  # SHA-256 of the PDF
    Column("act_at", Instant, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("file_sealed", LargeBinary, nullable=False),
    Column("entry_id", String(36), nullable=False),
    UniqueConstraint("source", "kind"),
    CheckConstraint("(number <> '') = (kind = 'announcement')", name="numbered"),
    CheckConstraint("kind IN ('announcement', 'report', 'brief', 'after_action')", name="kind"),
    Index("ix_incident_paper_incident", "incident_id", "made_at"),
)
"""公告 with its number, 信息报告 as sent, and what is filed with the incident (第九十四条)."""

SQLITE_PAPERS = (
    "CREATE TRIGGER incident_paper_no_update BEFORE UPDATE ON incident_paper "
    "BEGIN SELECT RAISE(ABORT, 'incident_paper is append-only'); END",
    "CREATE TRIGGER incident_paper_no_delete BEFORE DELETE ON incident_paper "
    "BEGIN SELECT RAISE(ABORT, 'incident_paper is append-only'); END",
    "CREATE TRIGGER incident_paper_no_replace BEFORE INSERT ON incident_paper "
    "WHEN EXISTS (SELECT 1 FROM incident_paper WHERE id = NEW.id "
    "OR (source = NEW.source AND kind = NEW.kind)) "
    "BEGIN SELECT RAISE(ABORT, 'incident_paper is append-only'); END",
)
POSTGRESQL_PAPERS = (
    "CREATE OR REPLACE FUNCTION incident_paper_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'incident_paper is append-only'; END $$",
    "CREATE TRIGGER incident_paper_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
    "ON incident_paper FOR EACH STATEMENT EXECUTE FUNCTION incident_paper_refuse()",
    "ALTER TABLE incident_paper ENABLE ALWAYS TRIGGER incident_paper_append_only",
)
"""What was issued stays as it was, whoever writes."""

for _dialect, _statements in (("sqlite", SQLITE_PAPERS), ("postgresql", POSTGRESQL_PAPERS)):
    for _statement in _statements:
        event.listen(
            incident_paper,
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )
