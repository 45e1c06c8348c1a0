"""an order more of performance: what a project costs the budget"""

import sqlalchemy as sa
from alembic import op

from cases.performance_tables import PERFORMANCE_APPEND_ONLY

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

VERBS = (
    "verb IN ('performance_accept', 'performance_confirm', 'performance_evaluate', "
    "'performance_fiscal', 'performance_mid_term', 'performance_object', 'performance_plan', "
    "'performance_rectified', 'performance_rectify')"
)
COLUMNS = (
    "project, seq, command_id, order_digest, actor, on_behalf, verb, department, operator, body, "
    "state, acted_at, entry_id, digests"
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("ck_performance_act_verb", "performance_act", type_="check")
        op.create_check_constraint(op.f("ck_performance_act_verb"), "performance_act", VERBS)
        return
    # SQLite changes no constraint of a table that is there: it is made anew, row for row.
    op.create_table(
        "performance_act_anew",
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
        sa.CheckConstraint(VERBS, name=op.f("ck_performance_act_verb")),
        sa.CheckConstraint(
            "seq > 1 OR verb = 'performance_plan'", name=op.f("ck_performance_act_first")
        ),
        sa.CheckConstraint("department <> operator", name=op.f("ck_performance_act_sides")),
        sa.PrimaryKeyConstraint("project", "seq", name=op.f("pk_performance_act")),
        sa.UniqueConstraint("command_id", name=op.f("uq_performance_act_command_id")),
    )
    op.execute(
        f"INSERT INTO performance_act_anew ({COLUMNS}) SELECT {COLUMNS} FROM performance_act"  # noqa: S608 -- our own names
    )
    op.drop_table("performance_act")
    op.rename_table("performance_act_anew", "performance_act")
    op.create_index("ix_performance_act_department", "performance_act", ["department", "project"])
    op.create_index("ix_performance_act_operator", "performance_act", ["operator", "project"])
    for statement in PERFORMANCE_APPEND_ONLY.of("sqlite"):
        op.execute(statement)
