"""supervision cards"""

import sqlalchemy as sa
from alembic import op

from cases.card_tables import POSTGRESQL_APPEND_ONLY, SQLITE_APPEND_ONLY

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "card",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("rule", sa.String(length=20), nullable=False),
        sa.Column("level_code", sa.String(length=1), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("article", sa.String(length=200), nullable=False),
        sa.Column("clock", sa.String(length=80), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("late_s", sa.Integer(), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("organ", sa.String(length=64), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("nobody", sa.Text(), nullable=False),
        sa.Column("document", sa.String(length=24), nullable=False),
        sa.Column("explain_days", sa.SmallInteger(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("issued_by", sa.String(length=200), nullable=False),
        sa.Column("ground", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.CheckConstraint("level_code BETWEEN '1' AND '4'", name=op.f("ck_card_level_code")),
        sa.CheckConstraint("late_s >= 0", name=op.f("ck_card_late")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_card_case_id")),
        sa.PrimaryKeyConstraint("case_id", "seq", "number", name=op.f("pk_card")),
        sa.UniqueConstraint("number", name=op.f("uq_card_number")),
    )
    op.create_index("ix_card_at", "card", ["at"], unique=False)
    op.create_index("ix_card_department", "card", ["department", "at"], unique=False)
    op.create_table(
        "card_mark",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("n", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("rule", sa.String(length=20), nullable=False),
        sa.Column("clock", sa.String(length=80), nullable=False),
        sa.Column("why", sa.String(length=40), nullable=False),
        sa.CheckConstraint(
            "kind IN ('revoked', 'explained', 'missed', 'accepted', 'returned', 'withheld')",
            name=op.f("ck_card_mark_kind"),
        ),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_card_mark_case_id")),
        sa.PrimaryKeyConstraint("case_id", "seq", "n", name=op.f("pk_card_mark")),
    )
    op.create_index("ix_card_mark_number", "card_mark", ["number"], unique=False)
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_APPEND_ONLY if sqlite else POSTGRESQL_APPEND_ONLY:
        op.execute(statement)
