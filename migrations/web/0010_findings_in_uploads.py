"""findings in uploads"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("upload", sa.Column("finding", sa.String(length=200), nullable=True))
