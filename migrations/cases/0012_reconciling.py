"""reconciling histories with the log"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "reconciled_run",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("is_closed", sa.Boolean(), nullable=False),
        sa.Column("looked_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_reconciled_run")),
    )
    op.create_index("ix_reconciled_run_looked", "reconciled_run", ["looked_at"])
    op.create_table(
        "reconcile_evidence",
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_reconcile_evidence")),
    )
    op.create_index("ix_reconcile_evidence_seen", "reconcile_evidence", ["seen_at"])
    op.create_table(
        "reconcile_difference",
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("stream", sa.String(length=200), nullable=False),
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("found_at", _INSTANT, nullable=False),
        sa.Column("gone_at", _INSTANT, nullable=True),
        sa.CheckConstraint(
            "kind IN ('no_entry', 'no_history', 'other_workflow', 'twice')",
            name=op.f("ck_reconcile_difference_kind"),
        ),
        sa.PrimaryKeyConstraint("entry_id", "kind", name=op.f("pk_reconcile_difference")),
    )
    op.create_table(
        "reconcile_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.String(length=200), nullable=False),
        sa.Column("closed_until", _INSTANT, nullable=False),
        sa.Column("log_size", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", _INSTANT, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_reconcile_state_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconcile_state")),
    )
