"""citizens whom an identity provider vouches for, their sessions, the cases they filed"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "citizen",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("first_at", Instant, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_citizen")),
        sa.UniqueConstraint("subject", name=op.f("uq_citizen_subject")),
    )
    op.create_table(
        "citizen_session",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("citizen_id", sa.String(length=128), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.Column("ends_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["citizen_id"], ["citizen.id"], name=op.f("fk_citizen_session_citizen_id")
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_citizen_session")),
    )
    op.create_index("ix_citizen_session_ends", "citizen_session", ["ends_at"])
    op.create_table(
        "citizen_case",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("citizen_id", sa.String(length=128), nullable=False),
        sa.Column("filed_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["citizen_id"], ["citizen.id"], name=op.f("fk_citizen_case_citizen_id")
        ),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_citizen_case")),
    )
    op.create_index("ix_citizen_case_citizen", "citizen_case", ["citizen_id", "filed_at"])
