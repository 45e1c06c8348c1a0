"""Projects in the cases store. The worker is the only writer; the caller owns the transaction.

`project` is what is so now, with the whole state as canonical JSON, whose SHA-256 every entry of
the log binds. `project_event` is what was ordered, written once. `project_milestone` repeats what
lists, Gantt charts and payments ask of milestones. Days are ISO text, money whole fen. No personal
data beside who acted.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    event,
)

from cases.database import Instant
from cases.tables import cases_metadata

_Id = String(36)
_User = String(200)
_Word = String(64)
_Day = String(10)

project = Table(
    "project",
    cases_metadata,
    Column("id", _Id, primary_key=True),
    Column("number", _Word, nullable=False, unique=True),
    Column("seq", Integer, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("template", _Word, nullable=False),
    Column("regime", String(16), nullable=False),
    Column("title", String(200), nullable=False),
    Column("department", _Word, nullable=False),
    Column("operator", _Word, nullable=False),
    Column("sector", String(120), nullable=False),
    Column("pay", String(16), nullable=False),
    Column("starts_on", _Day, nullable=False),
    Column("ends_on", _Day, nullable=False),  # empty: no term
    Column("estimate_fen", BigInteger, nullable=False),
    Column("total_fen", BigInteger, nullable=False),
    Column("slippage", SmallInteger, nullable=False),  # 0 none … 3 red, the worst that is open
    Column("milestones", Integer, nullable=False),
    Column("achieved", Integer, nullable=False),
    Column("next_milestone", _Word, nullable=False),
    Column("next_plan_on", _Day, nullable=False),  # empty: none is open
    Column("risks", Integer, nullable=False),  # open ones
    Column("high_risks", Integer, nullable=False),
    Column("established_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("due_at", Instant),  # the next timer, whatever it is
    Column("state", Text, nullable=False),
    CheckConstraint("estimate_fen >= 0 AND total_fen >= 0", name="money"),
    CheckConstraint("estimate_fen = 0 OR total_fen <= estimate_fen", name="within_estimate"),
    CheckConstraint("slippage BETWEEN 0 AND 3", name="slippage"),
    Index("ix_project_open", "is_open", "slippage", "next_plan_on"),
    Index("ix_project_due", "due_at"),
    Index("ix_project_department", "department", "is_open"),
    Index("ix_project_operator", "operator"),
    Index("ix_project_template", "template", "stage"),
)
"""项目, as it stands."""

project_event = Table(
    "project_event",
    cases_metadata,
    Column("project_id", _Id, ForeignKey("project.id"), primary_key=True),
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
    Column("said", Text, nullable=False),  # codes and figures: JSON
    Column("body", Text, nullable=False),  # the whole order, canonical JSON
    Column("entry_id", _Id, nullable=False),
    Column("after", _Word, nullable=False),  # SHA-256 of the state, as the entry says it
    Index("ix_project_event_at", "recorded_at"),
)
"""What was ordered, in order; one row each, never changed."""

project_milestone = Table(
    "project_milestone",
    cases_metadata,
    Column("project_id", _Id, ForeignKey("project.id"), primary_key=True),
    Column("id", String(48), primary_key=True),
    Column("place", SmallInteger, nullable=False),
    Column("stage", String(48), nullable=False),
    Column("title", String(200), nullable=False),
    Column("pays", Boolean, nullable=False),
    Column("begins_on", _Day, nullable=False),
    Column("baseline_on", _Day, nullable=False),
    Column("plan_on", _Day, nullable=False),
    Column("forecast_on", _Day, nullable=False),  # empty: none
    Column("actual_on", _Day, nullable=False),  # empty: not reached
    Column("critical", Boolean, nullable=False),
    Column("slippage", SmallInteger, nullable=False),
    Column("evidence", Integer, nullable=False),
    Column("gate_open", Boolean, nullable=False),
    Index("ix_project_milestone_due", "actual_on", "plan_on"),
    # How many of each project are late, without touching the rows.
    Index("ix_project_milestone_of", "project_id", "actual_on", "plan_on"),
)
"""里程碑, each as it stands."""

project_paper = Table(
    "project_paper",
    cases_metadata,
    Column("project_id", _Id, ForeignKey("project.id"), primary_key=True),
    Column("milestone", String(48), primary_key=True),
    Column("sha256", _Word, primary_key=True),
    Column("person", _User, primary_key=True),
)
"""Who gave which paper, deputies and whom they act for alike."""

project_gate = Table(
    "project_gate",
    cases_metadata,
    Column("project_id", _Id, ForeignKey("project.id"), primary_key=True),
    Column("milestone", String(48), primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("person", _User, primary_key=True),
)
"""Who let a gate pass: each person once in a round, and nobody who gave its papers."""

PASSED_BY_GIVER = "a gate is passed by nobody who gave its papers"

_CLASH = (
    "EXISTS (SELECT 1 FROM project_paper p WHERE p.project_id = NEW.project_id"
    " AND p.milestone = NEW.milestone AND p.person = NEW.person)"
)
_KEYS = {
    "project_event": "(project_id = NEW.project_id AND seq = NEW.seq)"
    " OR command_id = NEW.command_id",
    "project_paper": "project_id = NEW.project_id AND milestone = NEW.milestone"
    " AND sha256 = NEW.sha256 AND person = NEW.person",
    "project_gate": "project_id = NEW.project_id AND milestone = NEW.milestone"
    " AND round = NEW.round AND person = NEW.person",
}
SQLITE_PROJECTS = (
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
    f"CREATE TRIGGER project_gate_apart BEFORE INSERT ON project_gate WHEN {_CLASH} "
    f"BEGIN SELECT RAISE(ABORT, '{PASSED_BY_GIVER}'); END",
)
POSTGRESQL_PROJECTS = (
    "CREATE OR REPLACE FUNCTION project_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'project is append-only'; END $$",
    *(
        statement
        for name in _KEYS
        for statement in (
            f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION project_refuse()",
            f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER {name}_append_only",
        )
    ),
    # The project's row is locked first: of two that race, the second sees what the first wrote.
    "CREATE OR REPLACE FUNCTION project_gate_apart() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "PERFORM 1 FROM project WHERE id = NEW.project_id FOR UPDATE; "
    f"IF {_CLASH} THEN RAISE EXCEPTION '{PASSED_BY_GIVER}' USING ERRCODE = 'check_violation'; "
    "END IF; RETURN NEW; END $$",
    "CREATE TRIGGER project_gate_apart BEFORE INSERT ON project_gate "
    "FOR EACH ROW EXECUTE FUNCTION project_gate_apart()",
    "ALTER TABLE project_gate ENABLE ALWAYS TRIGGER project_gate_apart",
)
"""What was ordered stays as it was, and who proves a milestone does not let it pass."""

for _dialect, _statements in (("sqlite", SQLITE_PROJECTS), ("postgresql", POSTGRESQL_PROJECTS)):
    for _statement in _statements:
        event.listen(
            project_gate,  # created after `project` and `project_paper`: by foreign key, by name
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )
