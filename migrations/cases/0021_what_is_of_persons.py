"""what an order says of persons, under a key apart"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident_event", sa.Column("personal_sealed", sa.LargeBinary(), nullable=True))
