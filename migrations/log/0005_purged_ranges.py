"""ranges whose bodies are purged; the triggers let just those go"""

import sqlalchemy as sa
from alembic import op

from audit.tables import POSTGRESQL_TRIGGERS, SQLITE_TRIGGERS

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_purge",
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("first"),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    of_table = "" if sqlite else " ON audit_entry"
    for name in ("append_only", "no_update", "no_delete"):
        op.execute(f"DROP TRIGGER IF EXISTS audit_entry_{name}{of_table}")
    for statement in SQLITE_TRIGGERS if sqlite else POSTGRESQL_TRIGGERS:
        op.execute(statement)
