"""withdrawn_releases"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("release", sa.Column("withdrawn_by", sa.String(length=200), nullable=True))
    op.add_column("release", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
