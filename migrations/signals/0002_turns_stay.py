"""what became of a signal stays told"""

from alembic import op

from cases.signal_tables import POSTGRESQL_TURNS, SQLITE_TURNS

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    statements = {"sqlite": SQLITE_TURNS, "postgresql": POSTGRESQL_TURNS}
    for statement in statements[op.get_bind().dialect.name]:
        op.execute(statement)
