"""a planned window is lifted once and else never changed"""

from alembic import op

from cases.window_tables import POSTGRESQL_WINDOWS, SQLITE_WINDOWS

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    statements = {"sqlite": SQLITE_WINDOWS, "postgresql": POSTGRESQL_WINDOWS}
    for statement in statements[op.get_bind().dialect.name]:
        op.execute(statement)
