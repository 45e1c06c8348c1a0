"""incident lines"""

import sqlalchemy as sa
from alembic import op

from cases.incident_lines import POSTGRESQL_LINES, SQLITE_LINES

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incident_line",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("command_id", sa.String(length=128), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("street", sa.String(length=64), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("ruling", sa.String(length=8), nullable=False),
        sa.Column("ruled_by", sa.String(length=200), nullable=False),
        sa.Column("ruled_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ruling IN ('stands', 'moves')", name=op.f("ck_incident_line_ruling")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_line")),
        sa.UniqueConstraint(
            "incident_id", "command_id", name=op.f("uq_incident_line_incident_id_command_id")
        ),
    )
    op.create_index("ix_incident_line_type", "incident_line", ["type", "street", "ruled_at"])
    statements = {"sqlite": SQLITE_LINES, "postgresql": POSTGRESQL_LINES}
    for statement in statements[op.get_bind().dialect.name]:
        op.execute(statement)
