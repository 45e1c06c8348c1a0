"""which cases are linked with an incident"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

LINKED = sa.text("unlinked_seq IS NULL")
MERGED = sa.text("merged_into <> ''")
WHOLE = "(SELECT has_table_privilege('{schema}.whole_reader', 'SELECT'))"
"""As for cases (0014) and incidents (0022)."""


def upgrade() -> None:
    op.create_table(
        "incident_case",
        sa.Column("incident_id", sa.String(36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unlinked_seq", sa.Integer()),
        sa.Column("unlinked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("incident_id", "seq", name=op.f("pk_incident_case")),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"],
            name=op.f("fk_incident_case_incident_id_incident"),
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["case_file.id"], name=op.f("fk_incident_case_case_id_case_file")
        ),
    )  # fmt: skip
    op.create_index("ix_incident_case_case", "incident_case", ["case_id"])
    op.create_index(
        "ux_incident_case_linked", "incident_case", ["incident_id", "case_id"], unique=True,
        sqlite_where=LINKED, postgresql_where=LINKED,
    )  # fmt: skip
    op.create_index(
        "ix_incident_merged", "incident", ["merged_into"],
        sqlite_where=MERGED, postgresql_where=MERGED,
    )  # fmt: skip
    if op.get_bind().dialect.name == "postgresql":
        _secure()


def _secure() -> None:
    """A link is seen by whoever sees both: neither tells of the other."""
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute("ALTER TABLE incident_case ENABLE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY seen ON incident_case FOR SELECT USING ({WHOLE.format(schema=schema)}"  # noqa: S608  names of this file
        " OR (EXISTS (SELECT 1 FROM incident WHERE incident.id = incident_case.incident_id)"
        " AND EXISTS (SELECT 1 FROM case_file WHERE case_file.id = incident_case.case_id)))"
    )
