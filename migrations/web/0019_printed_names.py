"""what a document prints of who acted: names, for whoever settles orders"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE VIEW printed_name AS SELECT id, name FROM account WHERE kind = 'human'")
    if op.get_bind().dialect.name == "postgresql":
        # As with office_holder: who may enter the schema is what decides.
        op.execute("GRANT SELECT ON printed_name TO PUBLIC")
