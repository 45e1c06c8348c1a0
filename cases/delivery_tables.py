"""How far notices got, in the web store: beside the accounts and the addresses they went to.

The notifier is the writer of these tables. No address stands here, and no text.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

from cases.database import Instant
from cases.web_tables import web_metadata

_Id = String(36)

notice_found = Table(
    "notice_found",
    web_metadata,
    Column("notice_id", _Id, primary_key=True),
    Column("n", BigInteger, nullable=False),  # its number in the cases store
    Column("incident_id", _Id, nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("nobody", String(64), nullable=False),  # department that had nobody on duty
    Index("ix_notice_found_n", "n"),
)
"""It was looked up who is to be told, once: at the moment it went out."""

delivery = Table(
    "notice_delivery",
    web_metadata,
    Column("notice_id", _Id, ForeignKey("notice_found.notice_id"), primary_key=True),
    Column("person", String(128), primary_key=True),  # `@<department>`: an office's system
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

digest = Table(
    "notice_digest",
    web_metadata,
    Column("id", _Id, primary_key=True),
    Column("person", String(128), ForeignKey("account.id"), nullable=False),
    Column("day", String(10), nullable=False),  # in the city's zone, 2026-11-27
    Column("counts", JSON, nullable=False),
    Column("made_at", Instant, nullable=False),
    UniqueConstraint("person", "day"),
    Index("ix_notice_digest_day", "day", "person"),
)
"""What waited for a person on a working day, in numbers; one that says nothing was not sent."""
