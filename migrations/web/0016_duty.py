"""the rota: turns, overrides, hand-overs, contacts"""

import sqlalchemy as sa
from alembic import op

from cases.duty_tables import statements

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "duty_contact",
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "channel IN ('email', 'sms', 'im')", name=op.f("ck_duty_contact_channel")
        ),
        sa.ForeignKeyConstraint(["person"], ["account.id"], name=op.f("fk_duty_contact_person")),
        sa.PrimaryKeyConstraint("person", "channel", name=op.f("pk_duty_contact")),
    )
    op.create_table(
        "duty_shift",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("part", sa.String(length=8), nullable=False),
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(length=128), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_by", sa.String(length=128), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(withdrawn_by = '') = (withdrawn_at IS NULL)", name=op.f("ck_duty_shift_withdrawn")
        ),
        sa.CheckConstraint("part IN ('duty', 'leader')", name=op.f("ck_duty_shift_part")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_duty_shift_order")),
        sa.ForeignKeyConstraint(["person"], ["account.id"], name=op.f("fk_duty_shift_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_shift")),
    )
    op.create_index("ix_duty_shift_person", "duty_shift", ["person", "ends_at"], unique=False)
    op.create_index("ix_duty_shift_span", "duty_shift", ["department", "ends_at"], unique=False)
    op.create_table(
        "notice_mark",
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("notice", sa.String(length=36), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["account.id"], name=op.f("fk_notice_mark_person")),
        sa.PrimaryKeyConstraint("person", "notice", name=op.f("pk_notice_mark")),
    )
    op.create_table(
        "duty_handover",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("given_by", sa.String(length=128), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shift", sa.String(length=36), nullable=False),
        sa.Column("incidents", sa.JSON(), nullable=False),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("taken_by", sa.String(length=128), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(taken_by = '') = (taken_at IS NULL)", name=op.f("ck_duty_handover_taken")
        ),
        sa.CheckConstraint("taken_by <> given_by", name=op.f("ck_duty_handover_two_people")),
        sa.ForeignKeyConstraint(
            ["given_by"], ["account.id"], name=op.f("fk_duty_handover_given_by")
        ),
        sa.ForeignKeyConstraint(["shift"], ["duty_shift.id"], name=op.f("fk_duty_handover_shift")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_handover")),
    )
    op.create_index(
        "ix_duty_handover_department", "duty_handover", ["department", "given_at"], unique=False
    )
    op.create_table(
        "duty_override",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("shift", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.String(length=128), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_by", sa.String(length=128), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=128), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(accepted_by = '') = (accepted_at IS NULL)", name=op.f("ck_duty_override_accepted")
        ),
        sa.CheckConstraint(
            "(ended_by = '') = (ended_at IS NULL)", name=op.f("ck_duty_override_ended")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_duty_override_order")),
        sa.ForeignKeyConstraint(["person"], ["account.id"], name=op.f("fk_duty_override_person")),
        sa.ForeignKeyConstraint(["shift"], ["duty_shift.id"], name=op.f("fk_duty_override_shift")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_override")),
    )
    op.create_index("ix_duty_override_person", "duty_override", ["person", "ends_at"], unique=False)
    op.create_index("ix_duty_override_shift", "duty_override", ["shift"], unique=False)
    postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in statements("postgresql" if postgresql else "sqlite"):
        op.execute(statement)
    if postgresql:
        # As with office_holder: who may enter the schema is what decides.
        op.execute("GRANT SELECT ON duty_now TO PUBLIC")
