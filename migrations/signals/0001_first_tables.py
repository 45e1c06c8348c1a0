"""first_tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gathering",
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("district", sa.String(length=64), nullable=False),
        sa.Column("street", sa.String(length=64), nullable=False),
        sa.Column("spot", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=8), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signals", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("is_open", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_gathering")),
    )
    op.create_index("ix_gathering_open", "gathering", ["type", "is_open", "last_at"], unique=False)
    op.create_table(
        "incident_order",
        sa.Column(
            "n",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("verb", sa.String(length=10), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("command_id", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'done', 'refused')", name=op.f("ck_incident_order_state")
        ),
        sa.CheckConstraint(
            "verb IN ('report', 'join', 'withdraw')", name=op.f("ck_incident_order_verb")
        ),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_incident_order")),
        sa.UniqueConstraint(
            "signal_id",
            "incident_id",
            "verb",
            name=op.f("uq_incident_order_signal_id_incident_id_verb"),
        ),
    )
    op.create_index(
        "ix_incident_order_incident", "incident_order", ["incident_id", "n"], unique=False
    )
    op.create_index(
        "ix_incident_order_waiting", "incident_order", ["state", "rank", "n"], unique=False
    )
    op.create_table(
        "refused_signal",
        sa.Column(
            "n",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("stream_seq", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("sender", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("key_subject", sa.String(length=80), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_refused_signal")),
        sa.UniqueConstraint(
            "stream_seq", "digest", name=op.f("uq_refused_signal_stream_seq_digest")
        ),
    )
    op.create_index("ix_refused_signal_at", "refused_signal", ["at"], unique=False)
    op.create_index("ix_refused_signal_signal", "refused_signal", ["signal_id"], unique=False)
    op.create_table(
        "signal",
        sa.Column(
            "n",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("sender", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("change", sa.String(length=8), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("district", sa.String(length=64), nullable=False),
        sa.Column("cell", sa.String(length=64), nullable=False),
        sa.Column("street", sa.String(length=64), nullable=False),
        sa.Column("spot", sa.String(length=64), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("because", sa.String(length=80), nullable=False),
        sa.Column("withdrawn_by", sa.String(length=36), nullable=False),
        sa.Column("key_subject", sa.String(length=80), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "state IN ('incident', 'merged', 'noted', 'suppressed', 'duplicate', 'refused')",
            name=op.f("ck_signal_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('incident', 'merged') OR incident_id <> ''",
            name=op.f("ck_signal_incident_named"),
        ),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_signal")),
        sa.UniqueConstraint("id", name=op.f("uq_signal_id")),
    )
    op.create_index("ix_signal_incident", "signal", ["incident_id"], unique=False)
    op.create_index("ix_signal_near", "signal", ["type", "occurred_at"], unique=False)
    op.create_index("ix_signal_reference", "signal", ["reference", "source"], unique=False)
    op.create_index("ix_signal_state", "signal", ["state", "n"], unique=False)
    op.create_table(
        "signal_turn",
        sa.Column(
            "n",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("because", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_signal_turn")),
    )
    op.create_index("ix_signal_turn_at", "signal_turn", ["at"], unique=False)
    op.create_index("ix_signal_turn_signal", "signal_turn", ["signal_id"], unique=False)
    op.create_table(
        "audit_outbox",
        sa.Column(
            "pos",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("stream", sa.String(length=200), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("pos"),
        sa.UniqueConstraint("entry_id"),
    )
    op.create_table(
        "audit_payload",
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("media_type", sa.String(length=120), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", "name"),
    )
    op.create_index(op.f("ix_audit_payload_subject"), "audit_payload", ["subject"], unique=False)
    op.create_table(
        "audit_recorded",
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("stream", sa.String(length=200), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
        sa.UniqueConstraint("stream", "seq"),
    )
    op.create_table(
        "audit_stream",
        sa.Column("stream", sa.String(length=200), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )
    op.create_table(
        "audit_subject_key",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(wrapped_key IS NULL) = (destroyed_at IS NOT NULL)"),
        sa.PrimaryKeyConstraint("id"),
    )
