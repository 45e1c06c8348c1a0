"""access_findings"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_finding",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("pack", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("entries", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("standing", sa.SmallInteger(), nullable=True),
        sa.CheckConstraint(
            "(standing IS NULL) = (cleared_at IS NOT NULL)",
            name=op.f("ck_access_finding_cleared"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_finding")),
        sa.UniqueConstraint(
            "rule", "who", "standing", name=op.f("uq_access_finding_rule_who_standing")
        ),
    )
    op.create_index("ix_access_finding_raised", "access_finding", ["raised_at"])
