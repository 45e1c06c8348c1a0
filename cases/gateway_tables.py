"""The gateway's own store: which messages came in, and those that could not be carried out."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from cases.database import Instant

gateway_metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_Counter = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys

inbox = Table(
    "inbox",
    gateway_metadata,
    Column("source", String(200), primary_key=True),
    Column("message_id", String(200), primary_key=True),
    Column("command_id", String(128), nullable=False, unique=True),
    Column("digest", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("state", String(10), nullable=False),
    Column("outcome", Text),
    Column("answered_at", Instant),
    CheckConstraint("state IN ('received', 'answered', 'dead')", name="state"),
    CheckConstraint("(state = 'answered') = (outcome IS NOT NULL)", name="answered"),
    Index("ix_inbox_received", "received_at"),
)
"""Every command message, by its CloudEvents source and id, with its one answer: business
idempotency beyond the stream's window."""

dead_letter = Table(
    "dead_letter",
    gateway_metadata,
    Column("id", _Counter, primary_key=True, autoincrement=True),
    Column("stream", String(64), nullable=False),
    Column("stream_seq", BigInteger, nullable=False),
    Column("subject", String(200), nullable=False),
    Column("key_subject", String(80), nullable=False),  # whose key seals the bytes
    Column("raw_sealed", LargeBinary, nullable=False),
    Column("headers", Text, nullable=False),
    Column("reason", String(64), nullable=False),
    Column("sentence", Text, nullable=False),
    Column("field", String(200), nullable=False),
    Column("state", String(10), nullable=False),
    Column("at", Instant, nullable=False),
    Column("mended_sealed", LargeBinary),
    Column("changed_by", String(200), nullable=False),
    Column("changed_at", Instant),
    UniqueConstraint("stream", "stream_seq"),
    CheckConstraint("state IN ('open', 'mended', 'replayed', 'discarded')", name="state"),
    Index("ix_dead_letter_state", "state", "at"),
)
"""Messages that could not be carried out, whole and sealed, with the reason and the field."""
