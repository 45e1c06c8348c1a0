"""the performance of projects"""

import sqlalchemy as sa
from alembic import op

from cases.performance_tables import PERFORMANCE_APPEND_ONLY

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "performance_act",
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("command_id", sa.String(length=128), nullable=False),
        sa.Column("order_digest", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("on_behalf", sa.String(length=200), nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("acted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("digests", sa.Text(), nullable=False),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_performance_act_seq")),
        sa.CheckConstraint(
            "verb IN ('performance_accept', 'performance_confirm', 'performance_evaluate', "
            "'performance_mid_term', 'performance_object', 'performance_plan', "
            "'performance_rectified', 'performance_rectify')",
            name=op.f("ck_performance_act_verb"),
        ),
        sa.CheckConstraint(
            "seq > 1 OR verb = 'performance_plan'", name=op.f("ck_performance_act_first")
        ),
        sa.CheckConstraint("department <> operator", name=op.f("ck_performance_act_sides")),
        sa.PrimaryKeyConstraint("project", "seq", name=op.f("pk_performance_act")),
        sa.UniqueConstraint("command_id", name=op.f("uq_performance_act_command_id")),
    )
    op.create_index("ix_performance_act_department", "performance_act", ["department", "project"])
    op.create_index("ix_performance_act_operator", "performance_act", ["operator", "project"])
    for statement in PERFORMANCE_APPEND_ONLY.of(op.get_bind().dialect.name):
        op.execute(statement)
