"""finding_entries"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log_line",
        sa.Column(
            "n",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("origin", sa.String(length=200), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("act", sa.String(length=64), nullable=False),
        sa.Column("res", sa.String(length=8), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("case_id", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_log_line")),
        sa.UniqueConstraint("origin", "seq", name=op.f("uq_log_line_origin_seq")),
    )
    op.create_index("ix_log_line_act", "log_line", ["act", "n"], unique=False)
    op.create_index("ix_log_line_at", "log_line", ["at", "n"], unique=False)
    op.create_index("ix_log_line_case", "log_line", ["case_id", "n"], unique=False)
    op.create_index("ix_log_line_res", "log_line", ["res", "n"], unique=False)
    op.create_index("ix_log_line_who", "log_line", ["who", "n"], unique=False)
    op.create_table(
        "verification",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("asked_by", sa.String(length=128), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("running", sa.SmallInteger(), nullable=True),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exit_code", sa.SmallInteger(), nullable=True),
        sa.Column("report", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(running IS NULL) = (ended_at IS NOT NULL)", name=op.f("ck_verification_ended")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification")),
        sa.UniqueConstraint("running", name=op.f("uq_verification_running")),
    )
