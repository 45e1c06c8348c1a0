"""The performance of projects in the cases store: each act one row with what stood after it.

Append-only; the worker is the only writer. Works and figures, no personal data but who acted.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from cases.append_only import append_only
from cases.database import Instant
from cases.projects.performing_messages import BODIES, PLAN
from cases.tables import cases_metadata

_VERBS = ", ".join(f"'{verb}'" for verb in sorted(BODIES))

performance_act = Table(
    "performance_act",
    cases_metadata,
    Column("project", String(64), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),  # from 1, without a gap
    Column("command_id", String(128), nullable=False),
    Column("order_digest", String(64), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("on_behalf", String(200), nullable=False),  # empty: as oneself
    Column("verb", String(32), nullable=False),
    Column("department", String(64), nullable=False),  # 实施机构
    Column("operator", String(64), nullable=False),  # department of the operator
    Column("body", Text, nullable=False),  # what was ordered; canonical JSON
    Column("state", Text, nullable=False),  # what stood after it; canonical JSON
    Column("acted_at", Instant, nullable=False),
    Column("entry_id", String(36), nullable=False),
    Column("digests", Text, nullable=False),  # column → digest, and of the act before
    UniqueConstraint("command_id"),
    CheckConstraint("seq >= 1", name="seq"),
    CheckConstraint(f"verb IN ({_VERBS})", name="verb"),
    CheckConstraint(f"seq > 1 OR verb = '{PLAN}'", name="first"),
    CheckConstraint("department <> operator", name="sides"),
    Index("ix_performance_act_department", "department", "project"),
    Index("ix_performance_act_operator", "operator", "project"),
)
"""Acts of one project's performance in their order; the newest says what stands."""

PERFORMANCE_APPEND_ONLY = append_only(
    "performance",
    {
        "performance_act": "command_id = NEW.command_id "
        "OR (project = NEW.project AND seq = NEW.seq)",
    },
)
PERFORMANCE_APPEND_ONLY.follow(performance_act)
