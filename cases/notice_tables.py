"""Notices about incidents in the cases store: who is to be told what, once.

No plain personal data stands here: a notice says number, kind, level, place by district, and
limits. Whom it reached, and over which channel, stands with the rota (cases/delivery_tables.py).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from cases.database import Instant
from cases.tables import cases_metadata

_Id = String(36)
_Counter = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys

notice = Table(
    "notice",
    cases_metadata,
    Column("n", _Counter, primary_key=True, autoincrement=True),
    Column("id", _Id, nullable=False, unique=True),  # uuid5 of its key: told once
    Column("incident_id", _Id, nullable=False),  # empty: about no incident
    Column("recipient", String(200), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("fields", Text, nullable=False),  # JSON, no personal data
    Column("urgent", Boolean(create_constraint=False), nullable=False),
    Column("told_at", Instant, nullable=False),
    Index("ix_notice_incident", "incident_id", "n"),
)
"""Somebody is to be told something. `n` is the order in which they were told."""
