"""who had most of a clock's time is listed along an index"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

THERE = sa.text("together IS NOT NULL")

_SAME = (
    "b.case_id = clock_share.case_id AND b.key = clock_share.key "
    "AND b.holder_kind = clock_share.holder_kind AND b.holder = clock_share.holder"
)


def upgrade() -> None:
    op.add_column("clock_share", sa.Column("together", sa.Float(53), nullable=True))
    fill()
    op.create_index(
        "ix_share_longest", "clock_share",
        ["holder_kind", "holder", "together", "case_id", "key"],
        sqlite_where=THERE, postgresql_where=THERE,
    )  # fmt: skip


def fill() -> None:
    """Give every row what the settlement would have written."""
    op.execute(
        "UPDATE clock_share SET together = amount + coalesce("  # noqa: S608 -- ours
        f"(SELECT b.amount FROM clock_share b WHERE {_SAME} AND b.paused), 0) WHERE NOT paused"
    )
    op.execute(
        "UPDATE clock_share SET together = amount WHERE paused "  # noqa: S608 -- ours
        f"AND NOT EXISTS (SELECT 1 FROM clock_share b WHERE {_SAME} AND NOT b.paused)"
    )
