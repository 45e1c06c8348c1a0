"""what boards count is summed by month, and every case is to be put into the sums"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

SETTING = "(SELECT current_setting('yichuang.{}', true))"
"""As in 0014."""
WHOLE = "(SELECT has_table_privilege('{schema}.whole_reader', 'SELECT'))"


def group() -> tuple[sa.Column[str] | sa.Column[int], ...]:
    return (
        sa.Column("matter", sa.String(64), nullable=False),
        sa.Column("matter_digest", sa.String(64), nullable=False),
        sa.Column("department", sa.String(64), nullable=False),
        sa.Column("departments", sa.Text(), nullable=False),
        sa.Column("label_level", sa.SmallInteger(), nullable=False),
        sa.Column("compartments", sa.Text(), nullable=False),
    )


def upgrade() -> None:
    op.create_table(
        "tally",
        sa.Column("case_id", sa.String(36), nullable=False),
        *group(),
        sa.Column("said", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_tally")),
    )
    op.create_table(
        "tally_sum",
        sa.Column("part", sa.String(8), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("group", sa.String(64), nullable=False),
        *group(),
        sa.Column("said", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("part", "month", "group", name=op.f("pk_tally_sum")),
    )
    op.create_table(
        "tally_mark",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("case_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally_mark")),
    )
    op.create_index("ix_tally_mark_case", "tally_mark", ["case_id"])
    op.create_table(
        "tally_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rules", sa.String(64), nullable=False),
        sa.Column("is_whole", sa.Boolean(create_constraint=False), nullable=False),
        sa.CheckConstraint("id = 0", name=op.f("ck_tally_state_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally_state")),
    )
    # No state yet: the first who puts cases into the sums marks them all (cases/tally.py).
    if op.get_bind().dialect.name == "postgresql":
        _secure()


def _secure() -> None:
    """Let the role of the pages see sums as it sees cases: by label and departments.

    Whom a case names is not told by a sum. A mark is seen with its case, or with what the case has
    put in: where neither is, no sum of the reader's hangs on it.
    """
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    whole, reach = WHOLE.format(schema=schema), SETTING.format("reach")
    reached = f"string_to_array({reach}, '|')"
    for table in ("tally", "tally_sum"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY seen ON {table} FOR SELECT USING ({whole} OR ("
            f"label_level <= NULLIF({SETTING.format('clearance')}, '')::int"
            " AND string_to_array(btrim(compartments, '|'), '|')"
            f" <@ string_to_array({SETTING.format('compartments')}, '|')"
            f" AND ({reach} = '*' OR department = ANY ({reached})"
            f" OR string_to_array(btrim(departments, '|'), '|') && {reached})))"
        )
        _write(table)
    op.execute("ALTER TABLE tally_mark ENABLE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY seen ON tally_mark FOR SELECT USING ({whole}"  # noqa: S608  a name of ours
        " OR EXISTS (SELECT 1 FROM case_file WHERE case_file.id = tally_mark.case_id)"
        " OR EXISTS (SELECT 1 FROM tally WHERE tally.case_id = tally_mark.case_id))"
    )
    _write("tally_mark")


def _write(table: str) -> None:
    """Who may write at all is a matter of grants."""
    op.execute(f"CREATE POLICY written ON {table} FOR INSERT WITH CHECK (true)")
    op.execute(f"CREATE POLICY changed ON {table} FOR UPDATE USING (true)")
    op.execute(f"CREATE POLICY gone ON {table} FOR DELETE USING (true)")
