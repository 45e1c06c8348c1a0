"""census"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "census",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("run_started_at", MOMENT, nullable=True),
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_at", MOMENT, nullable=True),
        sa.Column("armed", sa.Text(), nullable=False),
        sa.Column("is_proven", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("looked_at", MOMENT, nullable=False),
        sa.Column("fault", sa.String(length=12), nullable=False),
        sa.Column("fault_since", MOMENT, nullable=True),
        sa.Column("mends", sa.SmallInteger(), nullable=False),
        sa.Column("mended_at", MOMENT, nullable=True),
        sa.Column("mending", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_census")),
    )
    op.create_index("ix_census_looked", "census", ["looked_at"])
    op.create_index("ix_census_started", "census", ["run_started_at"])
    op.create_index(
        "ix_census_fault",
        "census",
        ["fault_since"],
        sqlite_where=sa.text("fault <> ''"),
        postgresql_where=sa.text("fault <> ''"),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=80), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("noted_at", MOMENT, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_index("ix_step_recorded", "step", ["recorded_at", "verb", "case_id"])
    op.create_index("ix_timer_due", "timer", ["due_at"])
