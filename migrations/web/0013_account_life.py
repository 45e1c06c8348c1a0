"""until when an account is good, why it ended, and who looked at it each quarter"""

import sqlalchemy as sa
from alembic import op

from cases.review_tables import POSTGRESQL_REVIEWS, SQLITE_REVIEWS

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("account", sa.Column("valid_until", _INSTANT, nullable=True))
    op.add_column("account", sa.Column("awake_since", _INSTANT, nullable=True))
    op.add_column(
        "account",
        sa.Column("disabled_why", sa.String(length=8), nullable=False, server_default=""),
    )
    op.execute("UPDATE account SET disabled_why = 'closed' WHERE disabled_at IS NOT NULL")
    op.create_table(
        "account_review",
        sa.Column(
            "n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True,
            nullable=False,
        ),
        sa.Column("account_id", sa.String(length=128), nullable=False),
        sa.Column("quarter", sa.String(length=6), nullable=False),
        sa.Column("result", sa.String(length=7), nullable=False),
        sa.Column("held", sa.Text(), nullable=False),
        sa.Column("reviewed_by", sa.String(length=128), nullable=False),
        sa.Column("reviewed_at", _INSTANT, nullable=False),
        sa.CheckConstraint(
            "result IN ('kept', 'removal')", name=op.f("ck_account_review_result")
        ),
        sa.CheckConstraint(
            "account_id <> reviewed_by", name=op.f("ck_account_review_not_oneself")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_account_review_account_id")
        ),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_account_review")),
        sa.UniqueConstraint(
            "account_id", "quarter", name=op.f("uq_account_review_account_id_quarter")
        ),
    )  # fmt: skip
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_REVIEWS if sqlite else POSTGRESQL_REVIEWS:
        op.execute(statement)
