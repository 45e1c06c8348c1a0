"""signal_windows"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signal_window",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("district", sa.String(length=64), nullable=False),
        sa.Column("street", sa.String(length=64), nullable=False),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("radius_m", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("made_by", sa.String(length=128), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_by", sa.String(length=128), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(lifted_by = '') = (lifted_at IS NULL)", name=op.f("ck_signal_window_lifted")
        ),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_signal_window_reason")),
        sa.CheckConstraint("type <> '' OR source <> ''", name=op.f("ck_signal_window_narrow")),
        sa.CheckConstraint("(lon IS NULL) = (lat IS NULL)", name=op.f("ck_signal_window_point")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_signal_window_order")),
        sa.CheckConstraint("starts_at >= made_at", name=op.f("ck_signal_window_ahead")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signal_window")),
    )
    op.create_index("ix_signal_window_end", "signal_window", ["ends_at"], unique=False)
    op.execute(
        "CREATE VIEW signal_silence AS SELECT id, type, source, district, street, lon, lat, "
        "radius_m, starts_at, ends_at, lifted_at FROM signal_window"
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("GRANT SELECT ON signal_silence TO PUBLIC")
