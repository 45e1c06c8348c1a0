"""row-level security of PostgreSQL for incidents"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

OF_AN_INCIDENT = ("incident_change", "incident_event", "incident_signal", "incident_unit")
"""Tables that pages read and whose rows belong to one incident; `incident_hand` no page reads."""

SETTING = "(SELECT current_setting('yichuang.incidents', true))"
"""`*`: every incident; else the units, `|` between, whose incidents may be seen. In a subquery, so
that it is read once and not for each row. Never set, NULL: nothing holds."""

WHOLE = "(SELECT has_table_privilege('{schema}.whole_reader', 'SELECT'))"
"""As for cases (0014): who may read `whole_reader` sees all."""

SENT = """
CREATE FUNCTION is_sent(wanted text, units text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT EXISTS (SELECT 1 FROM incident_unit one
                 WHERE one.incident_id = wanted AND one.department = ANY (units))
$$
"""
"""As the owner, for whom no policy counts: the policy of an incident may not ask that of its
units."""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    whole = WHOLE.format(schema=schema)
    op.execute(SENT)
    op.execute("ALTER TABLE incident ENABLE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY seen ON incident FOR SELECT USING ({whole} OR {SETTING} = '*'"
        f" OR is_sent(id, string_to_array({SETTING}, '|')))"
    )
    for table in OF_AN_INCIDENT:
        visible = f"EXISTS (SELECT 1 FROM incident WHERE incident.id = {table}.incident_id)"  # noqa: S608  names of this file
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({whole} OR {visible})")
