"""row-level security of PostgreSQL for department and label"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

OF_A_CASE = (
    "card", "card_mark", "case_compartment", "case_state", "clock", "clock_event", "clock_share",
    "document", "hand", "inspection", "material", "notification", "opinion", "ruling", "separated",
    "separation", "step", "task", "timer",
)  # fmt: skip
"""Every table whose rows belong to one case."""

SETTING = "(SELECT current_setting('yichuang.{}', true))"
"""In a subquery, so that it is read once and not for each row. Never set, NULL: nothing holds."""

WHOLE = "(SELECT has_table_privilege('{schema}.whole_reader', 'SELECT'))"
"""System readers are let into `whole_reader`: by whoever owns the schema, and by nobody else."""

TASKED = """
CREATE FUNCTION is_tasked(wanted text, reach text[], persons text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT EXISTS (
    SELECT 1 FROM task WHERE task.case_id = wanted AND (
      task.department = ANY (reach) OR task.holder = ANY (persons)
      OR string_to_array(btrim(task.signers, '|'), '|') && persons
    )
  )
$$
"""
"""As the owner, for whom no policy counts: the policy of a case may not ask that of its tasks."""


def upgrade() -> None:
    op.create_table(
        "whole_reader",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.CheckConstraint("id = 0", name=op.f("ck_whole_reader_no_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_whole_reader")),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(TASKED)
    reach = f"string_to_array({SETTING.format('reach')}, '|')"
    persons = f"string_to_array({SETTING.format('persons')}, '|')"
    whole = WHOLE.format(schema=schema)
    op.execute("ALTER TABLE case_file ENABLE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY seen ON case_file FOR SELECT USING ({whole} OR ("
        f"label_level <= NULLIF({SETTING.format('clearance')}, '')::int"
        " AND string_to_array(btrim(compartments, '|'), '|')"
        f" <@ string_to_array({SETTING.format('compartments')}, '|')"
        f" AND ({SETTING.format('reach')} = '*' OR department = ANY ({reach})"
        f" OR holder = ANY ({persons}) OR subject = ANY ({persons})"
        f" OR is_tasked(id, {reach}, {persons}))))"
    )
    for table in OF_A_CASE:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        visible = f"EXISTS (SELECT 1 FROM case_file WHERE case_file.id = {table}.case_id)"  # noqa: S608  names of this file
        op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({whole} OR {visible})")
        # Who may write at all is a matter of grants; the rows' own rules are triggers.
        op.execute(f"CREATE POLICY written ON {table} FOR INSERT WITH CHECK (true)")
