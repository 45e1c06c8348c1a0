"""Writing a settled step: the rows of one command, inside the caller's one transaction.

The caller opens the transaction, records the entry beside it and commits; nothing here does. Rows
that never change again are bound, column by column, by `step.digests`, whose SHA-256 is the
`after` of the entry; rows that show the newest state follow from the state (cases/projection.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.expression import bindparam, null
from sqlalchemy.sql.expression import case as sql_case

from cases import messages, tables
from cases.apart_tables import REFUSED, separated
from cases.blind_index import Indexed, live_keys
from cases.card_rows import Told, card_rows, mark_rows, told_of_cards
from cases.clock_rows import write_lines
from cases.clocks.lines import ClockLine
from cases.index_tables import case_index
from cases.messages import Command, DocumentRef, HandedIn, Outcome
from cases.numbers import Number
from cases.projection import (
    Row,
    after_of,
    case_columns,
    json_text,
    row_digest,
    task_rows,
    timer_row,
    value_digest,
)
from cases.rulings import Ruling
from cases.separations import HOST_HEARING, groups, hosts
from cases.sql import Prepared, Statements
from cases.state import CaseState, ClockEvent, Event
from cases.tally_tables import tally_mark


class CaseMoved(Exception):
    """The rows of the case are not where the workflow's state is: another attempt wrote first.

    Roll back and look the outcomes up again; if it stays, history and rows disagree (impossible).
    """


@dataclass(frozen=True, slots=True)
class Sealed:
    """What of a step is sealed, under whose key; made before the transaction opens."""

    subject: str
    body: bytes
    words: bytes = b""
    """Opinion or message to colleagues."""
    materials: tuple[bytes, ...] = ()
    """File names, in the order of the materials handed in."""
    contexts: Mapping[str, bytes] = field(default_factory=dict)
    """Rule role → the facts that were asked about."""
    form: bytes | None = None
    """The whole form, when this step set or changed it."""


@dataclass(frozen=True, slots=True)
class Filing:
    """What only the first step brings."""

    indexed: Indexed
    applicant: bytes
    public_code: str
    matter: str
    """Canonical JSON of the matter version."""


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A rendered document on its way into the store."""

    ref: DocumentRef
    department: str
    number: Number
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A CloudEvent (JSON) for the outbox, and where it goes."""

    id: str
    subject: str
    event: str


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One settled command with all that it leaves behind."""

    command: Command
    body: messages.Frozen
    recorded_at: datetime
    before: CaseState | None
    after: CaseState
    events: tuple[Event, ...]
    clock: tuple[ClockEvent, ...]
    rulings: Mapping[str, Ruling]
    sealed: Sealed
    entry_id: str
    outcome: Outcome
    documents: tuple[DocumentFile, ...] = ()
    messages: tuple[Message, ...] = ()
    filing: Filing | None = None
    lines: tuple[ClockLine, ...] = ()
    """The clocks that this step began, changed or ended."""


Bound = dict[str, list[Row]]
"""Table name → the rows of one step that never change again."""


@dataclass(frozen=True, slots=True)
class StepRows:
    """The rows of one step, and what binds them."""

    bound: Bound
    digests: str
    case: Row
    state: str
    """The state after it, as it is stored."""

    @property
    def after(self) -> str:
        """What the entry says as `after`."""
        return after_of(self.digests)


FILED = ("name_mac", "applicant_sealed", "public_code", "project_code", "filed_by")
"""Columns of `case_file` that the first step binds; `form_sealed` is bound by each that sets it."""

NOT_BOUND = ("case_id", "seq", "digests")


def place(table: str, column: str, case_id: str, *more: object) -> bytes:
    """Return the associated data of a sealed column: it opens nowhere else."""
    return "\x00".join((table, column, case_id, *map(str, more))).encode()


def rows_of(record: StepRecord) -> StepRows:
    """Return the rows of a step. Pure."""
    state = record.after
    case_row = case_columns(state) | _filed_columns(record)
    bound = {
        "step": [_step_row(record)],
        "command": [command_row(record.command, record.outcome, record.recorded_at)],
        "clock_event": _clock_rows(record),
        "opinion": _opinion_rows(record),
        "inspection": _inspection_rows(record),
        "material": _material_rows(record),
        "ruling": _ruling_rows(record),
        "document": _document_rows(record),
        "card": card_rows(record.after.case_id, record.after.seq, record.events),
        "card_mark": mark_rows(record.after.case_id, record.after.seq, record.events),
        "notification": _notification_rows(record),
    }
    stored = state_text(state)
    digests = json_text(digests_of(bound, case_row, stored))
    bound["step"][0]["digests"] = digests
    return StepRows(bound, digests, case_row, stored)


def state_text(state: CaseState) -> str:
    """Return the state as it is stored."""
    return state.model_dump_json(exclude_defaults=True)


def digests_of(bound: Mapping[str, Sequence[Row]], case_row: Row, state: str) -> dict[str, str]:
    """Return what `step.digests` says: `table.column`, or `table[key]` for a row of a list."""
    said = {"case_state.state": value_digest(state)}
    for table in ("step", "command"):
        for row in bound[table]:
            said |= {
                f"{table}.{name}": value_digest(value)
                for name, value in row.items()
                if name not in NOT_BOUND
            }
    for row in bound["document"]:
        said |= {f"document[{row['id']}].{name}": value_digest(row[name]) for name in row}
    for table, key in LISTS.items():
        said |= {f"{table}[{row[key]}]": row_digest(row) for row in bound[table]}
    said |= {
        f"case_file.{name}": value_digest(case_row[name])
        for name in (*FILED, "form_sealed")
        if name in case_row
    }
    return said


LISTS = {
    "clock_event": "n",
    "opinion": "task",
    "inspection": "inspector",
    "material": "n",
    "ruling": "role",
    "card": "number",
    "card_mark": "n",
    "notification": "recipient",
}
"""Tables with several rows per step, bound row by row, and the column that tells them apart."""


def write(connection: Connection, record: StepRecord, rows: StepRows) -> str | None:
    """Write the rows of a step; return the `after` of the step before it, None for the first.

    Raises `CaseMoved`, and SQLAlchemy's `IntegrityError` for a separation that the rows hold.
    """
    if record.filing is not None and live_keys(connection, held=True) != record.filing.indexed.keys:
        raise CaseMoved(f"the keys of the index changed while {record.after.case_id} was filed")
    with Statements(connection) as sql:
        return _write(sql, connection.dialect.name, record, rows)


def _write(sql: Statements, dialect: str, record: StepRecord, rows: StepRows) -> str | None:
    before, after = record.before, record.after
    state = {"seq": after.seq, "state": rows.state}
    previous = None
    if before is None:
        sql.run(_ignoring(dialect, tables.matter_version), _matter_row(record))
        sql.run(_insert(tables.case), rows.case)
        compartments = after.plan.label.compartments
        sql.each(
            _insert(tables.case_compartment),
            [{"case_id": after.case_id, "compartment": c} for c in compartments],
        )
        sql.run(_insert(tables.state), {"case_id": after.case_id} | state)
        sql.each(_insert(case_index), _index_rows(record))
        sql.each(
            _insert(separated),
            [
                {"case_id": after.case_id, "rule": rule, "act": act}
                for rule, one in enumerate(after.plan.separations)
                for act in dict.fromkeys(one.acts)
            ],
        )
    else:
        previous = _previous(sql, before)
        _move(sql, before, rows)
        if sql.run(_SET_STATE, {"c": after.case_id, "was": before.seq} | state) != 1:
            raise CaseMoved(f"case_state {after.case_id} is not at {before.seq}")
    for name in BOUND_TABLES:
        sql.each(_insert(tables.cases_metadata.tables[name]), rows.bound[name])
    _write_state_rows(sql, dialect, before, after)
    write_lines(sql, dialect, after.case_id, record.lines)
    _write_hands(sql, dialect, record)
    sql.run(_insert(tally_mark), {"case_id": after.case_id})
    _write_outbox(sql, record)
    return previous


BOUND_TABLES = (
    "step",
    "command",
    "clock_event",
    "opinion",
    "inspection",
    "material",
    "ruling",
    "document",
    "card",
    "card_mark",
    "notification",
)


def write_refusal(connection: Connection, command: Command, outcome: Outcome, at: datetime) -> str:
    """Keep a refusal for ever; return the `after` of its entry."""
    row = command_row(command, outcome, at)
    with Statements(connection) as sql:
        sql.run(_insert(tables.command), row)
    return refusal_after(row)


def refusal_after(row: Row) -> str:
    """Return the `after` of a refusal's entry: SHA-256 over the columns of its row."""
    return after_of(json_text({f"command.{name}": value_digest(row[name]) for name in row}))


def command_row(command: Command, outcome: Outcome, at: datetime) -> Row:
    return {
        "id": command.id,
        "case_id": command.case_id,
        "seq": outcome.seq,
        "verb": command.verb,
        "actor": command.actor.id,
        "digest": _digest_of(command, outcome),
        "status": outcome.status,
        "outcome": outcome.model_dump_json(),
        "recorded_at": at,
    }


def _digest_of(command: Command, outcome: Outcome) -> str:
    # A settled command's warrant was verified to name its digest, which is dear to compute.
    if outcome.status == "done" and command.warrant is not None:
        return command.warrant.command_digest
    return command.digest()


# --- rows of a step ------------------------------------------------------------------------------


def _filed_columns(record: StepRecord) -> Row:
    columns: Row = {}
    if record.sealed.form is not None:
        columns["form_sealed"] = record.sealed.form
    if record.filing is not None:
        assert isinstance(record.body, messages.File)
        columns |= {
            "name_mac": record.filing.indexed.name_mac,
            "applicant_sealed": record.filing.applicant,
            "public_code": record.filing.public_code,
            "project_code": record.body.project_code,
            "filed_by": record.command.actor.id,
        }
    return columns


def _index_rows(record: StepRecord) -> list[Row]:
    tokens = record.filing.indexed.tokens if record.filing is not None else ()
    return [
        {"case_id": record.after.case_id, "field": t.field, "key": t.key, "token": t.token}
        for t in tokens
    ]


def _step_row(record: StepRecord) -> Row:
    command = record.command
    warrant = command.warrant
    return {
        "case_id": record.after.case_id,
        "seq": record.after.seq,
        "command_id": command.id,
        "verb": command.verb,
        "actor": command.actor.id,
        "on_behalf": command.actor.on_behalf,
        "department": warrant.department if warrant else command.actor.department,
        "door": command.source.door,
        "task": str(command.body.get("task", "")),
        "occurred_at": command.occurred_at,
        "recorded_at": record.recorded_at,
        "backfill": command.backfill,
        "events": events_text(record.events),
        "warrant": warrant.model_dump_json() if warrant else "",
        "basis": next((event.article for event in record.clock if event.article), ""),
        "subject": record.sealed.subject,
        "body_sealed": record.sealed.body,
        "digests": "",
        "entry_id": record.entry_id,
    }


_EVENTS = TypeAdapter(tuple[Event, ...])


def events_of(text: str) -> tuple[Event, ...]:
    """Return the events of `events_text`."""
    return _EVENTS.validate_json(text)


def is_separation(violated: IntegrityError) -> bool:
    """Whether the rows refused because one person would do two separated acts of a case."""
    said = str(violated.orig).lower()
    # SQLite: "NOT NULL constraint failed: separation.act"; PostgreSQL: 'null value in column
    # "act" of relation "separation"'. Both name the CHECK of the case's own row.
    if REFUSED in said:
        return True
    return "accept_decide_apart" in said or ("separation" in said and "null" in said)


def events_text(events: Sequence[Event]) -> str:
    """Return events as stored JSON; free of personal data, as `Event` promises."""
    return json_text([event.model_dump(mode="json", exclude_defaults=True) for event in events])


def _clock_rows(record: StepRecord) -> list[Row]:
    return [
        {
            "case_id": record.after.case_id,
            "seq": record.after.seq,
            "n": n,
            "kind": event.kind,
            "at": event.at,
            "article": event.article,
            "detail": json_text(event.detail),
        }
        for n, event in enumerate(record.clock)
    ]


def _opinion_rows(record: StepRecord) -> list[Row]:
    body = record.body
    if not isinstance(body, messages.Opine):
        return []
    departments = {task.key: task.department for task in record.after.tasks}
    actor = record.command.actor
    return [
        {
            "case_id": record.after.case_id,
            "seq": record.after.seq,
            "task": body.task,
            "department": departments[body.task],
            "signer": actor.on_behalf or actor.id,
            "result": body.result,
            "at": record.command.occurred_at,
            "subject": record.sealed.subject,
            "words_sealed": record.sealed.words,
        }
    ]


def _inspection_rows(record: StepRecord) -> list[Row]:
    body, case_id = record.body, record.after.case_id
    if not isinstance(body, messages.Inspect):
        return []
    return [
        {
            "case_id": case_id,
            "seq": record.after.seq,
            "inspector": inspector_digest(case_id, name),
            "task": body.task,
        }
        for name in dict.fromkeys(body.inspectors)
    ]


def inspector_digest(case_id: str, name: str) -> str:
    """Return what stands for an inspector's name in the rows of one case."""
    return hashlib.sha256(f"{case_id}\n{name}".encode()).hexdigest()


def handed_in(body: messages.Frozen) -> tuple[HandedIn, ...]:
    """Return the materials that an order brings."""
    return body.materials if isinstance(body, messages.File | messages.Supply) else ()


def _material_rows(record: StepRecord) -> list[Row]:
    return [
        {
            "case_id": record.after.case_id,
            "seq": record.after.seq,
            "n": n,
            "code": material.code,
            "originals": material.originals,
            "copies": material.copies,
            "upload": material.upload,
            "digest": material.digest,
            "subject": record.sealed.subject,
            "name_sealed": sealed,
        }
        for n, (material, sealed) in enumerate(
            zip(handed_in(record.body), record.sealed.materials, strict=True)
        )
    ]


def _ruling_rows(record: StepRecord) -> list[Row]:
    return [
        {
            "case_id": record.after.case_id,
            "seq": record.after.seq,
            "role": role,
            "pack": ruling.pack,
            "version": ruling.version,
            "digest": ruling.digest,
            "engine": ruling.engine,
            "fired": json_text([fired.model_dump(mode="json") for fired in ruling.fired]),
            "outcome": json_text(ruling.outcome),
            "subject": record.sealed.subject,
            "context_sealed": record.sealed.contexts[role],
        }
        for role, ruling in record.rulings.items()
    ]


def _document_rows(record: StepRecord) -> list[Row]:
    return [
        {
            "id": file.ref.id,
            "case_id": record.after.case_id,
            "seq": record.after.seq,
            "kind": file.ref.kind,
            "department": file.department,
            "number": file.ref.number,
            "digest": file.ref.digest,
            "code": file.ref.code,
            "issued_at": record.recorded_at,
            "subject": record.sealed.subject,
            "file_sealed": file.sealed,
        }
        for file in record.documents
    ]


def _notification_rows(record: StepRecord) -> list[Row]:
    return [
        {
            "case_id": record.after.case_id,
            "seq": record.after.seq,
            "recipient": told.recipient,
            "kind": told.kind,
            "sender": told.sender,
            "task": told.about,
            "at": told.at,
            "subject": record.sealed.subject,
            "words_sealed": record.sealed.words,
        }
        for told in told_of_cards(record.events) or _told(record)
    ]


def _told(record: StepRecord) -> list[Told]:
    """Who learns of this step: recipient (user id or `d:<department>`), kind, task."""
    command = record.command
    return [
        Told(recipient, kind, task, command.actor.id, command.occurred_at)
        for kind, recipient, task in _named(record)
    ]


def _named(record: StepRecord) -> list[tuple[str, str, str]]:
    body = record.body
    if isinstance(body, messages.CopyTo):
        return [("copied", recipient, "") for recipient in dict.fromkeys(body.to)]
    if isinstance(body, messages.Transfer):
        return [("transferred", body.to, body.task)]
    if isinstance(body, messages.Urge):
        chosen = [
            task
            for task in record.after.tasks
            if task.state == "open" and body.task in ("", task.key)
        ]
        first = {task.holder or f"d:{task.department}": task.key for task in reversed(chosen)}
        return [("urged", recipient, task) for recipient, task in first.items()]
    return []


def _matter_row(record: StepRecord) -> Row:
    assert record.filing is not None
    plan = record.after.plan
    return {
        "digest": plan.digest,
        "code": plan.matter,
        "version": plan.version,
        "matter": record.filing.matter,
    }


# --- statements ----------------------------------------------------------------------------------


def _previous(sql: Statements, before: CaseState) -> str:
    digests = sql.value(_DIGESTS, {"c": before.case_id, "s": before.seq})
    if digests is None:
        raise CaseMoved(f"{before.case_id} has no step {before.seq}")
    return after_of(digests)


def _move(sql: Statements, before: CaseState, rows: StepRows) -> None:
    was = case_columns(before)
    changed = {name: value for name, value in rows.case.items() if was.get(name) != value}
    values = {f"v_{name}": value for name, value in changed.items()}
    if sql.run(_moving(tuple(changed)), {"c": before.case_id, "was": before.seq} | values) != 1:
        raise CaseMoved(f"{before.case_id} is not at {before.seq}")


def _write_state_rows(
    sql: Statements, dialect: str, before: CaseState | None, after: CaseState
) -> None:
    case_id = after.case_id
    # Rows, not tasks: where an open one sorts follows from its case's periods.
    tasks_before = task_rows(before) if before else {}
    changed = [row for key, row in task_rows(after).items() if tasks_before.get(key) != row]
    sql.each(_upserting(dialect, tables.task), changed)
    timers_before = {timer.key: timer for timer in before.timers} if before else {}
    timers_after = {timer.key: timer for timer in after.timers}
    gone = [{"c": case_id, "k": key} for key in timers_before if key not in timers_after]
    sql.each(_DROP_TIMER, gone)
    set_now = [t for t in after.timers if timers_before.get(t.key) != t]
    sql.each(_upserting(dialect, tables.timer), [timer_row(case_id, timer) for timer in set_now])


def _write_hands(sql: Statements, dialect: str, record: StepRecord) -> None:
    before = record.before.hands if record.before else {}
    fresh = [
        (act, person)
        for act, people in record.after.hands.items()
        for person in people
        if person not in before.get(act, ())
    ]
    case_id = record.after.case_id
    sql.each(
        _insert(tables.hand),
        [{"case_id": case_id, "act": act, "person": person} for act, person in fresh],
    )
    known = hosts(record.before) if record.before else ()
    presiding = [(HOST_HEARING, host) for host in hosts(record.after) if host not in known]
    guarded = [
        {"case_id": case_id, "rule": rule, "person": person, "act": act}
        for rule, separation in groups(record.after.plan)
        for act, person in (*fresh, *presiding)
        if act in separation.acts
    ]
    sql.each(_guard(dialect), guarded)


def _write_outbox(sql: Statements, record: StepRecord) -> None:
    sql.each(
        _insert(tables.outbox),
        [
            {
                "id": message.id,
                "case_id": record.after.case_id,
                "seq": record.after.seq,
                "subject": message.subject,
                "event": message.event,
                "created_at": record.recorded_at,
            }
            for message in record.messages
        ],
    )


_DIGESTS = Prepared(
    select(tables.step.c.digests).where(
        tables.step.c.case_id == bindparam("c"), tables.step.c.seq == bindparam("s")
    )
)
_SET_STATE = Prepared(
    update(tables.state)
    .where(tables.state.c.case_id == bindparam("c"), tables.state.c.seq == bindparam("was"))
    .values(seq=bindparam("seq"), state=bindparam("state"))
)
_DROP_TIMER = Prepared(
    delete(tables.timer).where(
        tables.timer.c.case_id == bindparam("c"), tables.timer.c.key == bindparam("k")
    )
)


@cache
def _moving(changed: tuple[str, ...]) -> Prepared:
    return Prepared(
        update(tables.case)
        .where(tables.case.c.id == bindparam("c"), tables.case.c.seq == bindparam("was"))
        .values({name: bindparam(f"v_{name}") for name in changed})
    )


@cache
def _insert(table: Table) -> Prepared:
    return Prepared(insert(table).inline())


def _dialect_insert(dialect: str, table: Table) -> Any:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


@cache
def _ignoring(dialect: str, table: Table) -> Prepared:
    return Prepared(_dialect_insert(dialect, table).on_conflict_do_nothing().inline())


@cache
def _upserting(dialect: str, table: Table) -> Prepared:
    fresh = _dialect_insert(dialect, table)
    upsert = fresh.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={c.name: fresh.excluded[c.name] for c in table.columns if not c.primary_key},
    )
    return Prepared(upsert.inline())


@cache
def _guard(dialect: str) -> Prepared:
    """Insert who did a separated act; another act of the group by the same person becomes NULL,
    which the column forbids: the database itself refuses, whichever of two requests comes second.
    """
    fresh = _dialect_insert(dialect, tables.separation)
    mine = tables.separation.c.act
    guard = fresh.on_conflict_do_update(
        index_elements=list(tables.separation.primary_key.columns),
        set_={"act": sql_case((mine == fresh.excluded.act, mine), else_=null())},
    )
    return Prepared(guard.inline())
