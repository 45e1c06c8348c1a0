"""lines of lists in their order, and from when they are 预警"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from cases.database import Instant
from cases.projection import alert_of

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

AT_ONCE = 10_000

CASE = sa.table(
    "case_file",
    sa.column("id", sa.String()), sa.column("is_open", sa.Boolean()),
    sa.column("due_at", Instant()), sa.column("sort_at", Instant()),
    sa.column("warn_at", Instant()), sa.column("alert_at", Instant()),
)  # fmt: skip
TASK = sa.table(
    "task",
    sa.column("case_id", sa.String()), sa.column("key", sa.String()),
    sa.column("state", sa.String()), sa.column("due_at", Instant()),
    sa.column("sort_at", Instant()), sa.column("alert_at", Instant()),
)  # fmt: skip


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.add_column("case_file", sa.Column("alert_at", instant, nullable=True))
    op.add_column("task", sa.Column("sort_at", instant, nullable=True))
    op.add_column("task", sa.Column("alert_at", instant, nullable=True))
    fill()
    op.drop_index("ix_task_department", table_name="task")
    op.create_index(
        "ix_task_department", "task", ["department", "state", "sort_at", "case_id", "key"]
    )
    op.create_index("ix_task_order", "task", ["state", "sort_at", "case_id", "key", "department"])
    op.create_index("ix_task_alert", "task", ["department", "state", "alert_at", "sort_at"])
    op.create_index(
        "ix_case_department_alert", "case_file", ["department", "is_open", "alert_at", "due_at"]
    )


def fill() -> None:
    """Give every row what the settlement would have written."""
    _fill_cases()
    _fill_tasks()


def _fill_cases() -> None:
    here = CASE.c.id == sa.bindparam("c")
    change = CASE.update().where(here).values(alert_at=sa.bindparam("a"))
    query = sa.select(CASE.c.id, CASE.c.due_at, CASE.c.warn_at).where(CASE.c.due_at.is_not(None))
    for rows in _portions(query):
        op.get_bind().execute(
            change, [{"c": row.id, "a": alert_of(row.due_at, row.warn_at)} for row in rows]
        )


def _fill_tasks() -> None:
    here = sa.and_(TASK.c.case_id == sa.bindparam("c"), TASK.c.key == sa.bindparam("k"))
    change = TASK.update().where(here)
    change = change.values(sort_at=sa.bindparam("s"), alert_at=sa.bindparam("a"))
    query = (
        sa.select(TASK.c.case_id, TASK.c.key, TASK.c.due_at, CASE.c.sort_at, CASE.c.warn_at)
        .select_from(TASK.join(CASE, CASE.c.id == TASK.c.case_id))
        .where(TASK.c.state == "open")
    )

    def row_of(row: Any) -> dict[str, str | datetime | None]:
        sort_at = row.due_at or row.sort_at
        return {
            "c": row.case_id, "k": row.key, "s": sort_at, "a": alert_of(sort_at, row.warn_at),
        }  # fmt: skip

    for rows in _portions(query):
        op.get_bind().execute(change, [row_of(row) for row in rows])


def _portions(query: sa.Select[Any]) -> Iterator[list[Any]]:
    """Yield the rows in portions; all are read before the first is changed."""
    rows = op.get_bind().execute(query).all()
    for start in range(0, len(rows), AT_ONCE):
        yield list(rows[start : start + AT_ONCE])
