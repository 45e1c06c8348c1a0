"""which workflow code was proved"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "proved_workflow",
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("histories", sa.Integer(), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("n > 0", name=op.f("ck_proved_workflow_n_from_one")),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_proved_workflow")),
    )
