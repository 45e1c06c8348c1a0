"""what another process may read of the accounts"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE VIEW office_holder AS "
        "SELECT id, department, grants, disabled_at FROM account WHERE kind = 'human'"
    )
    if op.get_bind().dialect.name == "postgresql":
        # Who may enter the schema is what decides: `init` lets the worker's role in
        # (yichuang.stores.let_in).
        op.execute("GRANT SELECT ON office_holder TO PUBLIC")
