"""our own warnings"""

import sqlalchemy as sa
from alembic import op

from cases.warning_tables import POSTGRESQL_WARNINGS, SQLITE_WARNINGS

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "warning_act",
        sa.Column("warning_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("command_id", sa.String(length=128), nullable=False),
        sa.Column("order_digest", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("verb", sa.String(length=16), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("lifting", sa.Text(), nullable=False),
        sa.Column("cap", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("digests", sa.Text(), nullable=False),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_warning_act_seq")),
        sa.CheckConstraint(
            "verb IN ('warning_issue', 'warning_adjust', 'warning_lift')",
            name=op.f("ck_warning_act_verb"),
        ),
        sa.CheckConstraint(
            "(seq = 1) = (verb = 'warning_issue')", name=op.f("ck_warning_act_first")
        ),
        sa.CheckConstraint(
            "level IN ('red', 'orange', 'yellow', 'blue')", name=op.f("ck_warning_act_level")
        ),
        sa.CheckConstraint(
            "category NOT IN ('weather', 'security')", name=op.f("ck_warning_act_category")
        ),
        sa.PrimaryKeyConstraint("warning_id", "seq", name=op.f("pk_warning_act")),
        sa.UniqueConstraint("command_id", name=op.f("uq_warning_act_command_id")),
    )
    op.create_index("ix_warning_act_issued", "warning_act", ["issued_at"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_WARNINGS if sqlite else POSTGRESQL_WARNINGS:
        op.execute(statement)
