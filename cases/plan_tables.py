"""Reports of the plan's numbers and their quarterly values. Append-only; the worker writes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from cases.append_only import append_only
from cases.database import Instant
from cases.tables import cases_metadata

_Id = String(36)
_Digest = String(64)
_Day = String(10)
_Code = String(32)

plan_report = Table(
    "plan_report",
    cases_metadata,
    Column("id", _Id, primary_key=True),
    Column("kpi", _Code, nullable=False),
    Column("on_day", _Day, nullable=False),
    Column("revision", SmallInteger, nullable=False),
    Column("corrects", _Id, nullable=False),  # empty: the first of its day
    Column("command_id", String(128), nullable=False, unique=True),
    Column("order_digest", _Digest, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("department", String(64), nullable=False),
    Column("door", String(10), nullable=False),
    Column("numerator", BigInteger, nullable=False),
    Column("denominator", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("evidence", Text, nullable=False),  # list of name and sha256, JSON
    Column("recorded_at", Instant, nullable=False),
    Column("entry_id", _Id, nullable=False),
    Column("digests", Text, nullable=False),  # column → digest; bound by the entry
    UniqueConstraint("kpi", "on_day", "revision"),
    CheckConstraint("numerator >= 0 AND denominator >= 1", name="counts"),
    CheckConstraint("revision >= 1 AND (revision = 1) = (corrects = '')", name="revision"),
    Index("ix_plan_report_newest", "kpi", "on_day"),
)
"""指标填报: one report of one number as of one day; a correction is a row of its own."""

plan_snapshot = Table(
    "plan_snapshot",
    cases_metadata,
    Column("quarter", String(6), primary_key=True),  # 2026Q3
    Column("kpi", _Code, primary_key=True),
    Column("on_day", _Day, nullable=False),  # whose end the counts are of; empty: unknown
    Column("numerator", BigInteger),
    Column("denominator", BigInteger),
    Column("value", String(80), nullable=False),  # exact, n/d; empty: none
    Column("expected", String(80), nullable=False),
    Column("light", String(8), nullable=False),
    Column("taken_at", Instant, nullable=False),
    Column("entry_id", _Id, nullable=False),
    CheckConstraint("light IN ('green', 'yellow', 'red', 'grey')", name="light"),
    CheckConstraint("(numerator IS NULL) = (denominator IS NULL)", name="counts"),
)
"""季度快照: what every number came to at a quarter's end, as it was seen then."""

PLAN_APPEND_ONLY = append_only(
    "plan",
    {
        "plan_report": "id = NEW.id OR command_id = NEW.command_id OR "
        "(kpi = NEW.kpi AND on_day = NEW.on_day AND revision = NEW.revision)",
        "plan_snapshot": "quarter = NEW.quarter AND kpi = NEW.kpi",
    },
)
PLAN_APPEND_ONLY.follow(plan_snapshot)
