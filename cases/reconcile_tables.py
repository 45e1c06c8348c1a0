"""How far Temporal's histories and the log have been held against one another."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    String,
    Table,
)

from cases.database import Instant
from cases.tables import cases_metadata

reconciled_run = Table(
    "reconciled_run",
    cases_metadata,
    Column("run_id", String(64), primary_key=True),
    Column("workflow_id", String(200), nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("is_closed", Boolean(create_constraint=False), nullable=False),
    Column("looked_at", Instant, nullable=False),
    Index("ix_reconciled_run_looked", "looked_at"),
)
"""Up to which event a run was read; nothing was under way there. Kept as long as Temporal does."""

reconcile_evidence = Table(
    "reconcile_evidence",
    cases_metadata,
    Column("entry_id", String(36), primary_key=True),
    Column("workflow_id", String(200), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index("ix_reconcile_evidence_seen", "seen_at"),
)
"""Entries that history stands behind and that the log was not yet read up to."""

reconcile_difference = Table(
    "reconcile_difference",
    cases_metadata,
    Column("entry_id", String(36), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("stream", String(200), nullable=False),
    Column("workflow_id", String(200), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("gone_at", Instant),
    CheckConstraint("kind IN ('no_entry', 'no_history', 'other_workflow', 'twice')", name="kind"),
)
"""What does not agree, and since when; a difference that is gone keeps its row."""

reconcile_state = Table(
    "reconcile_state",
    cases_metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("origin", String(200), nullable=False),
    Column("closed_until", Instant, nullable=False),
    Column("log_size", BigInteger, nullable=False),
    Column("looked_at", Instant, nullable=False),
    CheckConstraint("id = 1", name="one"),
)
"""The watermark: every run that had closed by then was read, and the log up to that size."""
