"""services: their keys, until when a token is good, and what gateway and telemetry may read"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, length in (("nkey", 56), ("former_token", 64)):
        column = sa.Column(name, sa.String(length=length), nullable=False, server_default="")
        op.add_column("account", column)
    for name in ("token_until", "former_token_until"):
        op.add_column("account", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    registered = sa.text("nkey <> ''")
    op.create_index(
        "uq_account_nkey", "account", ["nkey"], unique=True, sqlite_where=registered,
        postgresql_where=registered,
    )  # fmt: skip
    op.execute(
        "CREATE VIEW service_principal AS SELECT id, login, department, grants, clearance, "
        "compartments, nkey, disabled_at, valid_until FROM account WHERE kind = 'service'"
    )
    if op.get_bind().dialect.name == "postgresql":
        # Who may enter the schema is what decides: `init` lets the roles in
        # (yichuang.stores.let_in).
        op.execute("GRANT SELECT ON service_principal TO PUBLIC")
