"""warnings_of_clocks"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clock", sa.Column("warn_at", sa.DateTime(timezone=True), nullable=True))
