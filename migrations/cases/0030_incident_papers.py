"""papers of incidents, kept"""

import sqlalchemy as sa
from alembic import op

from cases.paper_tables import POSTGRESQL_PAPERS, SQLITE_PAPERS

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

SETTING_FREE = "(SELECT has_table_privilege('{schema}.whole_reader', 'SELECT'))"
"""As for incidents (0022): who may read `whole_reader` sees all."""
VISIBLE = "EXISTS (SELECT 1 FROM incident WHERE incident.id = incident_paper.incident_id)"


def upgrade() -> None:
    op.create_table(
        "incident_paper",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("source", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("act_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.CheckConstraint(
            "(number <> '') = (kind = 'announcement')", name=op.f("ck_incident_paper_numbered")
        ),
        sa.CheckConstraint(
            "kind IN ('announcement', 'report', 'brief', 'after_action')",
            name=op.f("ck_incident_paper_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_incident_paper_incident_id_incident")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_paper")),
        sa.UniqueConstraint("source", "kind", name=op.f("uq_incident_paper_source_kind")),
    )
    op.create_index("ix_incident_paper_incident", "incident_paper", ["incident_id", "made_at"])
    bind = op.get_bind()
    sqlite = bind.dialect.name == "sqlite"
    for statement in SQLITE_PAPERS if sqlite else POSTGRESQL_PAPERS:
        op.execute(statement)
    if sqlite:
        return
    schema = bind.execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    whole = SETTING_FREE.format(schema=schema)
    op.execute("ALTER TABLE incident_paper ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY seen ON incident_paper FOR SELECT USING ({whole} OR {VISIBLE})")
