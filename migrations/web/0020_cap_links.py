"""CAP messages and what each replaced"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cap_link",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("root_id", sa.String(length=64), nullable=False),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=8), nullable=False),
        sa.Column("why", sa.String(length=20), nullable=False),
        sa.Column("sent_by", sa.String(length=128), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signals", sa.Text(), nullable=False),
        sa.Column("is_out", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cap_link")),
    )
    op.create_index("ix_cap_link_root", "cap_link", ["root_id"], unique=False)
