"""the fund: orders, contracts, a journal that balances, totals that cap it"""

import sqlalchemy as sa
from alembic import op

from cases.fund_tables import POSTGRESQL_FUND, SQLITE_FUND

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fund",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("limit_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 'special'", name=op.f("ck_fund_one")),
        sa.CheckConstraint(
            "limit_fen > 0 AND limit_fen <= 50000000000", name=op.f("ck_fund_limit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fund")),
    )
    op.create_table(
        "contract",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fund_id", sa.String(length=16), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("payee", sa.String(length=200), nullable=False),
        sa.Column("payee_code", sa.String(length=18), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("retention_bp", sa.SmallInteger(), nullable=False),
        sa.Column("sme", sa.Boolean(), nullable=False),
        sa.Column("agreed_days", sa.SmallInteger(), nullable=True),
        sa.Column("linked", sa.Boolean(), nullable=False),
        sa.Column("signed_on", sa.String(length=10), nullable=False),
        sa.CheckConstraint(
            "amount_fen > 0 AND amount_fen <= 10000000000000", name=op.f("ck_contract_amount")
        ),
        sa.CheckConstraint(
            "retention_bp >= 0 AND retention_bp <= 300", name=op.f("ck_contract_retention")
        ),
        sa.ForeignKeyConstraint(["fund_id"], ["fund.id"], name=op.f("fk_contract_fund_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract")),
        sa.UniqueConstraint("number", name=op.f("uq_contract_number")),
    )
    op.create_index("ix_contract_project", "contract", ["project"], unique=False)
    op.create_table(
        "fund_order",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("command_id", sa.String(length=128), nullable=False),
        sa.Column("order_digest", sa.String(length=64), nullable=False),
        sa.Column("verb", sa.String(length=16), nullable=False),
        sa.Column("thing", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.String(length=36), nullable=True),
        sa.Column("contract_id", sa.String(length=36), nullable=True),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("budget_year", sa.SmallInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("digests", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(verb IN ('payment_review', 'payment_return', 'payment_pay',"
            " 'payment_release', 'payment_reverse')) = (payment_id IS NOT NULL)",
            name=op.f("ck_fund_order_of_payment"),
        ),
        sa.CheckConstraint(
            "verb IN ('fund_open', 'fund_allot', 'fund_contract', 'fund_use',"
            " 'payment_review', 'payment_return', 'payment_pay', 'payment_release',"
            " 'payment_reverse')",
            name=op.f("ck_fund_order_verb"),
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contract.id"], name=op.f("fk_fund_order_contract_id")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name=op.f("fk_fund_order_payment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fund_order")),
        sa.UniqueConstraint("command_id", name=op.f("uq_fund_order_command_id")),
        sa.UniqueConstraint("payment_id", "verb", name=op.f("uq_fund_order_payment_id_verb")),
    )
    op.create_index(
        "ix_fund_order_contract", "fund_order", ["contract_id", "recorded_at"], unique=False
    )
    op.create_index("ix_fund_order_project", "fund_order", ["project", "recorded_at"], unique=False)
    op.create_index("ix_fund_order_recorded", "fund_order", ["recorded_at"], unique=False)
    op.create_table(
        "payment_claim",
        sa.Column("payment_id", sa.String(length=36), nullable=False),
        sa.Column("contract_id", sa.String(length=36), nullable=False),
        sa.Column("milestone", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contract.id"], name=op.f("fk_payment_claim_contract_id")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name=op.f("fk_payment_claim_payment_id")
        ),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_payment_claim")),
    )
    op.create_index("ix_payment_claim_contract", "payment_claim", ["contract_id"], unique=False)
    op.create_table(
        "journal_entry",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("fund_id", sa.String(length=16), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("budget_year", sa.SmallInteger(), nullable=False),
        sa.Column("contract_id", sa.String(length=36), nullable=False),
        sa.Column("payment_id", sa.String(length=36), nullable=False),
        sa.Column("allot_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("retained_fen", sa.BigInteger(), nullable=False),
        sa.Column("used_fen", sa.BigInteger(), nullable=False),
        sa.Column("interest_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('fund_allot', 'fund_use', 'payment_pay', 'payment_release',"
            " 'payment_reverse')",
            name=op.f("ck_journal_entry_kind"),
        ),
        sa.ForeignKeyConstraint(["fund_id"], ["fund.id"], name=op.f("fk_journal_entry_fund_id")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["fund_order.id"], name=op.f("fk_journal_entry_order_id")
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_journal_entry")),
        sa.UniqueConstraint("seq", name=op.f("uq_journal_entry_seq")),
    )
    op.create_index(
        "ix_journal_entry_contract", "journal_entry", ["contract_id", "seq"], unique=False
    )
    op.create_index("ix_journal_entry_payment", "journal_entry", ["payment_id"], unique=False)
    op.create_index("ix_journal_entry_project", "journal_entry", ["project", "seq"], unique=False)
    op.create_table(
        "journal_line",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("n", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=16), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "account IN ('granted', 'available', 'retained', 'advanced', 'used', 'interest')",
            name=op.f("ck_journal_line_account"),
        ),
        sa.CheckConstraint("amount_fen <> 0", name=op.f("ck_journal_line_amount")),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["journal_entry.order_id"],
            name=op.f("fk_journal_line_order_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("order_id", "n", name=op.f("pk_journal_line")),
        sa.UniqueConstraint("order_id", "account", name=op.f("uq_journal_line_order_id_account")),
    )
    op.create_table(
        "fund_total",
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("limit_fen", sa.BigInteger(), nullable=False),
        sa.Column("allotted_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("retained_fen", sa.BigInteger(), nullable=False),
        sa.Column("used_fen", sa.BigInteger(), nullable=False),
        sa.Column("interest_fen", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "limit_fen > 0 AND (scope = 'contract' OR limit_fen <= 50000000000)",
            name=op.f("ck_fund_total_limit"),
        ),
        sa.CheckConstraint(
            "paid_fen + retained_fen + CASE WHEN scope = 'contract' THEN 0 ELSE"
            " interest_fen END <= allotted_fen",
            name=op.f("ck_fund_total_paid"),
        ),
        sa.CheckConstraint(
            "scope IN ('fund', 'project', 'year', 'contract')", name=op.f("ck_fund_total_scope")
        ),
        sa.CheckConstraint(
            "allotted_fen >= 0 AND allotted_fen <= limit_fen", name=op.f("ck_fund_total_allotted")
        ),
        sa.CheckConstraint(
            "paid_fen >= 0 AND retained_fen >= 0 AND interest_fen >= 0",
            name=op.f("ck_fund_total_not_negative"),
        ),
        sa.CheckConstraint(
            "used_fen >= 0 AND used_fen <= paid_fen", name=op.f("ck_fund_total_used")
        ),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_fund_total")),
    )
    postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in POSTGRESQL_FUND if postgresql else SQLITE_FUND:
        op.execute(statement)
