"""the provider's name for a citizen's session, so that it can end it; logout tokens that came"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("citizen_session", sa.Column("provider_session", sa.String(length=64)))
    op.create_index("ix_citizen_session_provider", "citizen_session", ["provider_session"])
    op.create_table(
        "citizen_logout",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_citizen_logout")),
    )
    op.create_index("ix_citizen_logout_at", "citizen_logout", ["at"])
