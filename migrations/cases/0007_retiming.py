"""retiming"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "timer",
        sa.Column("calendar_version", sa.String(length=80), server_default="", nullable=False),
    )
    op.add_column("release", sa.Column("revoke_asked_by", sa.String(length=200), nullable=True))
    op.add_column("release", sa.Column("revoke_asked_at", _INSTANT, nullable=True))
    op.add_column("release", sa.Column("revoke_reason", sa.Text(), nullable=True))
    # Of one piece with its constraint: SQLite adds none to a table that is there.
    op.execute(
        "ALTER TABLE release ADD COLUMN revoked_by VARCHAR(200) "
        "CONSTRAINT ck_release_two_people_revoke "
        "CHECK (revoked_by IS NULL OR revoked_by <> revoke_asked_by)"
    )
    op.add_column("release", sa.Column("revoked_at", _INSTANT, nullable=True))
    op.create_table(
        "retiming",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("release_id", sa.String(length=36), nullable=False),
        sa.Column("release_digest", sa.String(length=64), nullable=False),
        sa.Column("direction", sa.String(length=6), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("from_version", sa.String(length=80), nullable=False),
        sa.Column("to_version", sa.String(length=80), nullable=False),
        sa.Column("calendars", sa.Text(), nullable=False),
        sa.Column("first_day", sa.String(length=10), nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("ordered_at", _INSTANT, nullable=True),
        sa.Column("finished_at", _INSTANT, nullable=True),
        sa.Column("passes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("told", sa.Integer(), server_default="0", nullable=False),
        sa.Column("away", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("direction IN ('apply', 'revert')", name=op.f("ck_retiming_direction")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retiming")),
    )
    op.create_index("ix_retiming_release", "retiming", ["release_id", "made_at"])
    op.create_table(
        "retiming_move",
        sa.Column("retiming_id", sa.String(length=36), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("case_no", sa.String(length=50), nullable=False),
        sa.Column("matter_name", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("due_before", _INSTANT, nullable=True),
        sa.Column("due_after", _INSTANT, nullable=True),
        sa.Column("provisional_before", sa.Boolean(), nullable=False),
        sa.Column("provisional_after", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["retiming_id"], ["retiming.id"], name=op.f("fk_retiming_move_retiming_id_retiming")
        ),
        sa.PrimaryKeyConstraint("retiming_id", "n", name=op.f("pk_retiming_move")),
    )
    op.create_index("ix_retiming_move_due", "retiming_move", ["retiming_id", "due_before", "n"])
