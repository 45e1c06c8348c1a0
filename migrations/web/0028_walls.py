"""which session opened the wall: its screen may be ended by itself"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("session", sa.Column("wall_at", sa.DateTime(timezone=True)))
