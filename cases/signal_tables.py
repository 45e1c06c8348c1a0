"""The store of signals: every one that came, what became of it and why, and the orders it made.

The signals process is its only writer. What a person said (title, text, address, who called) is
sealed under a key of the incident, or of the signal while it has none, so that it can be destroyed
at the incident's end; what is compared (kind, instant, place) stands in the clear.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from cases.database import Instant

signals_metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_Counter = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys
_STATES = "'incident', 'merged', 'noted', 'suppressed', 'duplicate', 'refused'"

signal = Table(
    "signal",
    signals_metadata,
    Column("n", _Counter, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False),
    Column("sender", String(64), nullable=False),  # NATS user; empty: this city itself
    Column("source", String(100), nullable=False),
    Column("key", String(200), nullable=False),
    Column("reference", String(200), nullable=False),
    Column("change", String(8), nullable=False),
    Column("type", String(32), nullable=False),
    Column("level", String(8), nullable=False),
    Column("lon", Float),
    Column("lat", Float),
    Column("district", String(64), nullable=False),
    Column("cell", String(64), nullable=False),
    Column("street", String(64), nullable=False),
    Column("spot", String(64), nullable=False),  # pseudonym of the address
    Column("occurred_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("incident_id", String(36), nullable=False),
    Column("because", String(80), nullable=False),  # the signal, window or rule that decided it
    Column("withdrawn_by", String(36), nullable=False),
    Column("key_subject", String(80), nullable=False),  # whose key seals the words
    Column("sealed", LargeBinary, nullable=False),
    UniqueConstraint("id"),
    CheckConstraint(f"state IN ({_STATES})", name="state"),
    CheckConstraint(
        "state NOT IN ('incident', 'merged') OR incident_id <> ''", name="incident_named"
    ),
    Index("ix_signal_near", "type", "occurred_at"),
    Index("ix_signal_reference", "reference", "source"),
    Index("ix_signal_incident", "incident_id"),
    Index("ix_signal_state", "state", "n"),
)
"""One signal, with what became of it last."""

signal_turn = Table(
    "signal_turn",
    signals_metadata,
    Column("n", _Counter, primary_key=True, autoincrement=True),
    Column("signal_id", String(36), nullable=False),
    Column("at", Instant, nullable=False),
    Column("state", String(12), nullable=False),
    Column("incident_id", String(36), nullable=False),
    Column("because", String(80), nullable=False),
    Index("ix_signal_turn_signal", "signal_id"),
    Index("ix_signal_turn_at", "at"),
)
"""Everything that ever became of a signal, append-only: `noted`, then `merged` at the threshold."""

SQLITE_TURNS = (
    "CREATE TRIGGER signal_turn_no_update BEFORE UPDATE ON signal_turn "
    "BEGIN SELECT RAISE(ABORT, 'signal_turn is append-only'); END",
    "CREATE TRIGGER signal_turn_no_delete BEFORE DELETE ON signal_turn "
    "BEGIN SELECT RAISE(ABORT, 'signal_turn is append-only'); END",
    "CREATE TRIGGER signal_turn_no_replace BEFORE INSERT ON signal_turn "
    "WHEN EXISTS (SELECT 1 FROM signal_turn WHERE n = NEW.n) "
    "BEGIN SELECT RAISE(ABORT, 'signal_turn is append-only'); END",
)
POSTGRESQL_TURNS = (
    "CREATE OR REPLACE FUNCTION signal_turn_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'signal_turn is append-only'; END $$",
    "CREATE TRIGGER signal_turn_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
    "ON signal_turn FOR EACH STATEMENT EXECUTE FUNCTION signal_turn_refuse()",
    "ALTER TABLE signal_turn ENABLE ALWAYS TRIGGER signal_turn_append_only",
)
"""What became of a signal stays told, whoever writes."""

for _dialect, _statements in (("sqlite", SQLITE_TURNS), ("postgresql", POSTGRESQL_TURNS)):
    for _statement in _statements:
        event.listen(
            signal_turn,
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )

gathering = Table(
    "gathering",
    signals_metadata,
    Column("incident_id", String(36), primary_key=True),
    Column("type", String(32), nullable=False),
    Column("lon", Float),
    Column("lat", Float),
    Column("district", String(64), nullable=False),
    Column("street", String(64), nullable=False),
    Column("spot", String(64), nullable=False),
    Column("by", String(8), nullable=False),  # place or street: how later ones find it
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("signals", Integer, nullable=False),
    Column("level", String(8), nullable=False),
    Column("is_open", SmallInteger, nullable=False),
    Index("ix_gathering_open", "type", "is_open", "last_at"),
)
"""What later signals of a kind may join: one row per incident that signals opened. Instants are
those of the happenings."""

incident_order = Table(
    "incident_order",
    signals_metadata,
    Column("n", _Counter, primary_key=True, autoincrement=True),
    Column("signal_id", String(36), nullable=False),
    Column("incident_id", String(36), nullable=False),
    Column("verb", String(10), nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("command_id", String(128), nullable=False),  # empty: not given out yet
    Column("state", String(8), nullable=False),
    Column("said", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("begun_at", Instant),  # when it was given out first
    UniqueConstraint("signal_id", "incident_id", "verb"),
    CheckConstraint("state IN ('waiting', 'done', 'refused')", name="state"),
    CheckConstraint("verb IN ('report', 'join', 'withdraw')", name="verb"),
    Index("ix_incident_order_waiting", "state", "rank", "n"),
    Index("ix_incident_order_incident", "incident_id", "n"),
)
"""Orders to incidents, written with the rows they follow from and sent after the commit. Once it
bears a command id, an order keeps it through every crash."""

refused_signal = Table(
    "refused_signal",
    signals_metadata,
    Column("n", _Counter, primary_key=True, autoincrement=True),
    Column("stream_seq", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("signal_id", String(36), nullable=False),  # empty where it could not be told
    Column("sender", String(64), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("field", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("key_subject", String(80), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("stream_seq", "digest"),
    Index("ix_refused_signal_at", "at"),
    Index("ix_refused_signal_signal", "signal_id"),
)
"""Messages that are no signal or cannot be taken, whole and sealed, with field, reason, remedy."""
