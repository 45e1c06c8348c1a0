"""The blind index over applicants, and which keys it stands under."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table

from cases.database import Instant
from cases.tables import cases_metadata

index_key = Table(
    "index_key",
    cases_metadata,
    Column("id", String(16), primary_key=True),
    Column("algorithm", String(16), nullable=False),
    Column("state", String(8), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("position", String(36), nullable=False),  # the last case that was gone through
    Column("cases", Integer, nullable=False),  # how many were written beside the work
    CheckConstraint(
        "state IN ('filling', 'current', 'leaving', 'emptying', 'retired')", name="state"
    ),
)
"""The keys of the index, by id; the key itself lies wrapped in the keys store, as `index:<id>`.

filling: new cases stand under it, the older ones are on their way; current: every case does;
leaving: as current, while another one is filled; emptying: nobody asks it, its rows go;
retired: its rows are gone and it is destroyed."""

case_index = Table(
    "case_index",
    cases_metadata,
    Column("case_id", String(36), ForeignKey("case_file.id"), primary_key=True),
    Column("field", String(12), primary_key=True),
    Column("key", String(16), ForeignKey("index_key.id"), primary_key=True),
    Column("token", String(32), nullable=False),
    Index("ix_case_index_token", "token"),
    Index("ix_case_index_key", "key"),
)
"""By which exact name, number or telephone a case is found. Derived from what is sealed: no entry
binds it, and it goes when the person is erased or the key is replaced."""
