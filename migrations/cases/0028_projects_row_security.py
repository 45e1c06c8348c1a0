"""row-level security of PostgreSQL for projects"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

OF_A_PROJECT = ("project_event", "project_milestone")
"""Tables that pages read and whose rows belong to one project; who gave a paper or let a gate pass
(`project_paper`, `project_gate`) no page reads."""

SETTING = "(SELECT current_setting('yichuang.projects', true))"
"""`*`: every project; else the departments and operators, `|` between, whose projects may be seen.
In a subquery, so that it is read once and not for each row. Never set, NULL: nothing holds."""

WHOLE = "(SELECT has_table_privilege('{schema}.whole_reader', 'SELECT'))"
"""As for cases (0014): who may read `whole_reader` sees all."""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    whole = WHOLE.format(schema=schema)
    # Without an operator the column is empty, and no list of theirs has an empty word in it.
    theirs = f"array_remove(string_to_array({SETTING}, '|'), '')"
    op.execute("ALTER TABLE project ENABLE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY seen ON project FOR SELECT USING ({whole} OR {SETTING} = '*'"
        f" OR department = ANY ({theirs}) OR operator = ANY ({theirs}))"
    )
    for table in OF_A_PROJECT:
        visible = f"EXISTS (SELECT 1 FROM project WHERE project.id = {table}.project_id)"  # noqa: S608  names of this file
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({whole} OR {visible})")
