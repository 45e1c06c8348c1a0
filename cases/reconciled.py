"""The rows of reconciling: marks of runs, evidence, differences, the watermark.

The caller owns the transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cases.reconcile_tables import (
    reconcile_difference,
    reconcile_evidence,
    reconcile_state,
    reconciled_run,
)

AT_ONCE = 500
"""Values bound in one statement."""

Kind = Literal["no_entry", "no_history", "other_workflow", "twice"]
"""`no_entry`: history has a completed step that the log knows nothing of. `no_history`: an entry
claims a step that history has not. `other_workflow`: the entry of a step names another workflow, or
one that has nothing to do with workflows names one. `twice`: a step has more than one entry."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where a run was read."""

    run_id: str
    workflow_id: str
    event_id: int
    is_closed: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """An entry that history stands behind. `needed`: the step has completed, so it must exist."""

    entry_id: str
    workflow_id: str
    run_id: str
    event_id: int
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """What does not agree. `event_id` 0: no event is known."""

    kind: Kind
    entry_id: str
    stream: str = ""
    workflow_id: str = ""
    run_id: str = ""
    event_id: int = 0


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far the last round came: all that had closed by then, the log `origin` up to a size."""

    closed_until: datetime
    log_size: int
    origin: str


def watermark(connection: Connection) -> Watermark | None:
    """Return how far the last round came; None before the first."""
    row = connection.execute(select(reconcile_state)).one_or_none()
    return None if row is None else Watermark(row.closed_until, row.log_size, row.origin)


def move(connection: Connection, mark: Watermark, at: datetime) -> None:
    """Keep how far a round came."""
    values = {
        "origin": mark.origin,
        "closed_until": mark.closed_until,
        "log_size": mark.log_size,
        "looked_at": at,
    }
    moved = connection.execute(update(reconcile_state).values(values))
    if moved.rowcount == 0:
        connection.execute(insert(reconcile_state).values(values | {"id": 1}))


def marks(connection: Connection, runs: Sequence[str]) -> dict[str, Mark]:
    """Return the marks of these runs, by run."""
    table = reconciled_run.c
    found = {}
    for some in _portions(runs):
        for row in connection.execute(select(reconciled_run).where(table.run_id.in_(some))):
            found[row.run_id] = Mark(row.run_id, row.workflow_id, row.event_id, row.is_closed)
    return found


def keep_marks(connection: Connection, read: Sequence[Mark], at: datetime) -> None:
    rows = [
        {
            "run_id": one.run_id,
            "workflow_id": one.workflow_id,
            "event_id": one.event_id,
            "is_closed": one.is_closed,
            "looked_at": at,
        }
        for one in read
    ]
    _put(connection, reconciled_run, rows, ("event_id", "is_closed", "looked_at"))


def keep_evidence(connection: Connection, seen: Sequence[Evidence], at: datetime) -> None:
    rows = [
        {
            "entry_id": one.entry_id,
            "workflow_id": one.workflow_id,
            "run_id": one.run_id,
            "event_id": one.event_id,
            "seen_at": at,
        }
        for one in seen
    ]
    _put(connection, reconcile_evidence, rows, ("seen_at",))


def evidence(connection: Connection, entries: Sequence[str]) -> dict[str, str]:
    """Return of these entries the workflows that history has them in, by entry."""
    table = reconcile_evidence.c
    found: dict[str, str] = {}
    for some in _portions(entries):
        query = select(table.entry_id, table.workflow_id).where(table.entry_id.in_(some))
        found |= {row.entry_id: row.workflow_id for row in connection.execute(query)}
    return found


def forget(connection: Connection, entries: Sequence[str], before: datetime) -> None:
    """Let evidence go whose entries were met, and what Temporal itself has forgotten."""
    for some in _portions(entries):
        connection.execute(
            delete(reconcile_evidence).where(reconcile_evidence.c.entry_id.in_(some))
        )
    connection.execute(delete(reconcile_evidence).where(reconcile_evidence.c.seen_at < before))
    connection.execute(delete(reconciled_run).where(reconciled_run.c.looked_at < before))


def differences(connection: Connection, *, open_only: bool = True) -> list[Difference]:
    """Return the differences, in the order in which they were found."""
    table = reconcile_difference
    query = select(table).order_by(table.c.found_at, table.c.entry_id)
    if open_only:
        query = query.where(table.c.gone_at.is_(None))
    return [
        Difference(row.kind, row.entry_id, row.stream, row.workflow_id, row.run_id, row.event_id)
        for row in connection.execute(query)
    ]


def found(connection: Connection, new: Sequence[Difference], at: datetime) -> list[Difference]:
    """Keep differences; return those that nobody knew, or thought gone."""
    fresh = []
    for one in new:
        key = _key(one)
        row = connection.execute(select(reconcile_difference.c.gone_at).where(*key)).one_or_none()
        if row is None:
            values = {
                "entry_id": one.entry_id,
                "kind": one.kind,
                "stream": one.stream[:200],
                "workflow_id": one.workflow_id[:200],
                "run_id": one.run_id[:64],
                "event_id": one.event_id,
                "found_at": at,
            }
            _put(connection, reconcile_difference, [values], ("stream",))
            fresh.append(one)
        elif row.gone_at is not None:
            connection.execute(
                update(reconcile_difference).where(*key).values(gone_at=None, found_at=at)
            )
            fresh.append(one)
    return fresh


def gone(connection: Connection, over: Iterable[Difference], at: datetime) -> None:
    """Note that these differences are no more."""
    for one in over:
        connection.execute(update(reconcile_difference).where(*_key(one)).values(gone_at=at))


def _key(one: Difference) -> tuple[Any, Any]:
    table = reconcile_difference.c
    return table.entry_id == one.entry_id, table.kind == one.kind


def _put(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], changed: Sequence[str]
) -> None:
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table)
    fresh = {name: statement.excluded[name] for name in changed}
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=fresh),
        list(rows),
    )


def _portions(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE)]
