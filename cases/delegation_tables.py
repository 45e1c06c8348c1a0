"""Delegations in the web store: who acts for whom, with what, from when until when.

A row is proposed by the delegator, accepted by the deputy, and ended; nothing else of it ever
changes, and none is deleted: the triggers hold that against every session of the database.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    MetaData,
    String,
    Table,
    event,
)

from cases.database import Instant
from cases.deputies import LONGEST_DAYS
from cases.web_tables import web_metadata

_User = String(128)

delegation = Table(
    "delegation",
    web_metadata,
    Column("id", String(36), primary_key=True),
    Column("delegator", _User, ForeignKey("account.id"), nullable=False),
    Column("deputy", _User, ForeignKey("account.id"), nullable=False),
    Column("grants", JSON, nullable=False),  # [[role, department], …], each held by the delegator
    Column("reason", String(16), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("accepted_by", _User, nullable=False),  # empty: not accepted
    Column("accepted_at", Instant),
    Column("ended_by", _User, nullable=False),
    Column("ended_at", Instant),
    Column("why", String(16), nullable=False),
    CheckConstraint("deputy <> delegator", name="two_people"),
    CheckConstraint("accepted_by IN ('', deputy)", name="accepted_by_deputy"),
    CheckConstraint("(accepted_by = '') = (accepted_at IS NULL)", name="accepted"),
    CheckConstraint("ends_at > starts_at", name="order"),
    CheckConstraint("(why = '') = (ended_at IS NULL)", name="ended"),
    CheckConstraint(
        "why IN ('', 'withdrawn', 'refused', 'ended', 'time', 'account', 'grant')", name="why"
    ),
    Index("ix_delegation_deputy", "deputy", "ends_at"),
    Index("ix_delegation_delegator", "delegator", "ends_at"),
)
"""One delegation. No free text: it would outlive what it speaks of."""

deputy_now = Table(
    "deputy_now",
    MetaData(),  # a view: not made with the tables
    Column("id", String(36)),
    Column("deputy", _User),
    Column("delegator", _User),
    Column("grants", JSON),
    Column("starts_at", Instant),
    Column("ends_at", Instant),
)
"""Delegations that count, if the moment lies in [starts_at, ends_at): accepted, not ended, both
accounts open, the deputy no administrator. `grants` is what was delegated AND what the delegator's
account still holds now. It is all that another process may read of delegations."""

_FIXED = ("id", "delegator", "deputy", "reason", "starts_at", "ends_at", "proposed_at")
_ADMINISTRATORS = "'sysadmin', 'secadmin', 'auditadmin'"


def _changed(dialect: str) -> str:
    differs = "IS NOT" if dialect == "sqlite" else "IS DISTINCT FROM"
    text = "" if dialect == "sqlite" else "::text"
    named = [f"NEW.{name} {differs} OLD.{name}" for name in _FIXED]
    named.append(f"NEW.grants{text} {differs} OLD.grants{text}")
    # What has been accepted or ended stays so, and what has ended is not accepted any more.
    named += [
        f"(OLD.accepted_at IS NOT NULL AND NEW.accepted_at {differs} OLD.accepted_at)",
        f"(OLD.ended_at IS NOT NULL AND (NEW.ended_at {differs} OLD.ended_at"
        f" OR NEW.accepted_at {differs} OLD.accepted_at OR NEW.why <> OLD.why"
        " OR NEW.ended_by <> OLD.ended_by))",
    ]
    return " OR ".join(named)


_TOO_LONG_SQLITE = f"julianday(NEW.ends_at) - julianday(NEW.starts_at) > {LONGEST_DAYS}.0001"
_TOO_LONG_POSTGRESQL = f"NEW.ends_at - NEW.starts_at > INTERVAL '{LONGEST_DAYS} days'"
_NOT_PROPOSED = "NEW.accepted_at IS NOT NULL OR NEW.ended_at IS NOT NULL"

SQLITE_DELEGATIONS = (
    "CREATE TRIGGER delegation_proposed BEFORE INSERT ON delegation "
    f"WHEN {_NOT_PROPOSED} OR {_TOO_LONG_SQLITE} "
    "BEGIN SELECT RAISE(ABORT, 'a delegation is proposed first, for 90 days at most'); END",
    f"CREATE TRIGGER delegation_fixed BEFORE UPDATE ON delegation WHEN {_changed('sqlite')} "
    "BEGIN SELECT RAISE(ABORT, 'a delegation does not change'); END",
    "CREATE TRIGGER delegation_kept BEFORE DELETE ON delegation "
    "BEGIN SELECT RAISE(ABORT, 'a delegation is not deleted'); END",
)
POSTGRESQL_DELEGATIONS = (
    "CREATE OR REPLACE FUNCTION delegation_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation'; END $$",
    "CREATE TRIGGER delegation_proposed BEFORE INSERT ON delegation FOR EACH ROW "
    f"WHEN ({_NOT_PROPOSED} OR {_TOO_LONG_POSTGRESQL}) EXECUTE FUNCTION "
    "delegation_refuse('a delegation is proposed first, for 90 days at most')",
    "CREATE TRIGGER delegation_fixed BEFORE UPDATE ON delegation FOR EACH ROW "
    f"WHEN ({_changed('postgresql')}) EXECUTE FUNCTION "
    "delegation_refuse('a delegation does not change')",
    "CREATE TRIGGER delegation_kept BEFORE DELETE OR TRUNCATE ON delegation FOR EACH STATEMENT "
    "EXECUTE FUNCTION delegation_refuse('a delegation is not deleted')",
)
"""Guards of every transition; accepting needs a second statement after the proposal's own."""

_OPEN = (
    "FROM delegation d JOIN account a ON a.id = d.delegator JOIN account b ON b.id = d.deputy "
    "WHERE d.accepted_at IS NOT NULL AND d.ended_at IS NULL AND a.disabled_at IS NULL "
    "AND b.disabled_at IS NULL AND a.kind = 'human' AND b.kind = 'human' "
)
SQLITE_DEPUTY_NOW = (
    "CREATE VIEW deputy_now AS SELECT d.id, d.deputy, d.delegator, "  # noqa: S608 -- its own words
    "(SELECT json_group_array(json(g.value)) FROM json_each(d.grants) g WHERE EXISTS "
    "(SELECT 1 FROM json_each(a.grants) h WHERE h.value = g.value)) AS grants, "
    f"d.starts_at, d.ends_at {_OPEN}"
    "AND NOT EXISTS (SELECT 1 FROM json_each(b.grants) h "
    f"WHERE json_extract(h.value, '$[0]') IN ({_ADMINISTRATORS}))"
)
POSTGRESQL_DEPUTY_NOW = (
    "CREATE VIEW deputy_now AS SELECT d.id, d.deputy, d.delegator, "  # noqa: S608 -- its own words
    "(SELECT coalesce(json_agg(g.value), '[]') FROM json_array_elements(d.grants) g(value) "
    "WHERE EXISTS (SELECT 1 FROM json_array_elements(a.grants) h(value) "
    "WHERE h.value::jsonb = g.value::jsonb)) AS grants, "
    f"d.starts_at, d.ends_at {_OPEN}"
    "AND NOT EXISTS (SELECT 1 FROM json_array_elements(b.grants) h(value) "
    f"WHERE h.value ->> 0 IN ({_ADMINISTRATORS}))"
)

for _dialect, _statements in (
    ("sqlite", (*SQLITE_DELEGATIONS, SQLITE_DEPUTY_NOW)),
    ("postgresql", (*POSTGRESQL_DELEGATIONS, POSTGRESQL_DEPUTY_NOW)),
):
    for _statement in _statements:
        event.listen(
            delegation,
            "after_create",
            DDL(_statement.replace("%", "%%")).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )
