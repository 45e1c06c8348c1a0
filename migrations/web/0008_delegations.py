"""delegations"""

import sqlalchemy as sa
from alembic import op

from cases.delegation_tables import (
    POSTGRESQL_DELEGATIONS,
    POSTGRESQL_DEPUTY_NOW,
    SQLITE_DELEGATIONS,
    SQLITE_DEPUTY_NOW,
)

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "delegation",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("delegator", sa.String(length=128), nullable=False),
        sa.Column("deputy", sa.String(length=128), nullable=False),
        sa.Column("grants", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("starts_at", _INSTANT, nullable=False),
        sa.Column("ends_at", _INSTANT, nullable=False),
        sa.Column("proposed_at", _INSTANT, nullable=False),
        sa.Column("accepted_by", sa.String(length=128), nullable=False),
        sa.Column("accepted_at", _INSTANT, nullable=True),
        sa.Column("ended_by", sa.String(length=128), nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.CheckConstraint("deputy <> delegator", name=op.f("ck_delegation_two_people")),
        sa.CheckConstraint(
            "accepted_by IN ('', deputy)", name=op.f("ck_delegation_accepted_by_deputy")
        ),
        sa.CheckConstraint(
            "(accepted_by = '') = (accepted_at IS NULL)", name=op.f("ck_delegation_accepted")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_delegation_order")),
        sa.CheckConstraint("(why = '') = (ended_at IS NULL)", name=op.f("ck_delegation_ended")),
        sa.CheckConstraint(
            "why IN ('', 'withdrawn', 'refused', 'ended', 'time', 'account', 'grant')",
            name=op.f("ck_delegation_why"),
        ),
        sa.ForeignKeyConstraint(
            ["delegator"], ["account.id"], name=op.f("fk_delegation_delegator")
        ),
        sa.ForeignKeyConstraint(["deputy"], ["account.id"], name=op.f("fk_delegation_deputy")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegation")),
    )
    op.create_index("ix_delegation_deputy", "delegation", ["deputy", "ends_at"])
    op.create_index("ix_delegation_delegator", "delegation", ["delegator", "ends_at"])
    op.add_column(
        "session",
        sa.Column("delegation", sa.String(length=36), nullable=False, server_default=""),
    )
    postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in POSTGRESQL_DELEGATIONS if postgresql else SQLITE_DELEGATIONS:
        op.execute(statement)
    op.execute(POSTGRESQL_DEPUTY_NOW if postgresql else SQLITE_DEPUTY_NOW)
    if postgresql:
        # As with office_holder: who may enter the schema is what decides.
        op.execute("GRANT SELECT ON deputy_now TO PUBLIC")
