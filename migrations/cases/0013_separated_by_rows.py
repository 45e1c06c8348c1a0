"""separations of duties and inspections that the rows themselves hold"""

import sqlalchemy as sa
from alembic import op

from cases.apart_tables import POSTGRESQL_APART, SQLITE_APART

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_SEPARATED_SQLITE = (
    "INSERT INTO separated (case_id, rule, act) "
    "SELECT DISTINCT s.case_id, j.key, a.value FROM case_state s, "
    "json_each(s.state, '$.plan.separations') j, json_each(j.value, '$.acts') a"
)
_SEPARATED_POSTGRESQL = (
    "INSERT INTO separated (case_id, rule, act) "
    "SELECT DISTINCT s.case_id, j.n - 1, a.act FROM case_state s, "
    "json_array_elements(s.state::json #> '{plan,separations}') WITH ORDINALITY j(rule, n), "
    "json_array_elements_text(j.rule -> 'acts') a(act)"
)


def upgrade() -> None:
    op.create_table(
        "separated",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("rule", sa.SmallInteger(), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_separated_case_id")),
        sa.PrimaryKeyConstraint("case_id", "rule", "act", name=op.f("pk_separated")),
    )
    op.create_table(
        "inspection",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("inspector", sa.String(length=64), nullable=False),
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_inspection_case_id")),
        sa.PrimaryKeyConstraint("case_id", "seq", "inspector", name=op.f("pk_inspection")),
    )
    op.create_index("ix_inspection_task", "inspection", ["case_id", "task"])
    op.create_table(
        "payment_hand",
        sa.Column("payment_id", sa.String(length=36), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.CheckConstraint(
            "act IN ('payment_request', 'payment_review', 'payment_pay')",
            name=op.f("ck_payment_hand_act"),
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name=op.f("fk_payment_hand_payment_id")
        ),
        sa.PrimaryKeyConstraint("payment_id", "act", name=op.f("pk_payment_hand")),
        sa.UniqueConstraint("payment_id", "person", name=op.f("uq_payment_hand_payment_id_person")),
    )
    postgresql = op.get_bind().dialect.name == "postgresql"
    # What stood before the triggers is left as it is: they judge what is written from now on.
    op.execute(sa.text(_SEPARATED_POSTGRESQL if postgresql else _SEPARATED_SQLITE))
    op.execute(
        "INSERT INTO payment_hand (payment_id, act, person) "
        "SELECT id, 'payment_request', actor FROM payment"
    )
    for statement in POSTGRESQL_APART if postgresql else SQLITE_APART:
        op.execute(statement)
