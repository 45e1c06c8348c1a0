"""the blind index over applicants, under keys of its own"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "index_key",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position", sa.String(length=36), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('filling', 'current', 'leaving', 'emptying', 'retired')",
            name=op.f("ck_index_key_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_index_key")),
    )
    op.create_table(
        "case_index",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("field", sa.String(length=12), nullable=False),
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_case_index_case_id")),
        sa.ForeignKeyConstraint(["key"], ["index_key.id"], name=op.f("fk_case_index_key")),
        sa.PrimaryKeyConstraint("case_id", "field", "key", name=op.f("pk_case_index")),
    )
    op.create_index("ix_case_index_key", "case_index", ["key"], unique=False)
    op.create_index("ix_case_index_token", "case_index", ["token"], unique=False)

    if op.get_bind().dialect.name != "postgresql":
        return
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    whole = f"(SELECT has_table_privilege('{schema}.whole_reader', 'SELECT'))"
    visible = "EXISTS (SELECT 1 FROM case_file WHERE case_file.id = case_index.case_id)"
    op.execute("ALTER TABLE case_index ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY seen ON case_index FOR SELECT USING ({whole} OR {visible})")
    op.execute("CREATE POLICY written ON case_index FOR INSERT WITH CHECK (true)")
    op.execute("CREATE POLICY gone ON case_index FOR DELETE USING (true)")
