"""second factors, recovery codes, and sign-ins that are half-way"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ceremony",
        sa.Column("owner", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('totp', 'make', 'ask')", name=op.f("ck_ceremony_kind")),
        sa.PrimaryKeyConstraint("owner", "kind", name=op.f("pk_ceremony")),
    )
    op.create_index("ix_ceremony_until", "ceremony", ["until"], unique=False)
    op.create_table(
        "factor",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("credential", sa.String(length=1400), nullable=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(kind = 'passkey') = (credential IS NOT NULL)", name=op.f("ck_factor_credential")
        ),
        sa.CheckConstraint(
            "(kind = 'passkey') = (public_key IS NOT NULL)", name=op.f("ck_factor_public_key")
        ),
        sa.CheckConstraint("(kind = 'totp') = (sealed IS NOT NULL)", name=op.f("ck_factor_sealed")),
        sa.CheckConstraint("kind IN ('totp', 'passkey')", name=op.f("ck_factor_kind")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_factor_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factor")),
        sa.UniqueConstraint("credential", name=op.f("uq_factor_credential")),
    )
    op.create_index("ix_factor_account", "factor", ["account_id"], unique=False)
    op.create_table(
        "half_way",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_half_way_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_half_way")),
        sa.UniqueConstraint("token", name=op.f("uq_half_way_token")),
    )
    op.create_index("ix_half_way_account", "half_way", ["account_id"], unique=False)
    op.create_index("ix_half_way_until", "half_way", ["until"], unique=False)
    op.create_table(
        "recovery_code",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=128), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_recovery_code_account_id")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_recovery_code")),
    )
    op.create_index("ix_recovery_code_account", "recovery_code", ["account_id"], unique=False)
    # A session of before has shown no second factor: it opens nothing, its owner signs in anew.
    op.add_column("session", sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True))
