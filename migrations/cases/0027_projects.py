"""projects"""

import sqlalchemy as sa
from alembic import op

from cases.project_tables import POSTGRESQL_PROJECTS, SQLITE_PROJECTS

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "project",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("regime", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("sector", sa.String(length=120), nullable=False),
        sa.Column("pay", sa.String(length=16), nullable=False),
        sa.Column("starts_on", sa.String(length=10), nullable=False),
        sa.Column("ends_on", sa.String(length=10), nullable=False),
        sa.Column("estimate_fen", sa.BigInteger(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("slippage", sa.SmallInteger(), nullable=False),
        sa.Column("milestones", sa.Integer(), nullable=False),
        sa.Column("achieved", sa.Integer(), nullable=False),
        sa.Column("next_milestone", sa.String(length=64), nullable=False),
        sa.Column("next_plan_on", sa.String(length=10), nullable=False),
        sa.Column("risks", sa.Integer(), nullable=False),
        sa.Column("high_risks", sa.Integer(), nullable=False),
        sa.Column("established_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "estimate_fen = 0 OR total_fen <= estimate_fen", name=op.f("ck_project_within_estimate")
        ),
        sa.CheckConstraint("estimate_fen >= 0 AND total_fen >= 0", name=op.f("ck_project_money")),
        sa.CheckConstraint("slippage BETWEEN 0 AND 3", name=op.f("ck_project_slippage")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.UniqueConstraint("number", name=op.f("uq_project_number")),
    )
    op.create_index("ix_project_department", "project", ["department", "is_open"], unique=False)
    op.create_index("ix_project_due", "project", ["due_at"], unique=False)
    op.create_index(
        "ix_project_open", "project", ["is_open", "slippage", "next_plan_on"], unique=False
    )
    op.create_index("ix_project_operator", "project", ["operator"], unique=False)
    op.create_index("ix_project_template", "project", ["template", "stage"], unique=False)
    op.create_table(
        "project_event",
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("command_id", sa.String(length=128), nullable=False),
        sa.Column("order_digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("on_behalf", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("after", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_project_event_project_id")
        ),
        sa.PrimaryKeyConstraint("project_id", "seq", name=op.f("pk_project_event")),
        sa.UniqueConstraint("command_id", name=op.f("uq_project_event_command_id")),
    )
    op.create_index("ix_project_event_at", "project_event", ["recorded_at"], unique=False)
    op.create_table(
        "project_gate",
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("milestone", sa.String(length=48), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_project_gate_project_id")
        ),
        sa.PrimaryKeyConstraint(
            "project_id", "milestone", "round", "person", name=op.f("pk_project_gate")
        ),
    )
    op.create_table(
        "project_milestone",
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=48), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("stage", sa.String(length=48), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("pays", sa.Boolean(), nullable=False),
        sa.Column("begins_on", sa.String(length=10), nullable=False),
        sa.Column("baseline_on", sa.String(length=10), nullable=False),
        sa.Column("plan_on", sa.String(length=10), nullable=False),
        sa.Column("forecast_on", sa.String(length=10), nullable=False),
        sa.Column("actual_on", sa.String(length=10), nullable=False),
        sa.Column("critical", sa.Boolean(), nullable=False),
        sa.Column("slippage", sa.SmallInteger(), nullable=False),
        sa.Column("evidence", sa.Integer(), nullable=False),
        sa.Column("gate_open", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_project_milestone_project_id")
        ),
        sa.PrimaryKeyConstraint("project_id", "id", name=op.f("pk_project_milestone")),
    )
    op.create_index(
        "ix_project_milestone_due", "project_milestone", ["actual_on", "plan_on"], unique=False
    )
    op.create_table(
        "project_paper",
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("milestone", sa.String(length=48), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_project_paper_project_id")
        ),
        sa.PrimaryKeyConstraint(
            "project_id", "milestone", "sha256", "person", name=op.f("pk_project_paper")
        ),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_PROJECTS if sqlite else POSTGRESQL_PROJECTS:
        op.execute(statement)
