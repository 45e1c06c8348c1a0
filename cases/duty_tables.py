"""The rota in the web store: turns, who stands in, hand-overs, and where a person is reached.

A turn is made and perhaps withdrawn, an override asked for, agreed to and perhaps ended, a
hand-over given and taken over; nothing else of them changes and none is deleted: the triggers hold
that against every session of the database.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    event,
)

from cases.database import Instant
from cases.web_tables import web_metadata

_Id = String(36)
_User = String(128)

duty_shift = Table(
    "duty_shift",
    web_metadata,
    Column("id", _Id, primary_key=True),
    Column("department", String(64), nullable=False),
    Column("part", String(8), nullable=False),
    Column("person", _User, ForeignKey("account.id"), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("made_by", _User, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("withdrawn_by", _User, nullable=False),
    Column("withdrawn_at", Instant),
    CheckConstraint("part IN ('duty', 'leader')", name="part"),
    CheckConstraint("ends_at > starts_at", name="order"),
    CheckConstraint("(withdrawn_by = '') = (withdrawn_at IS NULL)", name="withdrawn"),
    Index("ix_duty_shift_span", "department", "ends_at"),
    Index("ix_duty_shift_person", "person", "ends_at"),
)
"""One person's turn on duty."""

duty_override = Table(
    "duty_override",
    web_metadata,
    Column("id", _Id, primary_key=True),
    Column("shift", _Id, ForeignKey("duty_shift.id"), nullable=False),
    Column("person", _User, ForeignKey("account.id"), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("asked_by", _User, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("accepted_by", _User, nullable=False),  # empty: it does not count yet
    Column("accepted_at", Instant),
    Column("ended_by", _User, nullable=False),
    Column("ended_at", Instant),
    CheckConstraint("ends_at > starts_at", name="order"),
    CheckConstraint("(accepted_by = '') = (accepted_at IS NULL)", name="accepted"),
    CheckConstraint("(ended_by = '') = (ended_at IS NULL)", name="ended"),
    Index("ix_duty_override_shift", "shift"),
    Index("ix_duty_override_person", "person", "ends_at"),
)
"""Somebody stands in for (a piece of) another's turn."""

duty_handover = Table(
    "duty_handover",
    web_metadata,
    Column("id", _Id, primary_key=True),
    Column("department", String(64), nullable=False),
    Column("given_by", _User, ForeignKey("account.id"), nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("shift", _Id, ForeignKey("duty_shift.id"), nullable=False),
    Column("incidents", JSON, nullable=False),  # [[id, number, stage], …]: what was open then
    Column("note_sealed", LargeBinary, nullable=False),
    Column("taken_by", _User, nullable=False),  # empty: nobody has taken over yet
    Column("taken_at", Instant),
    CheckConstraint("(taken_by = '') = (taken_at IS NULL)", name="taken"),
    CheckConstraint("taken_by <> given_by", name="two_people"),
    Index("ix_duty_handover_department", "department", "given_at"),
)
"""What one shift told the next, incident by incident, and who took it over."""

duty_contact = Table(
    "duty_contact",
    web_metadata,
    Column("person", _User, ForeignKey("account.id"), primary_key=True),
    Column("channel", String(8), primary_key=True),
    Column("address_sealed", LargeBinary, nullable=False),
    Column("changed_at", Instant, nullable=False),
    CheckConstraint("channel IN ('email', 'sms', 'im')", name="channel"),
)
"""Where a person on duty is reached, as they said themselves; sealed."""

notice_mark = Table(
    "notice_mark",
    web_metadata,
    Column("person", _User, ForeignKey("account.id"), primary_key=True),
    Column("notice", _Id, primary_key=True),
    Column("read_at", Instant, nullable=False),
)
"""Which notice a person has read (and so acknowledged) in their tray."""

duty_now = Table(
    "duty_now",
    MetaData(),  # a view: not made with the tables
    Column("shift", _Id),
    Column("override", _Id),
    Column("department", String(64)),
    Column("part", String(8)),
    Column("person", _User),
    Column("starts_at", Instant),
    Column("ends_at", Instant),
    Column("is_open", Integer),
    Column("valid_until", Instant),
)
"""Turns that were not withdrawn, and beside them who stands in by an agreed override; whether the
account is open stands in the row. The reader cuts one out of the other (`cases.rota.turns`). It is
all that another process may read of the rota: no name, no note, no address."""

_PEOPLE = (
    "CASE WHEN a.disabled_at IS NULL AND a.kind = 'human' THEN 1 ELSE 0 END AS is_open, "
    "a.valid_until AS valid_until"
)
DUTY_NOW = (
    "CREATE VIEW duty_now AS SELECT s.id AS shift, '' AS override, s.department, s.part, "  # noqa: S608 -- its own words
    f"s.person, s.starts_at, s.ends_at, {_PEOPLE} "
    "FROM duty_shift s JOIN account a ON a.id = s.person WHERE s.withdrawn_at IS NULL "
    "UNION ALL SELECT s.id, o.id, s.department, s.part, o.person, o.starts_at, o.ends_at, "
    f"{_PEOPLE} FROM duty_override o JOIN duty_shift s ON s.id = o.shift "
    "JOIN account a ON a.id = o.person "
    "WHERE o.accepted_at IS NOT NULL AND o.ended_at IS NULL AND s.withdrawn_at IS NULL"
)

_FIXED = {
    "duty_shift": (
        ("id", "department", "part", "person", "starts_at", "ends_at", "made_by", "made_at"),
        ("withdrawn_at", "withdrawn_by"),
    ),
    "duty_override": (
        ("id", "shift", "person", "starts_at", "ends_at", "reason", "asked_by", "asked_at"),
        ("accepted_at", "accepted_by", "ended_at", "ended_by"),
    ),
    "duty_handover": (
        ("id", "department", "given_by", "given_at", "shift", "note_sealed"),
        ("taken_at", "taken_by"),
    ),
}
"""Table → columns that never change, columns that are filled once."""


def _guards(table: str, dialect: str) -> tuple[str, ...]:
    differs = "IS NOT" if dialect == "sqlite" else "IS DISTINCT FROM"
    fixed, once = _FIXED[table]
    changed = [f"NEW.{name} {differs} OLD.{name}" for name in fixed]
    for moment, by in zip(once[::2], once[1::2], strict=True):
        changed.append(
            f"(OLD.{moment} IS NOT NULL AND (NEW.{moment} {differs} OLD.{moment}"
            f" OR NEW.{by} <> OLD.{by}))"
        )
    if table == "duty_handover":
        text = "" if dialect == "sqlite" else "::text"
        changed.append(f"NEW.incidents{text} {differs} OLD.incidents{text}")
    told, kept = f"a row of {table} does not change", f"a row of {table} is not deleted"
    if dialect == "sqlite":
        return (
            f"CREATE TRIGGER {table}_fixed BEFORE UPDATE ON {table} "
            f"WHEN {' OR '.join(changed)} BEGIN SELECT RAISE(ABORT, '{told}'); END",
            f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{kept}'); END",
        )
    return (
        _REFUSE,
        f"CREATE TRIGGER {table}_fixed BEFORE UPDATE ON {table} FOR EACH ROW "
        f"WHEN ({' OR '.join(changed)}) EXECUTE FUNCTION duty_refuse('{told}')",
        f"CREATE TRIGGER {table}_kept BEFORE DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION duty_refuse('{kept}')",
    )


_REFUSE = (
    "CREATE OR REPLACE FUNCTION duty_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation'; END $$"
)
_MADE_WITH = ((duty_shift, ()), (duty_override, (DUTY_NOW,)), (duty_handover, ()))


def statements(dialect: str) -> tuple[str, ...]:
    """Return the triggers and the view, for a migration."""
    return tuple(
        one for table, more in _MADE_WITH for one in (*_guards(table.name, dialect), *more)
    )


for _table, _more in _MADE_WITH:
    for _dialect in ("sqlite", "postgresql"):
        for _statement in (*_guards(_table.name, _dialect), *_more):
            event.listen(
                _table,
                "after_create",
                DDL(_statement.replace("%", "%%")).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
            )
