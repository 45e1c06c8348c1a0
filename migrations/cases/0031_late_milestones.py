"""late milestones counted project by project"""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_project_milestone_of", "project_milestone", ["project_id", "actual_on", "plan_on"]
    )
