"""Projects against the log: orders, state, milestones, and who gave papers or opened gates.

What was ordered stands in the rows unsealed. The state binds all orders so far, each to the one
before (`ProjectState.orders`), and the newest entry binds the state: so body, people, instant and
outcome of every order are recomputed too, and from them every paper and every pass at a gate, of
earlier rounds as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from sqlalchemy import Connection

from cases.life_integrity import LifeRows, Row, WrongLife, differing, rows, unlike
from cases.project_rows import milestone_row, row_of
from cases.project_tables import (
    project,
    project_event,
    project_gate,
    project_milestone,
    project_paper,
)
from cases.projects import messages as m
from cases.projects.state import ProjectState


def _shown(connection: Connection, state: ProjectState) -> Iterator[WrongLife]:
    key, seq = state.project_id, state.seq
    orders = sorted(
        rows(connection, project_event.c.project_id, key), key=lambda row: int(row["seq"])
    )
    yield from _ordered(state, orders)
    milestones: dict[str, Row] = {
        one.id: milestone_row(one, place) for place, one in enumerate(state.milestones)
    }
    there = {row["id"]: row for row in rows(connection, project_milestone.c.project_id, key)}
    yield from unlike(key, seq, project_milestone.name, milestones, there)
    papers, passes = _hands(orders)
    for table, wanted, columns in (
        (project_paper, papers, ("milestone", "sha256", "person")),
        (project_gate, passes, ("milestone", "round", "person")),
    ):
        found = {_name(row, columns): row for row in rows(connection, table.c.project_id, key)}
        yield from unlike(key, seq, table.name, wanted, found)


def _ordered(state: ProjectState, orders: list[Row]) -> Iterator[WrongLife]:
    """Hold every order's digest against what stands in its row, and all of them against the
    state."""
    chained = ""
    for row in orders:
        digest = m.digest_said(
            row["kind"], row["project_id"], _body(row), row["actor"], row["on_behalf"]
        )
        wanted = {"order_digest": digest}
        yield from differing(state.project_id, row["seq"], project_event.name, wanted, row)
        chained = m.chained(chained, digest, row["at"], _json(row["said"]))
    if chained != state.orders:
        yield WrongLife(
            state.project_id, state.seq, f"{project_event.name}.orders", state.orders, chained
        )


def _hands(orders: list[Row]) -> tuple[dict[str, Row], dict[str, Row]]:
    """Return who gave which paper, and who let which gate pass in which round."""
    papers: dict[str, Row] = {}
    passes: dict[str, Row] = {}
    rounds: Counter[str] = Counter()
    for row in orders:
        body = _body(row)
        milestone = str(body.get("milestone", ""))
        people = {row["actor"], row["on_behalf"]} - {""}
        if row["kind"] == "return_gate":
            rounds[milestone] += 1
        for person in people:
            if row["kind"] == "add_evidence":
                papers[f"{milestone}/{body['paper']['sha256']}/{person}"] = {}
            if row["kind"] == "pass_gate":
                passes[f"{milestone}/{rounds[milestone] + 1}/{person}"] = {}
    return papers, passes


def _body(row: Row) -> Mapping[str, Any]:
    return _json(row["body"])


def _json(text: str) -> Mapping[str, Any]:
    """Return an object as a row holds it; what is none any more has the digest of nothing."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _name(row: Row, columns: tuple[str, ...]) -> str:
    return "/".join(str(row[column]) for column in columns)


check = LifeRows(
    stands=project,
    orders=project_event,
    of="project_id",
    state=ProjectState,
    row_of=row_of,
    shown=_shown,
).check
"""Yields every row of a project that differs from what the entries say."""
