"""files attached to an order that is no case's material, and which of them there are"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    thing = sa.Column("thing", sa.String(length=140), nullable=False, server_default="")
    used = sa.Column("is_used", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    op.add_column("upload", thing)
    op.add_column("upload", used)
    op.create_index("ix_upload_thing", "upload", ["thing"])
    op.execute(
        "CREATE VIEW attached_file AS SELECT id, owner, thing, digest, size, media_type, "
        "CASE WHEN finding IS NULL OR finding = '' THEN 0 ELSE 1 END AS is_infected "
        "FROM upload WHERE thing <> ''"
    )
    if op.get_bind().dialect.name == "postgresql":
        # As with office_holder: who may enter the schema is what decides.
        op.execute("GRANT SELECT ON attached_file TO PUBLIC")
