"""Changes of what an account may do, as the web store keeps them: proposed by one, settled by
another. The store itself refuses what two people have not agreed."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

from cases.database import Instant
from cases.web_tables import web_metadata

_Counter = BigInteger().with_variant(Integer, "sqlite")
_User = String(128)

grant_change = Table(
    "grant_change",
    web_metadata,
    Column("n", _Counter, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False),
    Column("account_id", _User, ForeignKey("account.id"), nullable=False),
    Column("grants_before", JSON, nullable=False),  # [[role, department], …] as in account
    Column("grants_after", JSON, nullable=False),
    Column("clearance_before", SmallInteger, nullable=False),
    Column("clearance_after", SmallInteger, nullable=False),
    Column("compartments_before", JSON, nullable=False),
    Column("compartments_after", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", String(9), nullable=False),
    Column("proposed_by", _User, nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("settled_by", _User, nullable=False),  # empty: waits
    Column("settled_at", Instant),
    Column("settled_reason", Text, nullable=False),
    UniqueConstraint("id"),
    CheckConstraint(
        "state IN ('proposed', 'approved', 'refused', 'withdrawn', 'lapsed')", name="state"
    ),
    CheckConstraint("clearance_after BETWEEN 1 AND 4", name="clearance"),
    CheckConstraint("reason <> ''", name="reason"),
    CheckConstraint("(state = 'proposed') = (settled_by = '')", name="settled"),
    CheckConstraint(
        "settled_by = '' OR (state = 'withdrawn') = (settled_by = proposed_by)", name="two_people"
    ),
    CheckConstraint(
        "account_id <> proposed_by AND account_id <> settled_by", name="nobody_for_himself"
    ),
    CheckConstraint("state <> 'refused' OR settled_reason <> ''", name="refused_why"),
    Index(
        "uq_grant_change_pending",
        "account_id",
        unique=True,
        sqlite_where=text("state = 'proposed'"),
        postgresql_where=text("state = 'proposed'"),
    ),
    Index("ix_grant_change_account", "account_id", "n"),
    Index("ix_grant_change_state", "state", "n"),
)
"""One change of one account: the whole of its roles and label before and after. At most one waits
for an account, so that no two that are each harmless add up unseen."""

_FIXED = (
    "n", "id", "account_id", "grants_before", "grants_after", "clearance_before",
    "clearance_after", "compartments_before", "compartments_after", "reason", "proposed_by",
    "proposed_at",
)  # fmt: skip
_JSON = ("grants_before", "grants_after", "compartments_before", "compartments_after")

_SQLITE_SECURITY = (
    "EXISTS (SELECT 1 FROM account a, json_each(a.grants) g WHERE a.id = {who} "
    "AND a.disabled_at IS NULL AND json_extract(g.value, '$[0]') = 'secadmin')"
)
_SQLITE_SAME = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in _FIXED)

SQLITE_GRANTS = (
    "CREATE TRIGGER grant_change_begins BEFORE INSERT ON grant_change "
    "WHEN NEW.state <> 'proposed' OR NOT " + _SQLITE_SECURITY.format(who="NEW.proposed_by") + " "
    "BEGIN SELECT RAISE(ABORT, 'a change of rights begins with a security administrator'); END",
    "CREATE TRIGGER grant_change_moves BEFORE UPDATE ON grant_change "
    f"WHEN OLD.state <> 'proposed' OR NOT ({_SQLITE_SAME}) OR (NEW.state = 'approved' AND NOT "
    + _SQLITE_SECURITY.format(who="NEW.settled_by")
    + ") BEGIN SELECT RAISE(ABORT, 'a change of rights is settled once, by another'); END",
    "CREATE TRIGGER grant_change_stays BEFORE DELETE ON grant_change "
    "BEGIN SELECT RAISE(ABORT, 'a change of rights stays'); END",
    "CREATE TRIGGER account_rights BEFORE UPDATE ON account "
    "WHEN (NEW.grants IS NOT OLD.grants OR NEW.clearance IS NOT OLD.clearance "
    "OR NEW.compartments IS NOT OLD.compartments) AND NOT EXISTS ("
    "SELECT 1 FROM grant_change c WHERE c.n = (SELECT max(n) FROM grant_change "
    "WHERE account_id = OLD.id AND state = 'approved') "
    "AND c.grants_before = OLD.grants AND c.grants_after = NEW.grants "
    "AND c.clearance_before = OLD.clearance AND c.clearance_after = NEW.clearance "
    "AND c.compartments_before = OLD.compartments AND c.compartments_after = NEW.compartments) "
    "BEGIN SELECT RAISE(ABORT, 'rights change only as two people agreed'); END",
    "CREATE TRIGGER account_begins BEFORE INSERT ON account WHEN NEW.created_by <> 'system' "
    "AND (NEW.grants <> '[]' OR NEW.clearance <> 1 OR NEW.compartments <> '[]') "
    "BEGIN SELECT RAISE(ABORT, 'an account begins without rights'); END",
    "CREATE TRIGGER account_identity BEFORE UPDATE ON account "
    "WHEN NEW.id IS NOT OLD.id OR NEW.kind IS NOT OLD.kind OR NEW.created_at IS NOT OLD.created_at "
    "OR NEW.created_by IS NOT OLD.created_by "
    "BEGIN SELECT RAISE(ABORT, 'whose account it is never changes'); END",
    "CREATE TRIGGER account_stays BEFORE DELETE ON account "
    "BEGIN SELECT RAISE(ABORT, 'an account stays, so that its id is never given again'); END",
)

_PG_SECURITY = (
    "EXISTS (SELECT 1 FROM account a WHERE a.id = {who} AND a.disabled_at IS NULL "
    """AND a.grants::jsonb @> '[["secadmin"]]')"""
)
_PG_SAME = " AND ".join(
    f"NEW.{name}::text IS NOT DISTINCT FROM OLD.{name}::text"
    if name in _JSON
    else f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}"
    for name in _FIXED
)

POSTGRESQL_GRANTS = (
    "CREATE FUNCTION grant_change_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF TG_OP = 'INSERT' THEN "
    "IF NEW.state <> 'proposed' OR NOT " + _PG_SECURITY.format(who="NEW.proposed_by") + " THEN "
    "RAISE EXCEPTION 'a change of rights begins with a security administrator'; END IF; "
    "RETURN NEW; "
    "ELSIF TG_OP = 'UPDATE' THEN "
    f"IF OLD.state <> 'proposed' OR NOT ({_PG_SAME}) OR (NEW.state = 'approved' AND NOT "
    + _PG_SECURITY.format(who="NEW.settled_by")
    + ") THEN RAISE EXCEPTION 'a change of rights is settled once, by another'; END IF; "
    "RETURN NEW; "
    "END IF; RAISE EXCEPTION 'a change of rights stays'; END $$",
    "CREATE TRIGGER grant_change_guarded BEFORE INSERT OR UPDATE OR DELETE ON grant_change "
    "FOR EACH ROW EXECUTE FUNCTION grant_change_guard()",
    "CREATE TRIGGER grant_change_whole BEFORE TRUNCATE ON grant_change "
    "FOR EACH STATEMENT EXECUTE FUNCTION grant_change_guard()",
    "CREATE FUNCTION account_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF TG_OP = 'INSERT' THEN IF NEW.created_by <> 'system' AND (NEW.grants::jsonb <> '[]' "
    "OR NEW.clearance <> 1 OR NEW.compartments::jsonb <> '[]') THEN "
    "RAISE EXCEPTION 'an account begins without rights'; END IF; RETURN NEW; END IF; "
    "IF TG_OP <> 'UPDATE' THEN "
    "RAISE EXCEPTION 'an account stays, so that its id is never given again'; END IF; "
    "IF NEW.id <> OLD.id OR NEW.kind <> OLD.kind OR NEW.created_at <> OLD.created_at "
    "OR NEW.created_by <> OLD.created_by THEN "
    "RAISE EXCEPTION 'whose account it is never changes'; END IF; "
    "IF (NEW.grants::jsonb <> OLD.grants::jsonb OR NEW.clearance <> OLD.clearance "
    "OR NEW.compartments::jsonb <> OLD.compartments::jsonb) AND NOT EXISTS ("
    "SELECT 1 FROM grant_change c WHERE c.n = (SELECT max(n) FROM grant_change "
    "WHERE account_id = OLD.id AND state = 'approved') "
    "AND c.grants_before::jsonb = OLD.grants::jsonb AND c.grants_after::jsonb = NEW.grants::jsonb "
    "AND c.clearance_before = OLD.clearance AND c.clearance_after = NEW.clearance "
    "AND c.compartments_before::jsonb = OLD.compartments::jsonb "
    "AND c.compartments_after::jsonb = NEW.compartments::jsonb) THEN "
    "RAISE EXCEPTION 'rights change only as two people agreed'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER account_guarded BEFORE INSERT OR UPDATE OR DELETE ON account "
    "FOR EACH ROW EXECUTE FUNCTION account_guard()",
    "CREATE TRIGGER account_whole BEFORE TRUNCATE ON account "
    "FOR EACH STATEMENT EXECUTE FUNCTION account_guard()",
    *(
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"
        for table, trigger in (
            ("grant_change", "grant_change_guarded"),
            ("grant_change", "grant_change_whole"),
            ("account", "account_guarded"),
            ("account", "account_whole"),
        )
    ),
)
"""Rights of an account change only as its newest approved change says; an account is never deleted
and never becomes somebody else's."""

for _dialect, _statements in (("sqlite", SQLITE_GRANTS), ("postgresql", POSTGRESQL_GRANTS)):
    for _statement in _statements:
        event.listen(
            grant_change,  # created after `account`: by foreign key
            "after_create",
            DDL(_statement.replace("%", "%%")).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )
