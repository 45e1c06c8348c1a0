"""Rows of the performance of projects: each act written whole in the caller's transaction, read.

`digests` names the digest of each column and of the act before; its SHA-256 is the `after` of the
act's entry, so that the newest entry of a project's performance binds all its acts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, true

from cases.performance_tables import performance_act
from cases.projection import Row, after_of, json_text, value_digest
from cases.projects.fiscal import Duty
from cases.projects.performance import Payable
from cases.projects.performing_messages import Evaluate, PerformanceAnswer
from cases.projects.performing_state import Evaluation, Performance

MOST_LISTED = 200
MOST_PROJECTS = 100_000
"""More than a city has: a sum over all leaves none out."""


@dataclass(frozen=True, slots=True)
class NewAct:
    """An act on its way into the store."""

    state: Performance
    """What stands after it."""
    command_id: str
    order_digest: str
    actor: str
    on_behalf: str
    verb: str
    body: Mapping[str, Any]
    acted_at: datetime
    entry_id: str


@dataclass(frozen=True, slots=True)
class KeptAct:
    """One act as its row tells it."""

    project: str
    seq: int
    verb: str
    actor: str
    on_behalf: str
    acted_at: datetime
    entry_id: str
    body: Mapping[str, Any]
    """What was ordered."""


def put(connection: Connection, one: NewAct) -> str:
    """Write an act; return what its entry says as `after`. Never commits.

    Raises `IntegrityError` where another act of the project was faster.
    """
    row = _row(one)
    before = None
    if one.state.seq > 1:
        query = select(performance_act.c.digests).where(
            performance_act.c.project == one.state.project,
            performance_act.c.seq == one.state.seq - 1,
        )
        before = after_of(connection.execute(query).scalar_one())
    digests = json_text(_digests_of(row) | ({"before": before} if before else {}))
    connection.execute(insert(performance_act).values(row | {"digests": digests}))
    return after_of(digests)


def answered(connection: Connection, command_id: str) -> PerformanceAnswer | None:
    """Return the answer to a command that was settled before; None: it was not."""
    query = select(performance_act).where(performance_act.c.command_id == command_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return PerformanceAnswer(
        command_id=command_id, order_digest=row.order_digest, status="done", project=row.project,
        seq=row.seq, entry=row.entry_id, repeated=True,
    )  # fmt: skip


def state_of(
    connection: Connection, project: str, where: ColumnElement[bool] | None = None
) -> Performance | None:
    """Return what stands of a project's performance; None: nothing, or nothing for this reader."""
    query = select(performance_act.c.state).where(
        performance_act.c.project == project, true() if where is None else where
    )
    text = connection.execute(query.order_by(performance_act.c.seq.desc()).limit(1)).scalar()
    return None if text is None else Performance.model_validate_json(text)


def payable_of(connection: Connection, project: str, year: int) -> Payable | None:
    """Return what may be paid to a project for a year; None: no evaluation of it is confirmed."""
    state = state_of(connection, project)
    return None if state is None else state.payable(year)


def is_evaluated(connection: Connection, project: str) -> bool:
    """Tell whether a project's payments hang on its performance at all."""
    query = select(performance_act.c.seq).where(performance_act.c.project == project).limit(1)
    return connection.execute(query).first() is not None


def listing(
    connection: Connection, where: ColumnElement[bool] | None = None, limit: int = MOST_LISTED
) -> list[Performance]:
    """Return what stands of each project's performance, by project, as far as `where` allows."""
    one = performance_act.c
    last = select(one.project, func.max(one.seq).label("seq")).group_by(one.project).subquery()
    query = (
        select(one.state)
        .join(last, and_(last.c.project == one.project, last.c.seq == one.seq))
        .where(true() if where is None else where)
        .order_by(one.project)
        .limit(limit)
    )
    return [Performance.model_validate_json(text) for text in connection.execute(query).scalars()]


def duties(connection: Connection, apart_from: str = "") -> list[Duty]:
    """Return what every project costs the budget, as each registered it last."""
    return [
        duty
        for one in listing(connection, limit=MOST_PROJECTS)
        if one.project != apart_from
        for duty in one.duties()
    ]


def acts(connection: Connection, project: str) -> list[KeptAct]:
    """Return the acts of one project's performance in their order."""
    one = performance_act.c
    query = (
        select(
            one.project, one.seq, one.verb, one.actor, one.on_behalf, one.acted_at, one.entry_id,
            one.body,
        )
        .where(one.project == project)
        .order_by(one.seq)
    )  # fmt: skip
    return [KeptAct(*row[:-1], orjson.loads(row[-1])) for row in connection.execute(query)]


def scores_of(connection: Connection, project: str, evaluation: Evaluation) -> Evaluate:
    """Return an evaluation's scores with their evidence, as they were given."""
    query = select(performance_act.c.body).where(
        performance_act.c.project == project, performance_act.c.seq == evaluation.seq
    )
    return Evaluate.model_validate_json(connection.execute(query).scalar_one())


# --- against the log -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WrongAct:
    """A row that is not what the log says, by column."""

    project: str
    seq: int
    column: str
    expected: str
    found: str


def check(connection: Connection, said: Mapping[str, str]) -> Iterator[WrongAct]:
    """Yield every act that differs from what the entries say. `said`: project → newest `after`."""
    there: dict[str, list[Row]] = {}
    query = select(performance_act).order_by(
        performance_act.c.project, performance_act.c.seq.desc()
    )
    for row in connection.execute(query).mappings():
        there.setdefault(row["project"], []).append(dict(row))
    for key in sorted(said.keys() | there.keys()):
        if key not in there:
            yield WrongAct(key, 0, "performance_act", "a row", "none")
        elif key not in said:
            yield WrongAct(key, 0, "performance_act", "no row: the log has no entry", "a row")
        else:
            yield from _check_one(there[key], said[key])


def _check_one(newest_first: list[Row], after: str) -> Iterator[WrongAct]:
    for row in newest_first:
        key, seq = row["project"], row["seq"]
        if (found := after_of(row["digests"])) != after:
            yield WrongAct(key, seq, "digests", after, found)
        try:
            expected: dict[str, str] = orjson.loads(row["digests"])
        except orjson.JSONDecodeError:
            return
        after = expected.pop("before", "")
        now = _digests_of(row)
        for name in sorted(expected.keys() | now.keys()):
            if expected.get(name) != now.get(name):
                yield WrongAct(key, seq, name, expected.get(name, "none"), now.get(name, "none"))
    if after:
        yield WrongAct(key, seq - 1, "performance_act", "a row", "none")


# --- small ---------------------------------------------------------------------------------------


def _digests_of(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: value_digest(value) for name, value in row.items() if name != "digests"}


def _row(one: NewAct) -> Row:
    plan = one.state.plan
    return {
        "project": one.state.project,
        "seq": one.state.seq,
        "command_id": one.command_id,
        "order_digest": one.order_digest,
        "actor": one.actor,
        "on_behalf": one.on_behalf,
        "verb": one.verb,
        "department": plan.department,
        "operator": plan.operator,
        "body": json_text(one.body),
        "state": json_text(one.state.model_dump(mode="json")),
        "acted_at": one.acted_at,
        "entry_id": one.entry_id,
    }
