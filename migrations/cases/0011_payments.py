"""payments"""

import sqlalchemy as sa
from alembic import op

from cases.payment_tables import POSTGRESQL_PAYMENTS, SQLITE_PAYMENTS

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "payment",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=24), nullable=False),
        sa.Column("command_id", sa.String(length=128), nullable=False),
        sa.Column("order_digest", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("payee_code", sa.String(length=18), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("budget_year", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("due_on", sa.String(length=10), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("digests", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "amount_fen > 0 AND amount_fen <= 10000000000000", name=op.f("ck_payment_amount")
        ),
        sa.CheckConstraint("currency = 'CNY'", name=op.f("ck_payment_currency")),
        sa.CheckConstraint("outcome IN ('may_pay', 'stopped')", name=op.f("ck_payment_outcome")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("number", name=op.f("uq_payment_number")),
        sa.UniqueConstraint("command_id", name=op.f("uq_payment_command_id")),
    )
    op.create_index("ix_payment_department", "payment", ["department", "recorded_at"])
    op.create_index("ix_payment_recorded", "payment", ["recorded_at"])
    op.create_table(
        "payment_ruling",
        sa.Column("payment_id", sa.String(length=36), nullable=False),
        sa.Column("pack", sa.String(length=80), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("engine", sa.String(length=16), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("fired", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name=op.f("fk_payment_ruling_payment_id")
        ),
        sa.PrimaryKeyConstraint("payment_id", "pack", name=op.f("pk_payment_ruling")),
    )
    op.create_index("ix_payment_ruling_pack", "payment_ruling", ["pack"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_PAYMENTS if sqlite else POSTGRESQL_PAYMENTS:
        op.execute(statement)
