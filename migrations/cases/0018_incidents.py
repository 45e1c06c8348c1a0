"""incidents: what is so, what was ordered, who was sent, what the board has not seen"""

import sqlalchemy as sa
from alembic import op

from cases.incident_tables import POSTGRESQL_INCIDENTS, SQLITE_INCIDENTS

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incident",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("domain", sa.String(length=16), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("grade", sa.String(length=16), nullable=False),
        sa.Column("response_level", sa.SmallInteger(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=1000), nullable=False),
        sa.Column("district", sa.String(length=64), nullable=False),
        sa.Column("cell", sa.String(length=64), nullable=False),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("signals", sa.Integer(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("graded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lead", sa.String(length=64), nullable=False),
        sa.Column("merged_into", sa.String(length=36), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sa.UniqueConstraint("number", name=op.f("uq_incident_number")),
    )
    op.create_index("ix_incident_due", "incident", ["due_at"], unique=False)
    op.create_index(
        "ix_incident_open", "incident", ["is_open", "rank", "reported_at"], unique=False
    )
    op.create_index("ix_incident_reported", "incident", ["reported_at"], unique=False)
    op.create_index("ix_incident_type", "incident", ["type", "is_open"], unique=False)
    op.create_table(
        "incident_change",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_incident_change")),
    )
    op.create_table(
        "incident_event",
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("command_id", sa.String(length=128), nullable=False),
        sa.Column("order_digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("on_behalf", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("after", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_incident_event_incident_id")
        ),
        sa.PrimaryKeyConstraint("incident_id", "seq", name=op.f("pk_incident_event")),
        sa.UniqueConstraint("command_id", name=op.f("uq_incident_event_command_id")),
    )
    op.create_index("ix_incident_event_at", "incident_event", ["recorded_at"], unique=False)
    op.create_table(
        "incident_hand",
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("act", sa.String(length=32), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_incident_hand_incident_id")
        ),
        sa.PrimaryKeyConstraint("incident_id", "act", "person", name=op.f("pk_incident_hand")),
    )
    op.create_table(
        "incident_signal",
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_incident_signal_incident_id")
        ),
        sa.PrimaryKeyConstraint("incident_id", "signal_id", name=op.f("pk_incident_signal")),
    )
    op.create_index("ix_incident_signal", "incident_signal", ["signal_id"], unique=False)
    op.create_table(
        "incident_unit",
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("n", sa.SmallInteger(), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("lead", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("bound", sa.Boolean(), nullable=False),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_incident_unit_incident_id")
        ),
        sa.PrimaryKeyConstraint("incident_id", "n", name=op.f("pk_incident_unit")),
    )
    op.create_index(
        "ix_incident_unit_department",
        "incident_unit",
        ["department", "state", "incident_id"],
        unique=False,
    )
    statements = {"sqlite": SQLITE_INCIDENTS, "postgresql": POSTGRESQL_INCIDENTS}
    for statement in statements[op.get_bind().dialect.name]:
        op.execute(statement)
