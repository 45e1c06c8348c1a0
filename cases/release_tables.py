"""Versions of what the engine goes by in the cases store, and what each would make of the past.

The worker is the only writer. A changed rule counts only with its dossier, whoever writes.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
)

from cases.database import Instant
from cases.tables import cases_metadata

_Id = String(36)
_User = String(200)
_Digest = String(64)

release = Table(
    "release",
    cases_metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", String(20), nullable=False),  # matter, rules, policy, template, calendar
    Column("name", String(80), nullable=False),
    Column("version", String(32), nullable=False),
    Column("digest", _Digest, nullable=False),
    Column("content", Text, nullable=False),
    Column("proposed_by", _User, nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("gate", Text, nullable=False),
    Column("passed", Boolean(create_constraint=False), nullable=False),
    Column("signed_by", _User),
    Column("signed_at", Instant),
    Column("in_force_from", Instant),
    Column("in_force_until", Instant),
    Column("withdrawn_by", _User),
    Column("withdrawn_at", Instant),
    Column("revoke_asked_by", _User),
    Column("revoke_asked_at", Instant),
    Column("revoke_reason", Text),
    Column("revoked_by", _User),
    Column("revoked_at", Instant),
    Column(
        "needs_dossier", Boolean(create_constraint=False), nullable=False, server_default=false()
    ),
    Column("endorsed_by", _User),
    Column("endorsed_at", Instant),
    Column("dossier", _Digest),  # digest of the one that both people have signed
    UniqueConstraint("kind", "name", "version"),
    CheckConstraint(
        "endorsed_by IS NULL OR signed_by IS NULL OR endorsed_by <> signed_by",
        name="two_people_dossier",
    ),
    CheckConstraint(
        "revoked_by IS NULL OR revoked_by <> revoke_asked_by", name="two_people_revoke"
    ),
    CheckConstraint("signed_by IS NULL OR signed_by <> proposed_by", name="two_people"),
    CheckConstraint("signed_by IS NULL OR passed", name="gate_passed"),
    CheckConstraint("(signed_by IS NULL) = (signed_at IS NULL)", name="signed_when"),
    CheckConstraint("(signed_by IS NULL) = (in_force_from IS NULL)", name="signed_from"),
    Index("ix_release_active", "kind", "name", "in_force_from"),
)
"""Versions of matters, rules, policy, templates, calendars: proposed, gated, signed by another."""

dossier = Table(
    "dossier",
    cases_metadata,
    Column("id", _Id, primary_key=True),
    Column("release_id", _Id, nullable=False),
    Column("release_digest", _Digest, nullable=False),
    Column("current_digest", _Digest, nullable=False),
    Column("months", SmallInteger, nullable=False),
    Column("until", Instant, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("digest", _Digest, nullable=False),
    Column("passed", Boolean(create_constraint=False), nullable=False),
    Column("words", Text, nullable=False),
    Column("content", Text, nullable=False),
    Index("ix_dossier_release", "release_id", "until"),
)
"""卷宗: what a proposed version would have made of the past; written once, never changed."""

_UNTRIED = (
    "NEW.signed_by IS NOT NULL AND NEW.signed_by <> 'seed:release' "
    "AND (NEW.kind = 'rules' OR NEW.needs_dossier) AND (NEW.endorsed_by IS NULL OR NOT EXISTS ("
    "SELECT 1 FROM dossier WHERE dossier.release_id = NEW.id "
    "AND dossier.release_digest = NEW.digest AND dossier.digest = NEW.dossier AND dossier.passed))"
)

SQLITE_DOSSIER = (
    *(
        f"CREATE TRIGGER dossier_no_{verb.lower()} BEFORE {verb} ON dossier "
        "BEGIN SELECT RAISE(ABORT, 'dossier is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    "CREATE TRIGGER dossier_no_replace BEFORE INSERT ON dossier "
    "WHEN EXISTS (SELECT 1 FROM dossier WHERE id = NEW.id) "
    "BEGIN SELECT RAISE(ABORT, 'dossier is append-only'); END",
    "CREATE TRIGGER release_untried_insert BEFORE INSERT ON release "
    f"WHEN {_UNTRIED} BEGIN SELECT RAISE(ABORT, 'release needs its dossier'); END",
    "CREATE TRIGGER release_untried_update BEFORE UPDATE ON release "
    f"WHEN OLD.signed_by IS NULL AND {_UNTRIED} "
    "BEGIN SELECT RAISE(ABORT, 'release needs its dossier'); END",
)

POSTGRESQL_DOSSIER = (
    "CREATE OR REPLACE FUNCTION dossier_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'dossier is append-only'; END $$",
    "CREATE TRIGGER dossier_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dossier "
    "FOR EACH STATEMENT EXECUTE FUNCTION dossier_refuse()",
    "CREATE OR REPLACE FUNCTION release_untried() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN "
    "IF TG_OP = 'UPDATE' THEN IF OLD.signed_by IS NOT NULL THEN RETURN NEW; END IF; END IF; "
    f"IF {_UNTRIED} THEN RAISE EXCEPTION 'release needs its dossier'; END IF; "
    "RETURN NEW; END $$",
    "CREATE TRIGGER release_tried BEFORE INSERT OR UPDATE ON release "
    "FOR EACH ROW EXECUTE FUNCTION release_untried()",
    "ALTER TABLE dossier ENABLE ALWAYS TRIGGER dossier_append_only",
    "ALTER TABLE release ENABLE ALWAYS TRIGGER release_tried",
)
"""No changed rule or limit counts without a dossier that two people have signed, whoever writes."""

for _dialect, _statements in (("sqlite", SQLITE_DOSSIER), ("postgresql", POSTGRESQL_DOSSIER)):
    for _statement in _statements:
        event.listen(
            release if "release" in _statement else dossier,
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )
