"""Separations of duties as the rows themselves hold them, against two orders that race and against
plain SQL: `separated` says which acts of a case are apart, and no `hand` or `step` of one person
(nor of a deputy, nor of whom they act for) comes to stand on both sides.

An inspection counts with two distinct inspectors, and no opinion stands before it where the step
asks for one (行政许可法第三十四条第三款). Who asked for a payment neither reviews nor pays it.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    event,
)

from cases.payment_tables import payment  # noqa: F401 -- the foreign key below names it
from cases.separations import BEYOND_CASES, HOST_HEARING, INSPECTORS_AT_LEAST
from cases.tables import cases_metadata

_Id = String(36)
_User = String(200)

separated = Table(
    "separated",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("rule", SmallInteger, primary_key=True),
    Column("act", String(40), primary_key=True),
)
"""Which acts of a case its matter keeps apart: those of one rule are different people's. The law's
own pairs stand in the triggers."""

inspection = Table(
    "inspection",
    cases_metadata,
    Column("case_id", _Id, ForeignKey("case_file.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("inspector", String(64), primary_key=True),
    Column("task", String(64), nullable=False),
    Index("ix_inspection_task", "case_id", "task"),
)
"""Who inspected, one row each; `inspector` is SHA-256 over case and name: names are sealed."""

payment_hand = Table(
    "payment_hand",
    cases_metadata,
    Column("payment_id", _Id, ForeignKey("payment.id"), primary_key=True),
    Column("act", String(40), primary_key=True),
    Column("person", _User, nullable=False),
    UniqueConstraint("payment_id", "person"),
    CheckConstraint("act IN {}".format(BEYOND_CASES["payment"]), name="act"),
)
"""Who asked for a payment, who reviews and who pays it: three people."""

REFUSED = "separated acts of one case by one person"
FEW = "an inspection counts with two inspectors"
UNSEEN = "no opinion before the inspection"

_HOST = f"'{HOST_HEARING}'"
_REVIEWS = "('opine', 'inspect')"


def _apart(act: str, other: str) -> str:
    """SQL: whether two acts of case NEW.case_id are apart, by its matter or by law."""
    return (
        "(EXISTS (SELECT 1 FROM separated a JOIN separated b"  # noqa: S608 -- its own words
        " ON b.case_id = a.case_id AND b.rule = a.rule"
        f" WHERE a.case_id = NEW.case_id AND a.act = {act} AND b.act = {other})"
        f" OR ({act} = {_HOST} AND {other} IN {_REVIEWS})"
        f" OR ({other} = {_HOST} AND {act} IN {_REVIEWS}))"
    )


def _stands(persons: str, act: str) -> str:
    """SQL: whether one of the persons stands on the other side of the act already."""
    return (
        "EXISTS (SELECT 1 FROM hand h WHERE h.case_id = NEW.case_id"  # noqa: S608 -- its own words
        f" AND h.person IN ({persons}) AND h.person <> ''"
        f" AND h.act <> {act} AND {_apart(act, 'h.act')})"
        " OR EXISTS (SELECT 1 FROM separation s WHERE s.case_id = NEW.case_id"
        f" AND s.person IN ({persons}) AND s.act = {_HOST} AND {act} IN {_REVIEWS})"
    )


_HAND = _stands("NEW.person", "NEW.act")
_STEP = _stands("NEW.actor, NEW.on_behalf", "NEW.verb")
_COUNTED = (
    "(SELECT count(DISTINCT i.inspector) FROM inspection i"
    " WHERE i.case_id = NEW.case_id AND i.task = NEW.key)"
)
_INSPECTED_BEFORE = (
    "EXISTS (SELECT 1 FROM task t WHERE t.case_id = NEW.case_id AND t.key = NEW.key"
    " AND t.inspected)"
)
_LACKS = (
    "EXISTS (SELECT 1 FROM task t WHERE t.case_id = NEW.case_id AND t.key = NEW.task"
    " AND t.inspectors_needed > 0 AND NOT t.inspected)"
)
_GUARDS = (
    ("hand_apart", "INSERT ON hand", _HAND, REFUSED),
    ("hand_stays_apart", "UPDATE ON hand", _HAND, REFUSED),
    ("separation_apart", "INSERT ON separation", _HAND, REFUSED),
    ("step_apart", "INSERT ON step", _STEP, REFUSED),
    (
        "task_inspected",
        "INSERT ON task",
        f"NEW.inspected AND NOT {_INSPECTED_BEFORE}"
        f" AND ({_COUNTED} < {INSPECTORS_AT_LEAST} OR {_COUNTED} < NEW.inspectors_needed)",
        FEW,
    ),
    (
        "task_inspected_now",
        "UPDATE ON task",
        "NEW.inspected AND NOT OLD.inspected"
        f" AND ({_COUNTED} < {INSPECTORS_AT_LEAST} OR {_COUNTED} < NEW.inspectors_needed)",
        FEW,
    ),
    ("opinion_inspected", "INSERT ON opinion", _LACKS, UNSEEN),
)


def _statements(dialect: str, name: str, when: str, condition: str, said: str) -> tuple[str, ...]:
    if dialect == "sqlite":
        return (
            f"CREATE TRIGGER {name} BEFORE {when} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{said}'); END",
        )
    return (
        # The case's row is locked first: of two that race, the second sees what the first wrote.
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM 1 FROM case_file WHERE id = NEW.case_id FOR UPDATE; "
        f"IF {condition} THEN RAISE EXCEPTION '{said}' USING ERRCODE = 'check_violation'; "
        "END IF; RETURN NEW; END $$",
        f"CREATE TRIGGER {name} BEFORE {when} FOR EACH ROW EXECUTE FUNCTION {name}()",
    )


SQLITE_APART = tuple(one for guard in _GUARDS for one in _statements("sqlite", *guard))
POSTGRESQL_APART = tuple(one for guard in _GUARDS for one in _statements("postgresql", *guard))

for _guard in _GUARDS:
    for _dialect in ("sqlite", "postgresql"):
        for _statement in _statements(_dialect, *_guard):
            event.listen(
                cases_metadata.tables[_guard[1].rpartition(" ")[2]],
                "after_create",
                DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]  # SQLAlchemy's own signature
            )
