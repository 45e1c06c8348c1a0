"""refused orders are found by the month in which they were refused"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

REFUSED = sa.text("status = 'refused'")


def upgrade() -> None:
    op.create_index(
        "ix_command_refused", "command", ["recorded_at", "id"],
        sqlite_where=REFUSED, postgresql_where=REFUSED,
    )  # fmt: skip
