"""The cases store: what was asked and decided, as rows. The worker is its only writer.

No plain personal data stands in any column: names, numbers, form values and words are sealed under
the applicant's key (`…_sealed`), and exact search goes through a keyed pseudonym (`…_mac`). User
ids (`u:…`) are not names. The log's own tables (audit.tables.outbox_metadata) lie in the same
store, so that a step and its entry commit together.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from cases.database import Instant

cases_metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_Counter = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys
_Id = String(36)
_User = String(200)
_Department = String(64)
_Digest = String(64)
_Seq = Integer

SEPARATED = "ck_case_accept_decide_apart"
"""Name of the constraint by which who accepted may not decide, where the plan separates them."""

case = Table(
    "case_file",  # CASE is a word of SQL
    cases_metadata,
    Column("id", _Id, primary_key=True),
    Column("case_no", String(50), nullable=False, unique=True),
    Column("seq", _Seq, nullable=False),
    Column("matter", String(64), nullable=False),
    Column("matter_version", String(16), nullable=False),
    Column("matter_digest", _Digest, nullable=False),
    Column("matter_name", String(200), nullable=False),
    Column("process", String(10), nullable=False),
    Column("department", _Department, nullable=False),
    Column("departments", Text, nullable=False),  # |a|b|: those with a task, for reading only
    Column("departments_all", SmallInteger, nullable=False),
    Column("departments_out", SmallInteger, nullable=False),
    Column("label_level", SmallInteger, nullable=False),
    Column("compartments", Text, nullable=False),  # |a|b|; see case_compartment for queries
    Column("zone", String(40), nullable=False),
    Column("calendar", String(40), nullable=False),
    Column("channel", String(10), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("ending", String(16), nullable=False),
    Column("is_open", Boolean(create_constraint=False), nullable=False),
    Column("step", String(64), nullable=False),  # key of the first open task
    Column("holder", _User, nullable=False),
    Column("subject", String(80), nullable=False),
    Column("name_mac", String(80), nullable=False),
    Column("project_code", String(24), nullable=False),
    Column("public_code", String(12), nullable=False),  # what the applicant asks with
    Column("received_at", Instant, nullable=False),
    Column("accepted_at", Instant),
    Column("decided_at", Instant),
    Column("served_at", Instant),
    Column("closed_at", Instant),
    Column("last_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("sort_at", Instant, nullable=False),  # due_at, or the end of all days
    Column("due_clock", String(80), nullable=False),
    Column("warn_at", Instant),
    Column("alert_at", Instant),  # from when its lines are 预警: warn_at, or a day before due_at
    Column("provisional", Boolean(create_constraint=False), nullable=False),
    Column("is_paused", Boolean(create_constraint=False), nullable=False),
    Column("is_extended", Boolean(create_constraint=False), nullable=False),
    Column("backfilled", Boolean(create_constraint=False), nullable=False),
    Column("filed_by", _User, nullable=False),
    Column("accepted_by", _User, nullable=False),
    Column("decided_by", _User, nullable=False),
    Column("is_separated", Boolean(create_constraint=False), nullable=False),
    Column("grade", SmallInteger, nullable=False),
    # Last, so that a scan need not walk over them.
    Column("applicant_sealed", LargeBinary, nullable=False),
    Column("form_sealed", LargeBinary, nullable=False),
    CheckConstraint(
        "NOT is_separated OR accepted_by = '' OR accepted_by <> decided_by",
        name="accept_decide_apart",
    ),
    CheckConstraint("seq > 0", name="seq_from_one"),
    Index("ix_case_due", "sort_at", "id"),
    Index("ix_case_department_due", "department", "is_open", "due_at"),
    Index("ix_case_department_alert", "department", "is_open", "alert_at", "due_at"),
    # Covers the counts of a list with the usual conditions of policy (100,000 cases: see
    # tests/activities/test_queries.py).
    Index(
        "ix_case_counts",
        "stage",
        "due_at",
        "warn_at",
        "department",
        "label_level",
        "holder",
        "is_open",
        "id",
    ),
    Index("ix_case_matter_stage", "matter", "stage"),
    Index("ix_case_holder", "holder", "is_open"),
    Index("ix_case_subject", "subject"),
    # What is asked of the same investment project; most cases name none.
    Index(
        "ix_case_project",
        "project_code",
        sqlite_where=text("project_code <> ''"),
        postgresql_where=text("project_code <> ''"),
    ),
    Index("ix_case_name_mac", "name_mac"),
    Index("ix_case_received", "received_at"),
    # The public list of what was granted: its order, and all that its count asks.
    Index(
        "ix_case_published",
        "ending",
        "decided_at",
        "id",
        "matter",
        "label_level",
        "compartments",
    ),
)
"""One row per case: what lists sort by, scopes filter by and separations are held by."""

case_compartment = Table(
    "case_compartment",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("compartment", String(64), primary_key=True),
)
"""范畴 of the case's label: a reader needs every one of them."""

state = Table(
    "case_state",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("seq", _Seq, nullable=False),
    Column("state", Text, nullable=False),
)
"""The newest `CaseState` as JSON: for inspection, and to start a lost workflow again."""

step = Table(
    "step",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("seq", _Seq, primary_key=True),
    Column("command_id", String(128), nullable=False, unique=True),
    Column("verb", String(40), nullable=False),
    Column("actor", _User, nullable=False),
    Column("on_behalf", _User, nullable=False),
    Column("department", _Department, nullable=False),
    Column("door", String(10), nullable=False),
    Column("task", String(64), nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("backfill", Boolean(create_constraint=False), nullable=False),
    Column("events", Text, nullable=False),
    Column("warrant", Text, nullable=False),
    Column("basis", String(200), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("body_sealed", LargeBinary, nullable=False),
    Column("digests", Text, nullable=False),  # column or row of this step → SHA-256, sorted JSON
    Column("entry_id", _Id, nullable=False, unique=True),
    Index("ix_step_actor", "actor", "recorded_at"),
    # What has moved since, and how late timers fired: read without touching the rows.
    Index("ix_step_recorded", "recorded_at", "verb", "case_id"),
)
"""One settled command. SHA-256 of `digests` is the `after` of its entry, so that a changed byte
is named by its column; see activities/records.py."""

command = Table(
    "command",
    cases_metadata,
    Column("id", String(128), primary_key=True),
    Column("case_id", _Id, nullable=False, index=True),
    Column("seq", _Seq, nullable=False),
    Column("verb", String(40), nullable=False),
    Column("actor", _User, nullable=False),
    Column("digest", _Digest, nullable=False),
    Column("status", String(8), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index("ix_command_refused", "recorded_at", "id", sqlite_where=text("status = 'refused'"),
          postgresql_where=text("status = 'refused'")),
)  # fmt: skip
"""Every command ever settled, refused ones too, with its one outcome (JSON), kept for ever."""

separation = Table(
    "separation",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("rule", SmallInteger, primary_key=True),
    Column("person", _User, primary_key=True),
    Column("act", String(40), nullable=False),
)
"""Who did which act of a separated group (index of `Plan.separations`). A second act of the same
group by the same person sets `act` to NULL, which the column forbids (activities/rows.py)."""

hand = Table(
    "hand",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("act", String(40), primary_key=True),
    Column("person", _User, primary_key=True),
    Index("ix_hand_person", "person", "case_id"),
)
"""Who has performed which act of a case, in person or through a deputy."""

_COUNTED = "kind IN ('noticed', 'supplied', 'called_back')"

clock_event = Table(
    "clock_event",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("seq", _Seq, primary_key=True),
    Column("n", SmallInteger, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("at", Instant, nullable=False),
    Column("article", String(200), nullable=False),
    Column("detail", Text, nullable=False),
    # For the few kinds that boards count by case.
    Index("ix_clock_event_told", "kind", "case_id", sqlite_where=text(_COUNTED),
          postgresql_where=text(_COUNTED)),
)  # fmt: skip
"""What the clocks are derived from, in the order it became known."""

timer = Table(
    "timer",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("key", String(80), primary_key=True),
    Column("due_at", Instant, nullable=False),
    Column("article", String(200), nullable=False),
    Column("provisional", Boolean(create_constraint=False), nullable=False),
    Column("calendar_version", String(80), nullable=False, server_default=""),
    Index("ix_timer_due", "due_at"),
)
"""Instants that the newest state waits for, and by which version of its calendar."""

clock = Table(
    "clock",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("key", String(120), primary_key=True),
    Column("clock", String(40), nullable=False),
    Column("rule", String(40), nullable=False),
    Column("side", String(10), nullable=False),
    Column("department", _Department, nullable=False),
    Column("task", String(64), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("started_by", String(40), nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", String(40), nullable=False),
    Column("ended_how", String(20), nullable=False),
    Column("due_at", Instant),
    Column("due_on", String(10), nullable=False),
    Column("warn_at", Instant),
    Column("provisional", Boolean(create_constraint=False), nullable=False),
    Column("limit_n", Integer, nullable=False),
    Column("limit_unit", String(12), nullable=False),
    Column("extended", Boolean(create_constraint=False), nullable=False),
    Column("stops", SmallInteger, nullable=False),
    Column("standing", Boolean(create_constraint=False), nullable=False),
    Column("budget", BigInteger),
    Column("used", BigInteger),
    Column("paused", BigInteger),
    Column("remaining", BigInteger),
    Column("on_time", Boolean(create_constraint=False)),
    Column("calendar_version", String(64), nullable=False),
    Index("ix_clock_ended", "clock", "ended_at"),
    Index("ix_clock_due", "clock", "due_at", sqlite_where=text("ended_at IS NULL"),
          postgresql_where=text("ended_at IS NULL")),
)  # fmt: skip
"""A row per clock of each case, its newest period: a view on the events (cases/clocks/lines.py)."""

clock_share = Table(
    "clock_share",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("key", String(120), primary_key=True),
    Column("holder_kind", String(12), primary_key=True),
    Column("holder", String(64), primary_key=True),
    Column("paused", Boolean(create_constraint=False), primary_key=True),
    Column("amount", Float(53), nullable=False),
    Column("exact", String(160), nullable=False),
    # Used and paused together, on the first of the holder's rows of this clock; none on the second.
    Column("together", Float(53)),
    Index(
        "ix_share_longest", "holder_kind", "holder", "together", "case_id", "key",
        sqlite_where=text("together IS NOT NULL"), postgresql_where=text("together IS NOT NULL"),
    ),
)  # fmt: skip
"""Whose the time of an ended clock was, by rule YC-FT-1 (cases/clocks/attribution.py)."""

task = Table(
    "task",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("step", String(64), nullable=False),
    Column("department", _Department, nullable=False),
    Column("kind", String(12), nullable=False),
    Column("state", String(10), nullable=False),
    Column("holder", _User, nullable=False),
    Column("signing", String(4), nullable=False),
    Column("signers", Text, nullable=False),  # |u:a|u:b|
    Column("opinions", Text, nullable=False),
    Column("inspectors_needed", SmallInteger, nullable=False),
    Column("inspected", Boolean(create_constraint=False), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("due_at", Instant),
    # Of an open task: its own due_at, or its case's sort_at; and from when it is 预警.
    Column("sort_at", Instant),
    Column("alert_at", Instant),
    # A page of a list is read in its order, however many lines it has: of one department, of
    # several.
    Index("ix_task_department", "department", "state", "sort_at", "case_id", "key"),
    Index("ix_task_order", "state", "sort_at", "case_id", "key", "department"),
    Index("ix_task_alert", "department", "state", "alert_at", "sort_at"),
    Index("ix_task_case_department", "case_id", "department", "state"),
    Index(
        "ix_task_signed",
        "state",
        sqlite_where=text("signers <> ''"),
        postgresql_where=text("signers <> ''"),
    ),
    Index("ix_task_holder", "holder", "state", "due_at"),
)
"""待办. A row per task of the case's newest state."""

opinion = Table(
    "opinion",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("seq", _Seq, primary_key=True),
    Column("task", String(64), nullable=False),
    Column("department", _Department, nullable=False),
    Column("signer", _User, nullable=False),
    Column("result", String(20), nullable=False),
    Column("at", Instant, nullable=False),
    Column("subject", String(80), nullable=False),
    Column("words_sealed", LargeBinary, nullable=False),
)
"""审查意见; the words are sealed."""

material = Table(
    "material",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("seq", _Seq, primary_key=True),
    Column("n", SmallInteger, primary_key=True),
    Column("code", String(64), nullable=False),
    Column("originals", Integer, nullable=False),
    Column("copies", Integer, nullable=False),
    Column("upload", String(80), nullable=False),
    Column("digest", _Digest, nullable=False),
    Column("subject", String(80), nullable=False),
    Column("name_sealed", LargeBinary, nullable=False),
)
"""Each handing-in of each material; the newest row of a code counts."""

document = Table(
    "document",
    cases_metadata,
    Column("id", _Id, primary_key=True),
    Column("case_id", _Id, ForeignKey("case_file.id"), nullable=False),
    Column("seq", _Seq, nullable=False),
    Column("kind", String(24), nullable=False),
    Column("department", _Department, nullable=False),
    Column("number", String(80), nullable=False, unique=True),
    Column("digest", _Digest, nullable=False),
    Column("code", String(24), nullable=False, unique=True),
    Column("issued_at", Instant, nullable=False),
    Column("subject", String(80), nullable=False),
    Column("file_sealed", LargeBinary, nullable=False),
    Index("ix_document_case", "case_id", "seq"),
)
"""文书: the file itself (PDF) is sealed; `digest` is SHA-256 of the plain bytes."""

document_number = Table(
    "document_number",
    cases_metadata,
    Column("series", String(80), primary_key=True),
    Column("period", Integer, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("number", String(80), nullable=False, unique=True),
    Column("command_id", String(128), nullable=False),
    Column("case_id", _Id, nullable=False),
    Column("kind", String(24), nullable=False),
    Column("state", String(8), nullable=False),
    Column("reserved_at", Instant, nullable=False),
    Column("settled_at", Instant),
    CheckConstraint("state IN ('reserved', 'used', 'void')", name="state"),
    CheckConstraint("(state = 'reserved') = (settled_at IS NULL)", name="settled"),
    # One live number per command and series; a voided one is not given out again.
    Index(
        "uq_document_number_live",
        "command_id",
        "series",
        unique=True,
        sqlite_where=text("state <> 'void'"),
        postgresql_where=text("state <> 'void'"),
    ),
    Index("ix_document_number_state", "state", "reserved_at"),
)
"""文号 and 办件编号: reserved, then used or void (作废). A series starts anew each `period`: a year
(2026) for documents, a day (20261122) for cases."""

serial = Table(
    "serial",
    cases_metadata,
    Column("series", String(80), primary_key=True),
    Column("period", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)
"""The last number given in each series."""

matter_version = Table(
    "matter_version",
    cases_metadata,
    Column("digest", _Digest, primary_key=True),
    Column("code", String(64), nullable=False),
    Column("version", String(16), nullable=False),
    Column("matter", Text, nullable=False),
)
"""Every matter version that any case was filed under, as canonical JSON."""

rule_pack = Table(
    "rule_pack",
    cases_metadata,
    Column("digest", _Digest, primary_key=True),
    Column("id", String(64), nullable=False),
    Column("version", String(32), nullable=False),
    Column("pack", Text, nullable=False),
)
"""Every rule pack that was ever activated, as its canonical text."""

ruling = Table(
    "ruling",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("seq", _Seq, primary_key=True),
    Column("role", String(40), primary_key=True),
    Column("pack", String(64), nullable=False),
    Column("version", String(32), nullable=False),
    Column("digest", _Digest, nullable=False),
    Column("engine", String(20), nullable=False),
    Column("fired", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("subject", String(80), nullable=False),
    Column("context_sealed", LargeBinary, nullable=False),
)
"""What the rules answered; the facts they were asked about are sealed."""

outbox = Table(
    "outbox",
    cases_metadata,
    Column("pos", _Counter, primary_key=True, autoincrement=True),
    Column("id", String(80), nullable=False, unique=True),
    Column("case_id", _Id, nullable=False),
    Column("seq", _Seq, nullable=False),
    Column("subject", String(200), nullable=False),
    Column("event", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Index("ix_outbox_unsent", "sent_at", "pos"),
)
"""CloudEvents on their way to NATS, free of personal data; `id` is the `Nats-Msg-Id`."""

notification = Table(
    "notification",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("seq", _Seq, primary_key=True),
    Column("recipient", _User, primary_key=True),
    # urged, copied, transferred, card_issued, card_revoked, explained, returned
    Column("kind", String(12), nullable=False),
    Column("sender", _User, nullable=False),
    Column("task", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("subject", String(80), nullable=False),
    Column("words_sealed", LargeBinary, nullable=False),
    Index("ix_notification_recipient", "recipient", "at"),
)
"""催办, 抄送, 转办, 监察牌: what somebody should know; a recipient is a user id, `d:<department>`
or `r:<role>:<department>`."""

alarm = Table(
    "alarm",
    cases_metadata,
    Column("id", _Id, primary_key=True),
    Column("key", String(200), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("case_id", _Id, nullable=False),
    Column("department", _Department, nullable=False),
    Column("text", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("cleared_at", Instant),
    Column("raised_entry", _Id, nullable=False),
    Column("cleared_entry", _Id),
    CheckConstraint("(cleared_at IS NULL) = (cleared_entry IS NULL)", name="cleared"),
    # One open alarm per key; once cleared, the key may be raised again.
    Index(
        "uq_alarm_open",
        "key",
        unique=True,
        sqlite_where=text("cleared_at IS NULL"),
        postgresql_where=text("cleared_at IS NULL"),
    ),
    Index("ix_alarm_kind", "kind", "cleared_at"),
    Index("ix_alarm_case", "case_id", "raised_at"),
)
"""警报: what somebody must look at now; raised once, told anew, cleared by its own condition."""

census = Table(
    "census",
    cases_metadata,
    Column("case_id", _Id, primary_key=True),
    Column("seq", _Seq, nullable=False),
    Column("due_at", Instant),
    Column("run_id", _Id, nullable=False),
    Column("run_started_at", Instant),
    Column("event_id", _Counter, nullable=False),
    Column("event_at", Instant),
    Column("armed", Text, nullable=False),  # timer id → instant, JSON
    Column("is_proven", Boolean(create_constraint=False), nullable=False),
    Column("looked_at", Instant, nullable=False),
    Column("fault", String(12), nullable=False),
    Column("fault_since", Instant),
    Column("mends", SmallInteger, nullable=False),
    Column("mended_at", Instant),
    Column("mending", String(200), nullable=False),
    Index("ix_census_looked", "looked_at"),
    Index("ix_census_started", "run_started_at"),
    Index(
        "ix_census_fault",
        "fault_since",
        sqlite_where=text("fault <> ''"),
        postgresql_where=text("fault <> ''"),
    ),
)
"""定时器对账: how far each open case's history was read, what is armed there, and what is wrong.

`seq` and `due_at` are what the rows said at that look; `is_proven`: this run remembers the case as
the rows do; `mending`: what is being mended, kept before anything is ended."""

lease = Table(
    "lease",
    cases_metadata,
    Column("name", String(40), primary_key=True),
    Column("holder", String(80), nullable=False),
    Column("until", Instant, nullable=False),
    Column("noted_at", Instant),
    Column("note", Text, nullable=False),
)
"""Which worker does a piece of work that only one may do, until when, and what it last told."""

whole_reader = Table(
    "whole_reader",
    cases_metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    CheckConstraint("id = 0", name="no_row"),
)
"""Never a row. On PostgreSQL, the right to read it is the right to see every case (migration 0014):
census, reconciler, relay and doors have it, the role of the pages has not."""
