"""Incidents in the cases store. The worker is the only writer; the caller owns the transaction.

`incident` is what is so now, with the whole state as canonical JSON, whose SHA-256 every entry of
the log binds. `incident_event` is what was ordered, written once. What was typed, and who was
hurt, is sealed under keys of the incident's own (`cases.incidents.messages.incident_subject`,
`personal_subject`).
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    event,
    text,
)

from cases.database import Instant
from cases.tables import cases_metadata

_Id = String(36)
_User = String(200)
_Word = String(64)

_MERGED = text("merged_into <> ''")

incident = Table(
    "incident",
    cases_metadata,
    Column("id", _Id, primary_key=True),
    Column("number", String(64), nullable=False, unique=True),
    Column("seq", Integer, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("type", String(32), nullable=False),
    Column("domain", String(16), nullable=False),
    Column("level", String(8), nullable=False),
    Column("rank", SmallInteger, nullable=False),  # 0 red … 4 none: the board's order
    Column("grade", String(16), nullable=False),
    Column("response_level", SmallInteger, nullable=False),  # 0: none was started, or it ended
    Column("title", String(200), nullable=False),
    Column("address", String(1000), nullable=False),
    Column("district", _Word, nullable=False),
    Column("cell", _Word, nullable=False),
    Column("lon", Float),
    Column("lat", Float),
    Column("signals", Integer, nullable=False),
    Column("late", Integer, nullable=False),  # limits that were not kept
    Column("reported_at", Instant, nullable=False),
    Column("graded_at", Instant),
    Column("dispatched_at", Instant),
    Column("acknowledged_at", Instant),
    Column("arrived_at", Instant),
    Column("closed_at", Instant),
    Column("updated_at", Instant, nullable=False),
    Column("due_at", Instant),  # the next timer, whatever it is; none: nothing is to ring
    Column("lead", _Word, nullable=False),
    Column("merged_into", _Id, nullable=False),
    Column("state", Text, nullable=False),
    Index("ix_incident_open", "is_open", "rank", "reported_at"),
    Index("ix_incident_due", "due_at"),
    Index("ix_incident_reported", "reported_at"),
    Index("ix_incident_type", "type", "is_open"),
    Index("ix_incident_merged", "merged_into", sqlite_where=_MERGED, postgresql_where=_MERGED),
)
"""突发事件, as it stands."""

incident_event = Table(
    "incident_event",
    cases_metadata,
    Column("incident_id", _Id, ForeignKey("incident.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("command_id", String(128), nullable=False, unique=True),
    Column("order_digest", _Word, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("actor", _User, nullable=False),
    Column("on_behalf", _User, nullable=False),
    Column("role", _Word, nullable=False),
    Column("department", _Word, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("said", Text, nullable=False),  # what of the order is not personal: JSON
    Column("body_sealed", LargeBinary, nullable=False),  # under incident_subject
    Column("personal_sealed", LargeBinary),  # reporter, casualties: under personal_subject
    Column("entry_id", _Id, nullable=False),
    Column("after", _Word, nullable=False),  # SHA-256 of the state, as the entry says it
    Index("ix_incident_event_at", "recorded_at"),
)
"""What was ordered, in order; one row each, never changed."""

incident_unit = Table(
    "incident_unit",
    cases_metadata,
    Column("incident_id", _Id, ForeignKey("incident.id"), primary_key=True),
    Column("n", SmallInteger, primary_key=True),
    Column("department", _Word, nullable=False),
    Column("lead", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("bound", Boolean, nullable=False),
    Column("dispatched_at", Instant, nullable=False),
    Column("acknowledged_at", Instant),
    Column("arrived_at", Instant),
    Column("answered_at", Instant),
    Index("ix_incident_unit_department", "department", "state", "incident_id"),
)
"""Who was sent, as each stands."""

incident_hand = Table(
    "incident_hand",
    cases_metadata,
    Column("incident_id", _Id, ForeignKey("incident.id"), primary_key=True),
    Column("act", String(32), primary_key=True),
    Column("person", _User, primary_key=True),
)
"""Who did what, deputies and whom they act for alike: who checks and evaluates is nobody who
dispatched or handled (CJ/T 315-2009: 监督中心 and 指挥中心 are apart)."""

incident_signal = Table(
    "incident_signal",
    cases_metadata,
    Column("incident_id", _Id, ForeignKey("incident.id"), primary_key=True),
    Column("signal_id", String(200), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("withdrawn_at", Instant),
    Index("ix_incident_signal", "signal_id"),
)
"""The signals that it is made of."""

_LINKED = text("unlinked_seq IS NULL")

incident_case = Table(
    "incident_case",
    cases_metadata,
    Column("incident_id", _Id, ForeignKey("incident.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),  # the step that linked it
    Column("case_id", _Id, ForeignKey("case_file.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("unlinked_seq", Integer),  # the step that took the link back; none: it stands
    Column("unlinked_at", Instant),
    Index("ix_incident_case_case", "case_id"),
    Index(
        "ux_incident_case_linked", "incident_id", "case_id", unique=True,
        sqlite_where=_LINKED, postgresql_where=_LINKED,
    ),
)  # fmt: skip
"""关联办件: cases that came of the incident or are about it. A link that is taken back leaves its
row; the state binds all of them in their order (`IncidentState.linked`)."""

incident_change = Table(
    "incident_change",
    cases_metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("incident_id", _Id, nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(32), nullable=False),
)
"""One row for each settled order: what the board has not seen yet has a higher `seq`. On
PostgreSQL the writers queue (`ONE_WRITER`), so that no lower number is committed later."""

ONE_WRITER = 0x696E6364
"""Advisory lock of PostgreSQL under which changes get their numbers."""

CHECKING = ("check", "evaluate")
HANDLING = (
    "verify", "grade", "regrade", "dispatch", "acknowledge", "refuse_dispatch", "set_out",
    "arrive", "answer",
)  # fmt: skip
"""Acts whose doers never check or evaluate the same incident."""

CHECKED_BY_HANDLER = "an incident is checked by nobody who dispatched or handled it"

_CLASH = (
    "EXISTS (SELECT 1 FROM incident_hand h WHERE h.incident_id = NEW.incident_id"  # noqa: S608 -- its own words
    " AND h.person = NEW.person AND"
    f" ((NEW.act IN {CHECKING} AND h.act IN {HANDLING})"
    f" OR (NEW.act IN {HANDLING} AND h.act IN {CHECKING})))"
)
_KEYS = {
    "incident_event": (
        "(incident_id = NEW.incident_id AND seq = NEW.seq) OR command_id = NEW.command_id"
    ),
    "incident_hand": "incident_id = NEW.incident_id AND act = NEW.act AND person = NEW.person",
}
SQLITE_INCIDENTS = (
    *(
        statement.replace("KEY", key).replace("TABLE", name)
        for name, key in _KEYS.items()
        for statement in (
            "CREATE TRIGGER TABLE_no_update BEFORE UPDATE ON TABLE "
            "BEGIN SELECT RAISE(ABORT, 'TABLE is append-only'); END",
            "CREATE TRIGGER TABLE_no_delete BEFORE DELETE ON TABLE "
            "BEGIN SELECT RAISE(ABORT, 'TABLE is append-only'); END",
            "CREATE TRIGGER TABLE_no_replace BEFORE INSERT ON TABLE "
            "WHEN EXISTS (SELECT 1 FROM TABLE WHERE KEY) "
            "BEGIN SELECT RAISE(ABORT, 'TABLE is append-only'); END",
        )
    ),
    f"CREATE TRIGGER incident_hand_apart BEFORE INSERT ON incident_hand WHEN {_CLASH} "
    f"BEGIN SELECT RAISE(ABORT, '{CHECKED_BY_HANDLER}'); END",
)
POSTGRESQL_INCIDENTS = (
    "CREATE OR REPLACE FUNCTION incident_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'incident is append-only'; END $$",
    *(
        statement
        for name in _KEYS
        for statement in (
            f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION incident_refuse()",
            f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER {name}_append_only",
        )
    ),
    # The incident's row is locked first: of two that race, the second sees what the first wrote.
    "CREATE OR REPLACE FUNCTION incident_hand_apart() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "PERFORM 1 FROM incident WHERE id = NEW.incident_id FOR UPDATE; "
    f"IF {_CLASH} THEN RAISE EXCEPTION '{CHECKED_BY_HANDLER}' USING ERRCODE = 'check_violation'; "
    "END IF; RETURN NEW; END $$",
    "CREATE TRIGGER incident_hand_apart BEFORE INSERT ON incident_hand "
    "FOR EACH ROW EXECUTE FUNCTION incident_hand_apart()",
)
"""What was ordered stays as it was, and the two centres stay apart, whoever writes."""

for _dialect, _statements in (("sqlite", SQLITE_INCIDENTS), ("postgresql", POSTGRESQL_INCIDENTS)):
    for _statement in _statements:
        event.listen(
            incident_hand,
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )
