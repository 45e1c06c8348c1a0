"""Checking rows: each against what the log says of it, so that a changed byte is named.

The entry of a step binds `step.digests` (its `after`), which binds every column and row that the
step left and will never change. What shows the newest state must follow from the state, whose
digest the last step binds. An entry whose rows are gone, and rows that no entry tells of, are
named as well. Only reads; asks for no key, since sealed bytes are bound as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError
from sqlalchemy import Column, ColumnElement, Connection, Table, and_, select
from sqlalchemy.exc import DBAPIError

from cases import numbers, tables
from cases.projection import after_of, case_columns, task_rows, timer_row, value_digest
from cases.state import CaseState
from cases.store import BOUND_TABLES, FILED, digests_of, refusal_after

UNREADABLE = "（读不出的值）"
"""Stands for a stored value that is none of its column's kind."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the log says of one settled or refused command of a case."""

    entry_id: str
    case_id: str
    seq: int | None
    """Sequence of the step; None for a refusal."""
    after: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """A row that is not what the log says, by case, sequence and column."""

    case_id: str
    seq: int
    column: str
    expected: str
    found: str


def check_rows(connection: Connection, said: Iterable[Said]) -> Iterator[Wrong]:
    """Yield every row that differs from what the log's entries say, case by case.

    `said` must hold the entries of whole cases; their order does not matter.
    """
    steps: dict[str, dict[int, Said]] = {}
    refusals: dict[str, Said] = {}
    for one in said:
        if one.seq is None:
            refusals[one.entry_id] = one
        else:
            steps.setdefault(one.case_id, {})[one.seq] = one
    known = set(connection.execute(select(tables.case.c.id)).scalars())
    for case_id in sorted(steps.keys() | known):
        yield from _check_case(connection, case_id, steps.get(case_id, {}))
    yield from _check_refusals(connection, refusals)
    for number in numbers.gaps(connection):
        yield Wrong("", 0, "document_number.n", f"a row for {number}", "none")


# --- one case ------------------------------------------------------------------------------------


def _check_case(connection: Connection, case_id: str, said: Mapping[int, Said]) -> Iterator[Wrong]:
    rows = {name: _rows(connection, name, case_id) for name in BOUND_TABLES}
    steps = {row["seq"]: row for row in rows["step"]}
    for seq in sorted(said.keys() - steps.keys()):
        yield Wrong(case_id, seq, "step", f"a row for entry {said[seq].entry_id}", "none")
    for seq in sorted(steps.keys() - said.keys()):
        yield Wrong(case_id, seq, "step", "no row: the log has no entry", steps[seq]["entry_id"])
    newest: dict[str, tuple[int, str]] = {}
    for seq in sorted(steps.keys() & said.keys()):
        bound = {name: [row for row in rows[name] if row["seq"] == seq] for name in BOUND_TABLES}
        yield from _check_step(said[seq], steps[seq], bound, newest)
    stray = {
        (name, row["seq"]) for name in BOUND_TABLES for row in rows[name] if row["seq"] not in steps
    }
    for name, seq in sorted(stray):
        if not (name == "command" and _is_refusal(rows[name], seq)):
            yield Wrong(case_id, seq, name, "no row without its step", "a row")
    if steps:
        yield from _check_newest(connection, case_id, max(steps), newest)


def _check_step(
    said: Said, step: Mapping[str, Any], bound: Mapping[str, list[dict[str, Any]]],
    newest: dict[str, tuple[int, str]],
) -> Iterator[Wrong]:  # fmt: skip
    case_id, seq = said.case_id, step["seq"]
    if step["entry_id"] != said.entry_id:
        yield Wrong(case_id, seq, "step.entry_id", said.entry_id, step["entry_id"])
    found = after_of(step["digests"])
    if found != said.after:
        yield Wrong(case_id, seq, "step.digests", said.after, found)
    try:
        expected: dict[str, str] = orjson.loads(step["digests"])
    except orjson.JSONDecodeError:
        return
    settled = [row for row in bound["command"] if row["status"] == "done"]
    now = digests_of({**bound, "command": settled}, {}, "")
    for name, digest in expected.items():
        if name.startswith(("case_file.", "case_state.")):
            newest[name] = (seq, digest)
        elif now.get(name) != digest:
            yield Wrong(case_id, seq, name, digest, now.get(name, "no row"))
    for name in sorted(now.keys() - expected.keys() - {"case_state.state"}):
        yield Wrong(case_id, seq, name, "no row", now[name])


def _check_newest(
    connection: Connection, case_id: str, last: int, newest: Mapping[str, tuple[int, str]]
) -> Iterator[Wrong]:
    row = _one(connection, tables.case, tables.case.c.id, case_id)
    stored = _one(connection, tables.state, tables.state.c.case_id, case_id)
    if row is None or stored is None:
        yield Wrong(case_id, last, "case_file" if row is None else "case_state", "a row", "none")
        return
    for name in (*FILED, "form_sealed"):
        seq, digest = newest.get(f"case_file.{name}", (last, "a digest"))
        found = value_digest(row[name])
        if found != digest:
            yield Wrong(case_id, seq, f"case_file.{name}", digest, found)
    seq, digest = newest.get("case_state.state", (last, "a digest"))
    found = value_digest(stored["state"])
    if found != digest:
        yield Wrong(case_id, seq, "case_state.state", digest, found)
        return
    try:
        state = CaseState.model_validate_json(stored["state"])
    except ValidationError as unreadable:
        yield Wrong(case_id, seq, "case_state.state", "a state", str(unreadable).splitlines()[0])
        return
    if stored["seq"] != state.seq:
        yield Wrong(case_id, last, "case_state.seq", str(state.seq), str(stored["seq"]))
    for name, value in case_columns(state).items():
        if row[name] != value:
            yield Wrong(case_id, last, f"case_file.{name}", str(value), str(row[name]))
    yield from _check_shown(connection, state)


def _check_shown(connection: Connection, state: CaseState) -> Iterator[Wrong]:
    """Tasks, timers and hands: rows that only repeat the state, for lists and policy."""
    case_id = state.case_id
    wanted = {
        "task": task_rows(state),
        "timer": {timer.key: timer_row(case_id, timer) for timer in state.timers},
        "hand": {
            f"{act}/{person}": {"case_id": case_id, "act": act, "person": person}
            for act, people in state.hands.items()
            for person in people
        },
    }
    for name, rows in wanted.items():
        found = {
            row["key"] if "key" in row else f"{row['act']}/{row['person']}": row
            for row in _rows(connection, name, case_id)
        }
        for key in sorted(rows.keys() | found.keys()):
            if key not in found or key not in rows:
                there = "none" if key not in found else "a row"
                expected = "a row" if key in rows else "none"
                yield Wrong(case_id, state.seq, f"{name}[{key}]", expected, there)
                continue
            for column, value in rows[key].items():
                if found[key][column] != value:
                    yield Wrong(
                        case_id,
                        state.seq,
                        f"{name}[{key}].{column}",
                        str(value),
                        str(found[key][column]),
                    )


def _check_refusals(connection: Connection, said: Mapping[str, Said]) -> Iterator[Wrong]:
    seen = set()
    for row in _read(connection, tables.command, tables.command.c.status != "done"):
        entry = _entry_of(row)
        seen.add(entry)
        expected = said[entry].after if entry in said else "an entry of the log"
        after = refusal_after(row)
        if after != expected:
            yield Wrong(row["case_id"], row["seq"], f"command[{row['id']}]", expected, after)
    for entry in sorted(said.keys() - seen):
        one = said[entry]
        yield Wrong(one.case_id, 0, "command", f"a refusal for entry {entry}", "none")


def _entry_of(row: Mapping[str, Any]) -> str:
    try:
        return str(orjson.loads(row["outcome"]).get("entry", ""))
    except orjson.JSONDecodeError:
        return ""


def _is_refusal(rows: list[dict[str, Any]], seq: int) -> bool:
    return all(row["status"] != "done" for row in rows if row["seq"] == seq)


def _rows(connection: Connection, name: str, case_id: str) -> list[dict[str, Any]]:
    table = tables.cases_metadata.tables[name]
    return _read(connection, table, table.c.case_id == case_id)


def _one(
    connection: Connection, table: Table, key: ColumnElement[Any], value: str
) -> dict[str, Any] | None:
    return next(iter(_read(connection, table, key == value)), None)


def _read(
    connection: Connection, table: Table, condition: ColumnElement[bool]
) -> list[dict[str, Any]]:
    """Return rows; a value that cannot even be read (a date that is none) as `UNREADABLE`."""
    try:
        return [dict(r) for r in connection.execute(select(table).where(condition)).mappings()]
    except (ValueError, TypeError, DBAPIError):
        keys = list(table.primary_key.columns)
        rows = [dict(r) for r in connection.execute(select(*keys).where(condition)).mappings()]
        for row in rows:
            here = and_(*(column == row[column.name] for column in keys))
            for column in table.columns:
                if column.name not in row:
                    row[column.name] = _value(connection, column, here)
        return rows


def _value(connection: Connection, column: Column[Any], here: ColumnElement[bool]) -> Any:
    try:
        return connection.execute(select(column).where(here)).scalar_one()
    except (ValueError, TypeError, DBAPIError):
        return UNREADABLE
