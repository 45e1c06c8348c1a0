"""The readings store: what sensors said, by event time, and the alarms that follow from it.

The telemetry process is its only writer. Instants of readings are seconds, hours are counted,
both since 1970-01-01T00:00Z; values are whole millionths of the item's unit, so that sums are
exact and a mean is the same whatever the order in which its readings came. No personal data.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from cases.database import Instant

readings_metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_Counter = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys
_Flag = String(12)

series = Table(
    "series",
    readings_metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("station", String(32), nullable=False),
    Column("item", String(32), nullable=False),  # empty: the station as a whole
    Column("kind", String(8), nullable=False),
    UniqueConstraint("station", "item", "kind"),
    CheckConstraint("kind IN ('observed', 'forecast')", name="kind"),
)
"""What one station says of one item. Numbered as they come; the numbers are shown to nobody."""

reading = Table(
    "reading",
    readings_metadata,
    Column("series", Integer, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("value", BigInteger),
    Column("flag", _Flag, nullable=False),  # empty: ok
    Column("revision", SmallInteger, nullable=False),
    Column("batch", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""One reading; of several under the same key the one with the highest revision."""

reading_old = Table(
    "reading_old",
    readings_metadata,
    Column("series", Integer, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("revision", SmallInteger, primary_key=True),
    Column("value", BigInteger),
    Column("flag", _Flag, nullable=False),
    Column("batch", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""What a reading with a higher revision replaced, or what came after it with a lower one."""

reading_hour = Table(
    "reading_hour",
    readings_metadata,
    Column("series", Integer, primary_key=True),
    Column("hour", Integer, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("valid", Integer, nullable=False),
    Column("most", BigInteger),
    Column("least", BigInteger),
    Column("last", BigInteger),
    Column("flag", _Flag, nullable=False),  # the last reading's
    Column("mean", BigInteger),  # NULL: too few valid readings
    Column("n8", SmallInteger, nullable=False),
    Column("s8", BigInteger, nullable=False),
    Column("n24", SmallInteger, nullable=False),
    Column("s24", BigInteger, nullable=False),
    Column("most8", BigInteger),
    Column("above", SmallInteger),
    Column("rate", BigInteger),
    Column("gap", SmallInteger),
    Column("verdict", Text, nullable=False),  # empty: no rule holds and every one would clear
    sqlite_with_rowid=False,
)
"""One hour of one series and the windows that end with it (`cases.windows`)."""

batch = Table(
    "batch",
    readings_metadata,
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("stream_seq", BigInteger, nullable=False),
    Column("subject", String(200), nullable=False),
    Column("message_id", String(200), nullable=False),
    Column("taken", Integer, nullable=False),
    Column("repeated", Integer, nullable=False),
    Column("corrected", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index("ix_batch_recorded", "recorded_at"),
)
"""One message that was taken. Its number is the writers' fence: two cannot commit the same."""

dead_reading = Table(
    "dead_reading",
    readings_metadata,
    Column("id", _Counter, primary_key=True, autoincrement=True),
    Column("stream_seq", BigInteger, nullable=False),
    Column("place", Integer, nullable=False),  # index in the message; -1: the whole message
    Column("digest", String(64), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("field", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("stream_seq", "place", "digest"),
    Index("ix_dead_reading_at", "at"),
)
"""A reading that could not be taken: which field is at fault and what to do about it."""

machine = Table(
    "machine",
    readings_metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("pack", String(64), nullable=False),
    Column("grp", String(64), nullable=False),
    Column("key", String(200), nullable=False),
    Column("kind", String(8), nullable=False),
    UniqueConstraint("pack", "grp", "key", "kind"),
)
"""One alarm machine: what raises one alarm at a time (`rules.alarms`)."""

machine_state = Table(
    "machine_state",
    readings_metadata,
    Column("machine", Integer, primary_key=True),
    Column("hour", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""The state after an hour, where it differs from that after the hour before."""

machine_turn = Table(
    "machine_turn",
    readings_metadata,
    Column("machine", Integer, primary_key=True),
    Column("at", Integer, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("raised_at", Integer, nullable=False),
    Column("rule", String(100), nullable=False),
    Column("level", String(16), nullable=False),
    sqlite_with_rowid=False,
)
"""What happened to the alarms by event time, as far as is known now: derived, replaced when a late
reading changes it. `reading_alarm_event` keeps what was said at the time."""

reading_alarm = Table(
    "reading_alarm",
    readings_metadata,
    Column("id", String(36), primary_key=True),
    Column("machine", Integer, nullable=False),
    Column("raised_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    Column("cleared_at", Integer),
    Column("withdrawn", SmallInteger, nullable=False),
    Column("level", String(16), nullable=False),
    Column("rule", String(100), nullable=False),
    Column("title", String(200), nullable=False),
    Column("basis", String(40), nullable=False),
    Column("pack", String(64), nullable=False),
    Column("version", String(20), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("station", String(32), nullable=False),
    Column("item", String(32), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("department", String(64), nullable=False),
    Column("district", String(64), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    UniqueConstraint("machine", "raised_at"),
    Index("ix_reading_alarm_open", "cleared_at", "raised_at"),
)
"""An alarm. `raised_at`, `updated_at`, `cleared_at` are hours of event time."""

reading_alarm_event = Table(
    "reading_alarm_event",
    readings_metadata,
    Column("alarm_id", String(36), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("at", Integer, nullable=False),
    Column("level", String(16), nullable=False),
    Column("rule", String(100), nullable=False),
    Column("ruling", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    CheckConstraint("kind IN ('raised', 'updated', 'cleared', 'withdrawn')", name="kind"),
)
"""What was said of an alarm and when: append-only. The newest of an alarm stands; `ruling` is the
whole answer of the rules at that hour, by which it can be made anew."""

outbox = Table(
    "outbox",
    readings_metadata,
    Column("pos", _Counter, primary_key=True, autoincrement=True),
    Column("id", String(80), nullable=False, unique=True),
    Column("case_id", String(36), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("subject", String(200), nullable=False),
    Column("event", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Index("ix_outbox_unsent", "sent_at", "pos"),
)
"""CloudEvents on their way to NATS; of the same shape as the cases store's, for the same relay."""
