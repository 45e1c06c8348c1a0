"""cards cannot be replaced, nor changed by a session that replicates"""

from alembic import op

from cases.card_tables import POSTGRESQL_ALWAYS, SQLITE_NO_REPLACE

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_NO_REPLACE if sqlite else POSTGRESQL_ALWAYS:
        op.execute(statement)
