"""What pages, payments and the plan read of projects: rows cut by policy's condition.

`where` is what `policies.access.Access.where(actor, act, "project")` gives: the caller must pass
it, and a list without it cannot be asked for. Instants are aware and UTC, days the city's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import orjson
from pydantic import JsonValue
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from cases.project_tables import project, project_event, project_milestone
from cases.projects.schedule import ORDER, Slippage
from cases.projects.state import Milestone, ProjectState, Risk

MOST = 200
"""Projects that one page gives at most."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; empty: not narrowed."""

    text: str = ""
    """Part of the title, or the number."""
    template: str = ""
    regime: str = ""
    stage: str = ""
    """Empty: those that are not finished."""
    department: str = ""
    operator: str = ""
    slippage: Slippage | Literal[""] = ""
    """The worst of its open milestones."""


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """One line of the list."""

    id: str
    number: str
    seq: int
    stage: str
    template: str
    regime: str
    title: str
    department: str
    operator: str
    sector: str
    pay: str
    starts_on: date
    ends_on: date | None
    estimate_fen: int
    total_fen: int
    slippage: Slippage
    """The worst of its open milestones."""
    milestones: int
    achieved: int
    next_title: str
    next_on: date | None
    """Which milestone is to be reached next, by plan, and when."""
    risks: int
    high_risks: int
    established_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class MilestoneRow:
    """One milestone as charts and payments ask for it."""

    project_id: str
    id: str
    place: int
    stage: str
    title: str
    pays: bool
    begins_on: date
    baseline_on: date
    plan_on: date
    forecast_on: date | None
    actual_on: date | None
    critical: bool
    slippage: Slippage
    evidence: int
    gate_open: bool


@dataclass(frozen=True, slots=True)
class ProjectEvent:
    """One settled order."""

    seq: int
    kind: str
    at: datetime
    recorded_at: datetime
    actor: str
    on_behalf: str
    role: str
    department: str
    stage: str
    said: Mapping[str, JsonValue]
    body: Mapping[str, JsonValue]
    entry_id: str
    command_id: str


def projects(
    connection: Connection,
    where: ColumnElement[bool],
    filters: Filters,
    limit: int = 50,
    offset: int = 0,
) -> Sequence[ProjectRow]:
    """Return a page of projects: the latest first, then by what is due next."""
    query = _narrowed(select(*_COLUMNS), where, filters).order_by(
        project.c.slippage.desc(), project.c.next_plan_on == "", project.c.next_plan_on,
        project.c.number,
    )  # fmt: skip
    rows = connection.execute(query.limit(min(limit, MOST)).offset(offset))
    return [_row(one) for one in rows]


def count(connection: Connection, where: ColumnElement[bool], filters: Filters) -> int:
    """Return how many a list has in all."""
    query = _narrowed(select(func.count()).select_from(project), where, filters)
    return int(connection.execute(query).scalar_one())


def per_slippage(connection: Connection, where: ColumnElement[bool]) -> Mapping[Slippage, int]:
    """Return how many unfinished projects are how late."""
    of = project.c.slippage
    query = select(of, func.count()).where(where, project.c.is_open).group_by(of)
    return {_CLASSES[value]: int(number) for value, number in connection.execute(query)}


def risky(
    connection: Connection, where: ColumnElement[bool], most: int = 50
) -> Sequence[ProjectRow]:
    """Return the unfinished projects with high risks, those with the most first."""
    query = (
        select(*_COLUMNS)
        .where(where, project.c.is_open, project.c.high_risks > 0)
        .order_by(project.c.high_risks.desc(), project.c.number)
        .limit(most)
    )
    return [_row(one) for one in connection.execute(query)]


def high_risks(
    connection: Connection, project_ids: Collection[str]
) -> Mapping[str, Sequence[Risk]]:
    """Return the open high risks of these projects. For who may list them already.

    Of each state the risks alone are read: a state of two hundred milestones is dear to check.
    """
    found: dict[str, Sequence[Risk]] = {}
    query = select(project.c.id, project.c.state).where(project.c.id.in_(sorted(project_ids)))
    for key, text in connection.execute(query):
        risks = [Risk.model_validate(one) for one in orjson.loads(text).get("risks", ())]
        found[key] = [one for one in risks if one.closed_at is None and one.level == "high"]
    return found


def count_high_risks(connection: Connection, where: ColumnElement[bool]) -> int:
    """Return how many high risks are open in unfinished projects."""
    query = select(func.coalesce(func.sum(project.c.high_risks), 0)).where(where, project.c.is_open)
    return int(connection.execute(query).scalar_one())


def state_of(connection: Connection, project_id: str) -> ProjectState | None:
    """Return a project's whole state; None: there is none. For who may read it already."""
    text = connection.execute(
        select(project.c.state).where(project.c.id == project_id)
    ).scalar_one_or_none()
    return None if text is None else ProjectState.model_validate_json(text)


def find_number(connection: Connection, number: str) -> str | None:
    """Return the id of the project with that number; None: there is none."""
    query = select(project.c.id).where(project.c.number == number)
    return connection.execute(query).scalar_one_or_none()


def events(connection: Connection, project_id: str) -> Sequence[ProjectEvent]:
    """Return what was ordered, the newest first. For who may read the project already."""
    rows = connection.execute(
        select(project_event)
        .where(project_event.c.project_id == project_id)
        .order_by(project_event.c.seq.desc())
    )
    return [_event(one) for one in rows]


def named(connection: Connection, project_id: str) -> str:
    """Return number and title of a project, for who may read of its money; empty: there is none."""
    row = connection.execute(
        select(project.c.number, project.c.title).where(project.c.id == project_id)
    ).first()
    return "" if row is None else f"{row.number} {row.title}"


def names_of(connection: Connection, project_ids: Collection[str]) -> Mapping[str, str]:
    """Return number and title of each that there is, for who may read of their money."""
    rows = connection.execute(
        select(project.c.id, project.c.number, project.c.title).where(
            project.c.id.in_(sorted(set(project_ids)))
        )
    )
    return {row.id: f"{row.number} {row.title}" for row in rows}


def milestone_of(connection: Connection, project_id: str, milestone: str) -> Milestone | None:
    """Return one milestone as its project's state has it; None: there is none."""
    state = state_of(connection, project_id)
    return None if state is None else state.milestone(milestone)


def milestones_of(
    connection: Connection, project_ids: Collection[str]
) -> Mapping[str, Sequence[MilestoneRow]]:
    """Return the milestones of these projects, in the order of their templates."""
    found: dict[str, list[MilestoneRow]] = {}
    one = project_milestone.c
    query = (
        select(project_milestone)
        .where(one.project_id.in_(sorted(project_ids)))
        .order_by(one.project_id, one.place)
    )
    for row in connection.execute(query):
        found.setdefault(row.project_id, []).append(_milestone(row))
    return found


def due_milestones(
    connection: Connection,
    where: ColumnElement[bool],
    until: date,
    most: int = 50,
    since: date | None = None,
    offset: int = 0,
) -> Sequence[tuple[ProjectRow, MilestoneRow]]:
    """Return what is not reached and planned until a day (and from `since` on), the earliest first,
    with its project."""
    one = project_milestone.c
    order = (one.plan_on, project.c.number, one.place)
    # Which ones first, by what an index holds: their columns are fetched of one page alone.
    keys = (
        _due(select(one.project_id, one.id), where, until, since)
        .order_by(*order)
        .limit(most)
        .offset(offset)
        .subquery()
    )
    query = (
        select(*_COLUMNS, *(column.label(f"m_{column.name}") for column in one))
        .select_from(keys)
        .join(project, project.c.id == keys.c.project_id)
        .join(project_milestone, and_(one.project_id == keys.c.project_id, one.id == keys.c.id))
        .order_by(*order)
    )
    rows = connection.execute(query).all()
    return [(_row(row), _milestone(row, "m_")) for row in rows]


def count_due(connection: Connection, where: ColumnElement[bool], until: date) -> int:
    """Return how many milestones are not reached and planned until a day."""
    one = project_milestone.c
    of_one = (
        select(func.count())
        .where(
            one.project_id == project.c.id, one.actual_on == "", one.plan_on <= until.isoformat()
        )
        .correlate(project)
        .scalar_subquery()
    )
    query = select(func.coalesce(func.sum(of_one), 0)).where(where, project.c.stage == "running")
    return int(connection.execute(query).scalar_one())


def _due(
    query: Select[Any], where: ColumnElement[bool], until: date, since: date | None
) -> Select[Any]:
    one = project_milestone.c
    query = (
        query.select_from(project_milestone)
        .join(project, one.project_id == project.c.id)
        .where(where, project.c.stage == "running", one.actual_on == "")
        .where(one.plan_on <= until.isoformat())
    )
    return query if since is None else query.where(one.plan_on >= since.isoformat())


def _narrowed(query: Select[Any], where: ColumnElement[bool], filters: Filters) -> Select[Any]:
    query = query.where(where)
    query = query.where(project.c.stage == filters.stage if filters.stage else project.c.is_open)
    for column, wanted in (
        (project.c.template, filters.template),
        (project.c.regime, filters.regime),
        (project.c.department, filters.department),
        (project.c.operator, filters.operator),
    ):
        if wanted:
            query = query.where(column == wanted)
    if filters.slippage:
        query = query.where(project.c.slippage == ORDER[filters.slippage])
    if filters.text:
        title = project.c.title.contains(filters.text, autoescape=True)
        query = query.where(or_(title, project.c.number == filters.text))
    return query


_CLASSES: Mapping[int, Slippage] = {place: word for word, place in ORDER.items()}
_COLUMNS = (
    *(column for column in project.c if column.name not in ("state", "is_open", "due_at")),
    select(project_milestone.c.title)
    .where(
        project_milestone.c.project_id == project.c.id,
        project_milestone.c.id == project.c.next_milestone,
    )
    .correlate(project)
    .scalar_subquery()
    .label("next_title"),
)


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _row(row: Row[Any]) -> ProjectRow:
    return ProjectRow(
        row.id, row.number, row.seq, row.stage, row.template, row.regime, row.title,
        row.department, row.operator, row.sector, row.pay, date.fromisoformat(row.starts_on),
        _day(row.ends_on), row.estimate_fen, row.total_fen, _CLASSES[row.slippage],
        row.milestones, row.achieved, row.next_title or "", _day(row.next_plan_on), row.risks,
        row.high_risks, row.established_at, row.updated_at,
    )  # fmt: skip


def _milestone(row: Row[Any], prefix: str = "") -> MilestoneRow:
    def at(name: str) -> Any:
        return getattr(row, f"{prefix}{name}")

    return MilestoneRow(
        at("project_id"), at("id"), at("place"), at("stage"), at("title"), at("pays"),
        date.fromisoformat(at("begins_on")), date.fromisoformat(at("baseline_on")),
        date.fromisoformat(at("plan_on")), _day(at("forecast_on")), _day(at("actual_on")),
        at("critical"), _CLASSES[at("slippage")], at("evidence"), at("gate_open"),
    )  # fmt: skip


def _event(row: Row[Any]) -> ProjectEvent:
    return ProjectEvent(
        row.seq, row.kind, row.at, row.recorded_at, row.actor, row.on_behalf, row.role,
        row.department, row.stage, orjson.loads(row.said), orjson.loads(row.body), row.entry_id,
        row.command_id,
    )  # fmt: skip
