"""notices about incidents and how far they got"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column(
            "n",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("recipient", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("nobody", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_notice")),
        sa.UniqueConstraint("id", name=op.f("uq_notice_id")),
    )
    op.create_index("ix_notice_incident", "notice", ["incident_id", "n"], unique=False)
    op.create_index("ix_notice_unfound", "notice", ["found_at", "n"], unique=False)
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
            ["notice_id"], ["notice.id"], name=op.f("fk_notice_delivery_notice_id")
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
