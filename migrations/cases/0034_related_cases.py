"""other cases of the same project are found by its code"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

CODED = sa.text("project_code <> ''")


def upgrade() -> None:
    op.create_index(
        "ix_case_project", "case_file", ["project_code"],
        sqlite_where=CODED, postgresql_where=CODED,
    )  # fmt: skip
