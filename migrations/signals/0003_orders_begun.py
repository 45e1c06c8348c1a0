"""when an order to an incident was given out first"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "incident_order", sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True)
    )
