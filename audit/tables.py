"""The log's tables, in three sets: of each producing store, of the log, and of the keys.

Names carry no schema: in the large form the engine's search path says which one is meant.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

outbox_metadata = MetaData()
"""Created in every store whose transactions write entries: cases, web, gateway, readings, and the
log's own, for the entries about the log itself."""

log_metadata = MetaData()
"""Created once, in the log's own store; the sequencer is its one writer."""

keys_metadata = MetaData()
"""Created in the keys store, apart from both, with a short backup retention."""

_Counter = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys

audit_stream = Table(
    "audit_stream",
    outbox_metadata,
    Column("stream", String(200), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("last_us", BigInteger, nullable=False),
)
"""Head of each stream: last position (from 1), its leaf hash, its instant (µs since 1970)."""

audit_recorded = Table(
    "audit_recorded",
    outbox_metadata,
    Column("entry_id", String(36), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("stream", String(200), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    UniqueConstraint("stream", "seq"),
)
"""Every entry ever recorded here, without its body: what a retry finds after the drain."""

audit_outbox = Table(
    "audit_outbox",
    outbox_metadata,
    Column("pos", _Counter, primary_key=True, autoincrement=True),
    Column("entry_id", String(36), nullable=False, unique=True),
    Column("stream", String(200), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""Entries on their way to the log; the sequencer deletes what it has committed there."""

audit_payload = Table(
    "audit_payload",
    outbox_metadata,
    Column("entry_id", String(36), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("subject", String(80), nullable=False, index=True),
    Column("media_type", String(120), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""Payloads the entries commit to, under the subject's key; the salt derives from that key."""

audit_entry = Table(
    "audit_entry",
    log_metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("entry_id", String(36), nullable=False, unique=True),
    Column("stream", String(200), nullable=False),
    Column("stream_seq", BigInteger, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("stream", "stream_seq"),  # two stores that share a stream's name fail at once
)
"""The log. `seq` is the index of the leaf, from 0."""

audit_tile = Table(
    "audit_tile",
    log_metadata,
    Column("level", Integer, primary_key=True),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)
"""C2SP tlog-tiles hash tiles. Level 0 only when full (its leaves stand in audit_entry); a higher
level grows by one hash each time a tile below it is filled."""

audit_state = Table(
    "audit_state",
    log_metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("origin", String(200), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
)
"""One row: the log's name and the frontier of its tree."""

audit_checkpoint = Table(
    "audit_checkpoint",
    log_metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("sealed_at", DateTime(timezone=True), nullable=False),
)
"""Signed tree heads, as C2SP signed notes."""

audit_cosignature = Table(
    "audit_cosignature",
    log_metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(200), primary_key=True),
    Column("line", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
"""What witnesses have said of the head of `size`: the newest line of each key name, without LF,
and its time."""

audit_witness = Table(
    "audit_witness",
    log_metadata,
    Column("name", String(200), primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("heard_at", DateTime(timezone=True), nullable=True),
    Column("absent_at", DateTime(timezone=True), nullable=True),
    Column("fault", Text, nullable=False),
)
"""How it stands with each witness, by its key name: asked `since`, last answered at `heard_at`, an
alarm standing from `absent_at`, the last `fault` (empty after an answer)."""

audit_anchor = Table(
    "audit_anchor",
    log_metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), primary_key=True),
    Column("at", DateTime(timezone=True), primary_key=True),
    Column("token", LargeBinary, nullable=False),
)
"""Times that somebody else vouches for: `token` over the head of `size`, `kind` `rfc3161`."""

audit_shard = Table(
    "audit_shard",
    log_metadata,
    Column("origin", String(200), primary_key=True),
    Column("place", Integer, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("archive", String(200), nullable=False),
    Column("closed_at", DateTime(timezone=True), nullable=True),
)
"""Shards that are closed, `place` from 1 in their order, and the one that is being closed
(`closed_at` NULL). `archive` names the SQLite file or the schema that holds the shard's rows."""

audit_sm3_state = Table(
    "audit_sm3_state",
    log_metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("origin", String(200), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
)
"""One row once the second tree has begun: its name (`<origin>/sm3`) and its frontier."""

audit_sm3_tile = Table(
    "audit_sm3_tile",
    log_metadata,
    Column("level", Integer, primary_key=True),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)
"""Tiles of the second tree. Every level grows, level 0 too: no leaf stands anywhere else, so that
the bodies may go when their time is over and their proofs stay."""

audit_sm3_checkpoint = Table(
    "audit_sm3_checkpoint",
    log_metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("sealed_at", DateTime(timezone=True), nullable=False),
)
"""Signed heads of the second tree."""

audit_subject_key = Table(
    "audit_subject_key",
    keys_metadata,
    Column("id", String(80), primary_key=True),
    Column("wrapped_key", LargeBinary, nullable=True),
    Column("destroyed_at", DateTime(timezone=True), nullable=True),
    CheckConstraint("(wrapped_key IS NULL) = (destroyed_at IS NOT NULL)"),
)
"""One key per subject, wrapped under the master key; NULL once destroyed."""

audit_purge = Table(
    "audit_purge",
    log_metadata,
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("entry_id", String(36), nullable=False),
)
"""Ranges of leaves (both ends included) whose bodies an entry `retention.purged` says are gone.
What counts for a verifier is that entry; without a range here the triggers let no body go."""

_KEPT = ("seq", "entry_id", "stream", "stream_seq", "leaf")


def _let_a_purge_through(same: str) -> str:
    """Return the condition of the one change there is: a body becomes empty, in a noted range."""
    kept = " AND ".join(f"NEW.{name} {same} OLD.{name}" for name in _KEPT)
    noted = "EXISTS (SELECT 1 FROM audit_purge WHERE OLD.seq BETWEEN first AND last)"
    return f"(length(NEW.body) = 0 AND {kept} AND {noted})"


_NO = "SELECT RAISE(ABORT, 'audit_entry is append-only'); END"
SQLITE_TRIGGERS = (
    "CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry "
    f"WHEN NOT {_let_a_purge_through('IS')} BEGIN {_NO}",
    f"CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry BEGIN {_NO}",
)
POSTGRESQL_TRIGGERS = (
    "CREATE OR REPLACE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'audit_entry is append-only'; END $$",
    "CREATE OR REPLACE FUNCTION audit_entry_purged() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF {_let_a_purge_through('IS NOT DISTINCT FROM')} THEN RETURN NEW; END IF; "
    "RAISE EXCEPTION 'audit_entry is append-only'; END $$",
    "CREATE TRIGGER audit_entry_append_only BEFORE DELETE OR TRUNCATE ON audit_entry "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_refuse()",
    "CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry "
    "FOR EACH ROW EXECUTE FUNCTION audit_entry_purged()",
)
"""Defence in depth: they stop a slip and an application role, not the owner of the database."""

for _dialect, _statements in (("sqlite", SQLITE_TRIGGERS), ("postgresql", POSTGRESQL_TRIGGERS)):
    for _statement in _statements:
        event.listen(
            audit_entry,
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )
