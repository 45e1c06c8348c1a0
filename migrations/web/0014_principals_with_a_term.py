"""until when an account is good, for whoever settles orders"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DROP VIEW principal_now")
    op.execute(
        "CREATE VIEW principal_now AS SELECT id, kind, "
        "CASE WHEN disabled_at IS NULL THEN 1 ELSE 0 END AS is_open, valid_until, "
        "CAST(grants AS TEXT) AS grants, clearance, CAST(compartments AS TEXT) AS compartments "
        "FROM account"
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("GRANT SELECT ON principal_now TO PUBLIC")
