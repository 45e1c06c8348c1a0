"""What the rows of a case say of its newest state: pure, so that a verifier can say it again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from cases.state import CaseState, Task, Timer

Row = dict[str, Any]

WARN_BEFORE = timedelta(days=1)
"""When a period whose instant was computed without its warning is shown as 预警."""

DIGEST_HEX = 32
"""Hex digits kept of each SHA-256 in `step.digests`: 128 bits, since nobody who may not write the
step itself can choose both sides of a collision. The whole is bound by a full SHA-256."""

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Where a case without a period sorts: last, in both databases, by an index."""

NOT_DUE = ("rating", "ended")
"""Stages in which nothing is late any more (办结, 归档)."""


def packed(values: Iterable[str]) -> str:
    """Return the values as `|a|b|` (empty: an empty string), for columns searched by `LIKE`."""
    joined = "|".join(values)
    return f"|{joined}|" if joined else ""


def unpacked(text: str) -> tuple[str, ...]:
    """Return the values of a `packed` column."""
    return tuple(text[1:-1].split("|")) if text else ()


def json_text(value: object) -> str:
    """Return sorted compact JSON: the same value, the same bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def is_separated(state: CaseState) -> bool:
    """Whether the plan forbids that who accepted also decides."""
    return any({"accept", "decide"} <= set(s.acts) for s in state.plan.separations)


def case_columns(state: CaseState) -> Row:
    """Return every column of `case_file` that follows from the state alone."""
    plan = state.plan
    open_tasks = [task for task in state.tasks if task.state == "open"]
    reviews = [t for t in state.tasks if t.kind == "review" and t.state != "cancelled"]
    first = open_tasks[0] if open_tasks else None
    return {
        "id": state.case_id,
        "case_no": state.case_no,
        "seq": state.seq,
        "matter": plan.matter,
        "matter_version": plan.version,
        "matter_digest": plan.digest,
        "matter_name": plan.name,
        "process": plan.process,
        "department": plan.department,
        "departments": packed(dict.fromkeys(task.department for task in state.tasks)),
        "departments_all": len(reviews),
        "departments_out": sum(task.state == "open" for task in reviews),
        "label_level": plan.label.level,
        "compartments": packed(plan.label.compartments),
        "zone": plan.zone,
        "calendar": plan.calendar,
        "channel": state.channel,
        "stage": state.stage,
        "ending": state.ending,
        "is_open": state.stage != "ended",
        "step": first.key if first else "",
        "holder": first.holder if first else "",
        "subject": state.subject,
        "received_at": state.received_at,
        "accepted_at": state.accepted_at,
        "decided_at": state.decided_at,
        "served_at": state.served_at,
        "closed_at": state.closed_at,
        "last_at": state.last_at,
        **due_columns(state),
        "is_paused": any(procedure.ended_at is None for procedure in state.procedures),
        "is_extended": state.extended,
        "backfilled": state.backfilled,
        "accepted_by": next(iter(state.hands.get("accept", ())), ""),
        "decided_by": next(iter(state.hands.get("decide", ())), ""),
        "is_separated": is_separated(state),
        "grade": state.grade,
    }


def due_columns(state: CaseState) -> Row:
    """Return what a case's row says of the instant that comes first."""
    # A card is no period of the case: what it waits for is said by its own key.
    timers = [timer for timer in state.timers if not timer.is_supervision]
    if not timers or state.stage in NOT_DUE:
        return {
            "due_at": None,
            "sort_at": NEVER,
            "due_clock": "",
            "warn_at": None,
            "alert_at": None,
            "provisional": False,
        }
    next_due = min(timers, key=lambda timer: (timer.due_at, timer.key))
    warn_at = next_due.warn_at or next_due.due_at - WARN_BEFORE
    return {
        "due_at": next_due.due_at,
        "sort_at": next_due.due_at,
        "due_clock": next_due.key,
        "warn_at": warn_at,
        "alert_at": alert_of(next_due.due_at, warn_at),
        "provisional": next_due.provisional,
    }


def alert_of(due_at: datetime, warn_at: datetime | None) -> datetime | None:
    """Return from when a line is shown as 预警; None where nothing is due.

    Its period ends within a day, or the case has been warned of.
    """
    if due_at >= NEVER:
        return warn_at
    return min(due_at - WARN_BEFORE, warn_at or due_at)


def task_rows(state: CaseState) -> dict[str, Row]:
    """Return the row of each task by its key: an open one sorts as its own period, or its case."""
    due = due_columns(state)
    return {task.key: _task_row(state.case_id, task, due) for task in state.tasks}


def _task_row(case_id: str, task: Task, case_due: Row) -> Row:
    is_open = task.state == "open"
    sort_at = task.due_at or case_due["sort_at"]
    return {
        "case_id": case_id,
        "key": task.key,
        "step": task.step,
        "department": task.department,
        "kind": task.kind,
        "state": task.state,
        "holder": task.holder,
        "signing": task.signing,
        "signers": packed(dict.fromkeys((*task.signers, *task.added))),
        "opinions": json_text([[o.signer, o.result] for o in task.opinions]),
        "inspectors_needed": task.inspectors_needed,
        "inspected": task.inspected,
        "opened_at": task.opened_at,
        "due_at": task.due_at,
        "sort_at": sort_at if is_open else None,
        "alert_at": alert_of(sort_at, case_due["warn_at"]) if is_open else None,
    }


def timer_row(case_id: str, timer: Timer) -> Row:
    return {
        "case_id": case_id,
        "key": timer.key,
        "due_at": timer.due_at,
        "article": timer.article,
        "provisional": timer.provisional,
        "calendar_version": timer.calendar_version,
    }


# --- digests -------------------------------------------------------------------------------------


def value_digest(value: object) -> str:
    """Return the digest of one column's value, as it was written or as it is read."""
    if isinstance(value, bytes | memoryview):
        spelled = bytes(value)
    elif isinstance(value, str):
        spelled = value.encode()
    elif isinstance(value, datetime):
        spelled = value.astimezone(UTC).isoformat().encode()
    else:
        spelled = orjson.dumps(value)
    return hashlib.sha256(spelled).hexdigest()[:DIGEST_HEX]


def row_digest(row: Mapping[str, Any], but: Sequence[str] = ()) -> str:
    """Return the digest of a row whose columns are not told apart."""
    parts = [f"{name}={value_digest(row[name])}" for name in sorted(row) if name not in but]
    return value_digest("\n".join(parts))


def after_of(digests: str) -> str:
    """Return what the entry of a step says as `after`: SHA-256 (hex) of its `digests` column."""
    return hashlib.sha256(digests.encode()).hexdigest()
