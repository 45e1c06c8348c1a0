"""erasures"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("case_no", sa.String(length=50), nullable=False),
        sa.Column("ground", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("asked_by", sa.String(length=128), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_by", sa.String(length=128), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "(state = 'asked') = (settled_by = '')", name=op.f("ck_erasure_settled")
        ),
        sa.CheckConstraint("kind IN ('erase', 'restrict')", name=op.f("ck_erasure_kind")),
        sa.CheckConstraint(
            "settled_by = '' OR settled_by <> asked_by", name=op.f("ck_erasure_two_people")
        ),
        sa.CheckConstraint(
            "state IN ('asked', 'approved', 'refused', 'done')", name=op.f("ck_erasure_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    op.create_index("ix_erasure_state", "erasure", ["state", "asked_at"], unique=False)
    op.create_index("ix_erasure_subject", "erasure", ["subject"], unique=False)
