"""Notices about incidents in the cases store: what somebody is to be told, and how far it got.

No plain personal data stands here: a notice says number, kind, level, place by district, and
limits; whom it reaches stands as user ids; addresses stay with the rota.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
)

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
    Column("found_at", Instant),  # when somebody was found for it, or that nobody is there
    Column("nobody", String(64), nullable=False),  # department that had nobody on duty
    Index("ix_notice_unfound", "found_at", "n"),
    Index("ix_notice_incident", "incident_id", "n"),
)
"""Somebody is to be told something. `n` is the order in which they were told."""

delivery = Table(
    "notice_delivery",
    cases_metadata,
    Column("notice_id", _Id, ForeignKey("notice.id"), primary_key=True),
    Column("person", String(128), primary_key=True),  # empty: an office's system, by webhook
    Column("channel", String(8), primary_key=True),
    Column("state", String(10), nullable=False),
    Column("tries", SmallInteger, nullable=False),
    Column("next_at", Instant),  # when it is tried (again); empty: not any more
    Column("changed_at", Instant, nullable=False),
    Column("reason", String(200), nullable=False),  # why it failed; never an address
    CheckConstraint("channel IN ('in_app', 'email', 'sms', 'im', 'webhook')", name="channel"),
    CheckConstraint("state IN ('queued', 'sent', 'delivered', 'failed')", name="state"),
    Index("ix_notice_delivery_due", "channel", "next_at"),
    Index("ix_notice_delivery_person", "person", "channel", "changed_at"),
)
"""One notice to one person over one channel. `sent`: the channel has taken it; `delivered`: it has
said that it arrived; `failed`: given up, with the reason."""
