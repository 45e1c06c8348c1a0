"""how far notices got"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notice_found",
        sa.Column("notice_id", sa.String(length=36), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("nobody", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notice_found")),
    )
    op.create_index("ix_notice_found_n", "notice_found", ["n"], unique=False)
    op.create_table(
        "notice_delivery",
        sa.Column("notice_id", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.CheckConstraint(
            "channel IN ('in_app', 'email', 'sms', 'im', 'webhook')",
            name=op.f("ck_notice_delivery_channel"),
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'sent', 'delivered', 'failed')",
            name=op.f("ck_notice_delivery_state"),
        ),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notice_found.notice_id"], name=op.f("fk_notice_delivery_notice_id")
        ),
        sa.PrimaryKeyConstraint("notice_id", "person", "channel", name=op.f("pk_notice_delivery")),
    )
    op.create_index(
        "ix_notice_delivery_due", "notice_delivery", ["channel", "next_at"], unique=False
    )
    op.create_index(
        "ix_notice_delivery_person",
        "notice_delivery",
        ["person", "channel", "changed_at"],
        unique=False,
    )
