"""reports and snapshots of the plan's numbers"""

import sqlalchemy as sa
from alembic import op

from cases.plan_tables import PLAN_APPEND_ONLY

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plan_report",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kpi", sa.String(length=32), nullable=False),
        sa.Column("on_day", sa.String(length=10), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("corrects", sa.String(length=36), nullable=False),
        sa.Column("command_id", sa.String(length=128), nullable=False),
        sa.Column("order_digest", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("door", sa.String(length=10), nullable=False),
        sa.Column("numerator", sa.BigInteger(), nullable=False),
        sa.Column("denominator", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("digests", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "numerator >= 0 AND denominator >= 1", name=op.f("ck_plan_report_counts")
        ),
        sa.CheckConstraint(
            "revision >= 1 AND (revision = 1) = (corrects = '')",
            name=op.f("ck_plan_report_revision"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_report")),
        sa.UniqueConstraint("command_id", name=op.f("uq_plan_report_command_id")),
        sa.UniqueConstraint(
            "kpi", "on_day", "revision", name=op.f("uq_plan_report_kpi_on_day_revision")
        ),
    )
    op.create_index("ix_plan_report_newest", "plan_report", ["kpi", "on_day"])
    op.create_table(
        "plan_snapshot",
        sa.Column("quarter", sa.String(length=6), nullable=False),
        sa.Column("kpi", sa.String(length=32), nullable=False),
        sa.Column("on_day", sa.String(length=10), nullable=False),
        sa.Column("numerator", sa.BigInteger(), nullable=True),
        sa.Column("denominator", sa.BigInteger(), nullable=True),
        sa.Column("value", sa.String(length=80), nullable=False),
        sa.Column("expected", sa.String(length=80), nullable=False),
        sa.Column("light", sa.String(length=8), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.CheckConstraint(
            "light IN ('green', 'yellow', 'red', 'grey')", name=op.f("ck_plan_snapshot_light")
        ),
        sa.CheckConstraint(
            "(numerator IS NULL) = (denominator IS NULL)", name=op.f("ck_plan_snapshot_counts")
        ),
        sa.PrimaryKeyConstraint("quarter", "kpi", name=op.f("pk_plan_snapshot")),
    )
    for statement in PLAN_APPEND_ONLY.of(op.get_bind().dialect.name):
        op.execute(statement)
