"""公开项目进展: what everybody may read of projects, and the running programme of the plan.

The plan makes progress public (CSFA-119). Number, title, kind, stage, what was planned and what was
reached; no operator, money, paper, person or risk. Nothing here is cut by policy: add no column
that not everybody may know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select

from cases.project_lists import MilestoneRow, milestones_of
from cases.project_tables import project, project_milestone

PER_PAGE = 20
PROGRAMME = "programme"
"""Template of the plan's own programme (catalogue/projects/programme.yaml)."""


@dataclass(frozen=True, slots=True)
class PublicProject:
    """One project as everybody may know it."""

    number: str
    title: str
    template: str
    state: str
    """running, handed_over, terminated, finished."""
    stage: str
    """Id of the stage of its template to which the next milestone belongs; empty: none is next."""
    milestones: int
    planned: int
    """Milestones planned to be reached by today."""
    achieved: int
    next_on: date | None


@dataclass(frozen=True, slots=True)
class PublicPage:
    """One page of them, by number."""

    projects: tuple[PublicProject, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class RunningProgramme:
    """The plan's programme as a project that runs."""

    project: str
    number: str
    milestones: Mapping[str, MilestoneRow]


def public_projects(connection: Connection, today: date, page: int = 1) -> PublicPage:
    """Return a page of all projects; a page beyond the last is the last."""
    total = int(connection.execute(select(func.count()).select_from(project)).scalar_one())
    pages = max(1, -(-total // PER_PAGE))
    page = min(max(1, page), pages)
    p, m = project.c, project_milestone.c
    following = (
        select(m.stage)
        .where(m.project_id == p.id, m.id == p.next_milestone)
        .correlate(project)
        .scalar_subquery()
    )
    planned = (
        select(func.count())
        .where(m.project_id == p.id, m.plan_on <= today.isoformat())
        .correlate(project)
        .scalar_subquery()
    )
    query = (
        select(p.number, p.title, p.template, p.stage, following.label("at"), p.milestones,
               planned.label("planned"), p.achieved, p.next_plan_on)
        .order_by(p.number)
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    )  # fmt: skip
    found = tuple(
        PublicProject(
            row.number, row.title, row.template, row.stage, row.at or "", row.milestones,
            int(row.planned), row.achieved,
            date.fromisoformat(row.next_plan_on) if row.next_plan_on else None,
        )
        for row in connection.execute(query)
    )  # fmt: skip
    return PublicPage(found, total, page, pages)


def running_programme(connection: Connection) -> RunningProgramme | None:
    """Return the newest programme that was not terminated; None: nobody has opened one."""
    p = project.c
    query = (
        select(p.id, p.number)
        .where(p.template == PROGRAMME, p.stage != "terminated")
        .order_by(p.established_at.desc(), p.number.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    rows: Sequence[MilestoneRow] = milestones_of(connection, [row.id]).get(row.id, ())
    return RunningProgramme(row.id, row.number, {one.id: one for one in rows})
