"""what was granted is listed and counted along an index"""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_case_published", "case_file",
        ["ending", "decided_at", "id", "matter", "label_level", "compartments"],
    )  # fmt: skip
