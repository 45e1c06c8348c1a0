"""dossiers"""

import sqlalchemy as sa
from alembic import op

from cases.release_tables import POSTGRESQL_DOSSIER, SQLITE_DOSSIER

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "dossier",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("release_id", sa.String(length=36), nullable=False),
        sa.Column("release_digest", sa.String(length=64), nullable=False),
        sa.Column("current_digest", sa.String(length=64), nullable=False),
        sa.Column("months", sa.SmallInteger(), nullable=False),
        sa.Column("until", _INSTANT, nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dossier")),
    )
    op.create_index("ix_dossier_release", "dossier", ["release_id", "until"])
    op.add_column(
        "release",
        sa.Column("needs_dossier", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    # Of one piece with its constraint: SQLite adds none to a table that is there.
    op.execute(
        "ALTER TABLE release ADD COLUMN endorsed_by VARCHAR(200) "
        "CONSTRAINT ck_release_two_people_dossier "
        "CHECK (endorsed_by IS NULL OR signed_by IS NULL OR endorsed_by <> signed_by)"
    )
    op.add_column("release", sa.Column("endorsed_at", _INSTANT, nullable=True))
    op.add_column("release", sa.Column("dossier", sa.String(length=64), nullable=True))
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_DOSSIER if sqlite else POSTGRESQL_DOSSIER:
        op.execute(statement)
