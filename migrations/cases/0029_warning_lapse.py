"""a warning that lapses: an act of its own"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

VERBS = "verb IN ('warning_issue', 'warning_adjust', 'warning_lift', 'warning_lapse')"


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_warning_act_verb"), "warning_act", type_="check")
        op.create_check_constraint(op.f("ck_warning_act_verb"), "warning_act", VERBS)
        return
    # SQLite cannot change a constraint: the table is made anew. Its triggers go with the old one.
    bind = op.get_bind()
    kept = "SELECT sql FROM sqlite_master WHERE tbl_name = 'warning_act' AND type = '{}'"
    of_table = bind.exec_driver_sql(kept.format("table")).scalar_one()
    triggers = bind.exec_driver_sql(kept.format("trigger")).scalars().all()
    changed = of_table.replace("verb IN ('warning_issue', 'warning_adjust', 'warning_lift')", VERBS)
    assert changed != of_table
    op.drop_index("ix_warning_act_issued", "warning_act")
    op.rename_table("warning_act", "warning_act_before")
    for statement in (
        changed,
        "INSERT INTO warning_act SELECT * FROM warning_act_before",
        "DROP TABLE warning_act_before",
        *triggers,
    ):
        bind.exec_driver_sql(statement)
    op.create_index("ix_warning_act_issued", "warning_act", ["issued_at"])
