"""changes of rights, by two people"""

import sqlalchemy as sa
from alembic import op

from cases.grant_tables import POSTGRESQL_GRANTS, SQLITE_GRANTS

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "grant_change",
        sa.Column("n", _COUNTER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=128), nullable=False),
        sa.Column("grants_before", sa.JSON(), nullable=False),
        sa.Column("grants_after", sa.JSON(), nullable=False),
        sa.Column("clearance_before", sa.SmallInteger(), nullable=False),
        sa.Column("clearance_after", sa.SmallInteger(), nullable=False),
        sa.Column("compartments_before", sa.JSON(), nullable=False),
        sa.Column("compartments_after", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("proposed_by", sa.String(length=128), nullable=False),
        sa.Column("proposed_at", _INSTANT, nullable=False),
        sa.Column("settled_by", sa.String(length=128), nullable=False),
        sa.Column("settled_at", _INSTANT, nullable=True),
        sa.Column("settled_reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('proposed', 'approved', 'refused', 'withdrawn', 'lapsed')",
            name=op.f("ck_grant_change_state"),
        ),
        sa.CheckConstraint(
            "clearance_after BETWEEN 1 AND 4", name=op.f("ck_grant_change_clearance")
        ),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_grant_change_reason")),
        sa.CheckConstraint(
            "(state = 'proposed') = (settled_by = '')", name=op.f("ck_grant_change_settled")
        ),
        sa.CheckConstraint(
            "settled_by = '' OR (state = 'withdrawn') = (settled_by = proposed_by)",
            name=op.f("ck_grant_change_two_people"),
        ),
        sa.CheckConstraint(
            "account_id <> proposed_by AND account_id <> settled_by",
            name=op.f("ck_grant_change_nobody_for_himself"),
        ),
        sa.CheckConstraint(
            "state <> 'refused' OR settled_reason <> ''", name=op.f("ck_grant_change_refused_why")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_grant_change_account_id")
        ),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_grant_change")),
        sa.UniqueConstraint("id", name=op.f("uq_grant_change_id")),
    )
    op.create_index("ix_grant_change_account", "grant_change", ["account_id", "n"])
    op.create_index("ix_grant_change_state", "grant_change", ["state", "n"])
    pending = sa.text("state = 'proposed'")
    op.create_index(
        "uq_grant_change_pending",
        "grant_change",
        ["account_id"],
        unique=True,
        sqlite_where=pending,
        postgresql_where=pending,
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_GRANTS if sqlite else POSTGRESQL_GRANTS:
        op.execute(statement)
