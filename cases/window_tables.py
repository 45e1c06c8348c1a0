"""Planned windows for signals, in the web store: made ahead by a person, and perhaps lifted."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    event,
)

from cases.database import Instant
from cases.web_tables import web_metadata

_Id = String(36)
_User = String(128)

signal_window = Table(
    "signal_window",
    web_metadata,
    Column("id", _Id, primary_key=True),
    Column("type", String(32), nullable=False),
    Column("source", String(100), nullable=False),
    Column("district", String(64), nullable=False),
    Column("street", String(64), nullable=False),
    Column("lon", Float),
    Column("lat", Float),
    Column("radius_m", Integer, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("reason", String(1000), nullable=False),
    Column("made_by", _User, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("lifted_by", _User, nullable=False),
    Column("lifted_at", Instant),
    CheckConstraint("type <> '' OR source <> ''", name="narrow"),
    CheckConstraint("reason <> ''", name="reason"),
    CheckConstraint("starts_at >= made_at", name="ahead"),
    CheckConstraint("ends_at > starts_at", name="order"),
    CheckConstraint("(lifted_by = '') = (lifted_at IS NULL)", name="lifted"),
    CheckConstraint("(lon IS NULL) = (lat IS NULL)", name="point"),
    Index("ix_signal_window_end", "ends_at"),
)
"""One window: never for every kind from every source, never for what has begun already."""

signal_silence = Table(
    "signal_silence",
    MetaData(),  # a view: not made with the tables
    Column("id", _Id),
    Column("type", String(32)),
    Column("source", String(100)),
    Column("district", String(64)),
    Column("street", String(64)),
    Column("lon", Float),
    Column("lat", Float),
    Column("radius_m", Integer),
    Column("starts_at", Instant),
    Column("ends_at", Instant),
    Column("lifted_at", Instant),
)
"""The windows without who and why: what the signals process may see of the web store."""

_CHANGED, _KEPT = "a row of signal_window does not change", "a row of signal_window is not deleted"
_OTHER = " OR ".join(
    f"NEW.{one.name} DIFFERS OLD.{one.name}"
    for one in signal_window.columns
    if one.name not in ("lifted_by", "lifted_at")
)
_LIFTED_TWICE = (
    "(OLD.lifted_at IS NOT NULL AND (NEW.lifted_at DIFFERS OLD.lifted_at"
    " OR NEW.lifted_by <> OLD.lifted_by))"
)
_WRONG = f"{_OTHER} OR {_LIFTED_TWICE}"
SQLITE_WINDOWS = (
    "CREATE TRIGGER signal_window_fixed BEFORE UPDATE ON signal_window "
    f"WHEN {_WRONG.replace('DIFFERS', 'IS NOT')} BEGIN SELECT RAISE(ABORT, '{_CHANGED}'); END",
    "CREATE TRIGGER signal_window_kept BEFORE DELETE ON signal_window "
    f"BEGIN SELECT RAISE(ABORT, '{_KEPT}'); END",
    "CREATE TRIGGER signal_window_not_replaced BEFORE INSERT ON signal_window "  # noqa: S608 -- its own words
    "WHEN EXISTS (SELECT 1 FROM signal_window WHERE id = NEW.id) "
    f"BEGIN SELECT RAISE(ABORT, '{_CHANGED}'); END",
)
POSTGRESQL_WINDOWS = (
    "CREATE OR REPLACE FUNCTION signal_window_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation'; END $$",
    "CREATE TRIGGER signal_window_fixed BEFORE UPDATE ON signal_window FOR EACH ROW "
    f"WHEN ({_WRONG.replace('DIFFERS', 'IS DISTINCT FROM')}) "
    f"EXECUTE FUNCTION signal_window_refuse('{_CHANGED}')",
    "CREATE TRIGGER signal_window_kept BEFORE DELETE OR TRUNCATE ON signal_window "
    f"FOR EACH STATEMENT EXECUTE FUNCTION signal_window_refuse('{_KEPT}')",
    "ALTER TABLE signal_window ENABLE ALWAYS TRIGGER signal_window_fixed",
    "ALTER TABLE signal_window ENABLE ALWAYS TRIGGER signal_window_kept",
)
"""A window is planned once and perhaps lifted once; what was planned stays, whoever writes."""

for _dialect, _statements in (("sqlite", SQLITE_WINDOWS), ("postgresql", POSTGRESQL_WINDOWS)):
    for _statement in _statements:
        event.listen(
            signal_window,
            "after_create",
            DDL(_statement.replace("%", "%%")).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )
