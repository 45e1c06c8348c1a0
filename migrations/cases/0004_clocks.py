"""clocks"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clock",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("clock", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_by", sa.String(length=40), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=40), nullable=False),
        sa.Column("ended_how", sa.String(length=20), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_on", sa.String(length=10), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("limit_n", sa.Integer(), nullable=False),
        sa.Column("limit_unit", sa.String(length=12), nullable=False),
        sa.Column("extended", sa.Boolean(), nullable=False),
        sa.Column("stops", sa.SmallInteger(), nullable=False),
        sa.Column("standing", sa.Boolean(), nullable=False),
        sa.Column("budget", sa.BigInteger(), nullable=True),
        sa.Column("used", sa.BigInteger(), nullable=True),
        sa.Column("paused", sa.BigInteger(), nullable=True),
        sa.Column("remaining", sa.BigInteger(), nullable=True),
        sa.Column("on_time", sa.Boolean(), nullable=True),
        sa.Column("calendar_version", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_clock_case_id")),
        sa.PrimaryKeyConstraint("case_id", "key", name=op.f("pk_clock")),
    )
    op.create_index(
        "ix_clock_due",
        "clock",
        ["clock", "due_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_clock_ended", "clock", ["clock", "ended_at"], unique=False)
    op.create_table(
        "clock_share",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("holder_kind", sa.String(length=12), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.Float(precision=53), nullable=False),
        sa.Column("exact", sa.String(length=160), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_clock_share_case_id")),
        sa.PrimaryKeyConstraint(
            "case_id", "key", "holder_kind", "holder", "paused", name=op.f("pk_clock_share")
        ),
    )
    op.create_index(
        "ix_clock_event_told",
        "clock_event",
        ["kind", "case_id"],
        unique=False,
        sqlite_where=sa.text("kind IN ('noticed', 'supplied', 'called_back')"),
        postgresql_where=sa.text("kind IN ('noticed', 'supplied', 'called_back')"),
    )
