"""how each account stands, for whoever settles orders"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE VIEW principal_now AS SELECT id, kind, "
        "CASE WHEN disabled_at IS NULL THEN 1 ELSE 0 END AS is_open, "
        "CAST(grants AS TEXT) AS grants, clearance, CAST(compartments AS TEXT) AS compartments "
        "FROM account"
    )
    if op.get_bind().dialect.name == "postgresql":
        # Who may enter the schema is what decides: `init` lets the worker's role in
        # (yichuang.stores.let_in).
        op.execute("GRANT SELECT ON principal_now TO PUBLIC")
