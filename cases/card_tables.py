"""Cards of supervision in the cases store: what was told to whom about a late case, and what became
of it; append-only. The worker is the only writer; no personal data.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
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
    UniqueConstraint,
    event,
)

from cases.database import Instant
from cases.tables import cases_metadata

_Id = String(36)
_User = String(200)
_Department = String(64)
_Digest = String(64)
_Seq = Integer

card = Table(
    "card",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("seq", _Seq, primary_key=True),
    Column("number", String(20), primary_key=True),
    Column("rule", String(20), nullable=False),
    Column("level_code", String(1), nullable=False),
    Column("level", String(8), nullable=False),
    Column("title", String(200), nullable=False),
    Column("article", String(200), nullable=False),
    Column("clock", String(80), nullable=False),
    Column("since", Instant),
    Column("at", Instant, nullable=False),
    Column("told_at", Instant, nullable=False),
    Column("late_s", Integer, nullable=False),
    Column("department", _Department, nullable=False),
    Column("organ", _Department, nullable=False),
    Column("recipients", Text, nullable=False),  # |u:…|r:section_head:zjj|d:dsjc|
    Column("nobody", Text, nullable=False),  # |section_head|: roles that nobody holds
    Column("document", String(24), nullable=False),
    Column("explain_days", SmallInteger, nullable=False),
    Column("is_public", Boolean(create_constraint=False), nullable=False),
    Column("digest", _Digest, nullable=False),
    Column("issued_by", _User, nullable=False),
    Column("ground", String(40), nullable=False),
    Column("unit", String(16), nullable=False),
    Column("why", Text, nullable=False),
    UniqueConstraint("number"),
    CheckConstraint("level_code BETWEEN '1' AND '4'", name="level_code"),
    CheckConstraint("late_s >= 0", name="late"),
    Index("ix_card_department", "department", "at"),
    Index("ix_card_at", "at"),
)
"""监察牌 (GB/T 39046-2020 表 11): one row each, never changed, never deleted; 监察编号 `number`,
监察规则编号 `rule`, 监察预警类型代码 `level_code`, 状态产生时间 `at`, 责任部门 `department`."""

card_mark = Table(
    "card_mark",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("seq", _Seq, primary_key=True),
    Column("n", SmallInteger, primary_key=True),
    Column("number", String(20), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", _User, nullable=False),
    Column("rule", String(20), nullable=False),
    Column("clock", String(80), nullable=False),
    Column("why", String(40), nullable=False),
    CheckConstraint(
        "kind IN ('revoked', 'explained', 'missed', 'accepted', 'returned', 'withheld')",
        name="kind",
    ),
    Index("ix_card_mark_number", "number"),
)
"""What became of a card, a row per event; `withheld`: it was forecast and the rule did not hold."""

APPEND_ONLY = ("card", "card_mark")

SQLITE_APPEND_ONLY = tuple(
    f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
    f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
    for name in APPEND_ONLY
    for verb in ("UPDATE", "DELETE")
)

POSTGRESQL_APPEND_ONLY = (
    "CREATE OR REPLACE FUNCTION card_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$",
    *(
        f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION card_refuse()"
        for name in APPEND_ONLY
    ),
)
"""A card cannot be made undone by whoever writes the store; the log binds it besides, since whoever
owns the table may drop the trigger."""

SQLITE_NO_REPLACE = (
    "CREATE TRIGGER card_no_replace BEFORE INSERT ON card "
    "WHEN EXISTS (SELECT 1 FROM card WHERE number = NEW.number) "
    "BEGIN SELECT RAISE(ABORT, 'card is append-only'); END",
    "CREATE TRIGGER card_mark_no_replace BEFORE INSERT ON card_mark WHEN EXISTS "
    "(SELECT 1 FROM card_mark WHERE case_id = NEW.case_id AND seq = NEW.seq AND n = NEW.n) "
    "BEGIN SELECT RAISE(ABORT, 'card_mark is append-only'); END",
)
"""INSERT OR REPLACE deletes without asking the triggers of DELETE."""

POSTGRESQL_ALWAYS = tuple(
    f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER {name}_append_only" for name in APPEND_ONLY
)
"""Else a session that says it replicates would pass by."""

for _dialect, _statements in (
    ("sqlite", (*SQLITE_APPEND_ONLY, *SQLITE_NO_REPLACE)),
    ("postgresql", (*POSTGRESQL_APPEND_ONLY, *POSTGRESQL_ALWAYS)),
):
    for _statement in _statements:
        event.listen(
            card_mark,  # created after `card`: by name
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
        )
