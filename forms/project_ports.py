"""What the projects' pages need from the others: `yichuang/web_projects.py` hands it in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from pydantic import JsonValue

from cases.messages import Actor, Outcome, Source
from cases.project_lists import Filters, MilestoneRow, ProjectRow
from cases.projects.state import ProjectState, Risk
from catalogue.project_templates import ProjectTemplate


@dataclass(frozen=True)
class Money:
    """What the fund knows of a project, in fen."""

    allotted_fen: int = 0
    paid_fen: int = 0
    used_fen: int = 0


NO_MONEY = Money()


@dataclass(frozen=True)
class ProjectList:
    """One page of the projects that the reader may list."""

    rows: tuple[ProjectRow, ...]
    total: int
    page: int
    pages: int
    slippages: Mapping[str, int]
    """Class of lateness → how many, of all that the reader may list, whatever the filters."""
    money: Mapping[str, Money] = field(default_factory=dict)
    """Project → its money, for the page."""


@dataclass(frozen=True)
class ToldOf:
    """One settled order as a line of the project's history, the newest first."""

    seq: int
    kind: str
    at: datetime
    who: str
    """Name of the person or service; empty: the law's own timer."""
    on_behalf: str
    said: Mapping[str, JsonValue]


@dataclass(frozen=True)
class ShownProject:
    """One project for its page."""

    state: ProjectState
    told: tuple[ToldOf, ...]
    money: Money = NO_MONEY
    names: Mapping[str, str] = field(default_factory=dict)
    """User id → name, of everybody who gave a paper or let a gate pass."""


@dataclass(frozen=True)
class OpenRisk:
    """A high risk that nobody has closed, with its project."""

    row: ProjectRow
    risk: Risk


@dataclass(frozen=True)
class Dashboard:
    """What the leading group looks at first; of what the reader may list."""

    slippages: Mapping[str, int]
    """Class of lateness → how many unfinished projects."""
    late: int
    """Milestones that are not reached and were planned before today, in all."""
    overdue: Sequence[tuple[ProjectRow, MilestoneRow]]
    """A page of these, the earliest first."""
    coming: Sequence[tuple[ProjectRow, MilestoneRow]]
    """Planned within thirty days."""
    risks: Sequence[OpenRisk]
    fund: Money
    """Of the whole fund."""
    limit_fen: int
    """What the fund is; 0: none was opened."""
    today: date
    page: int = 1
    pages: int = 1
    """Of the late milestones."""
    high_risks: int = 0
    """Open high risks, in all."""


class Projects(Protocol):
    """Projects as pages show and order them. Raises `cases.reception.NotNow` when away."""

    @property
    def templates(self) -> Mapping[str, ProjectTemplate]:
        """Every template by id."""
        ...

    def today(self) -> date:
        """The city's day."""
        ...

    def listing(self, actor: Actor, filters: Filters, page: int, size: int) -> ProjectList: ...

    def known(self, project_id: str) -> ProjectState | None:
        """What is known of a project, for a caller that asks policy about it."""
        ...

    def project(self, actor: Actor, project_id: str) -> ShownProject | None:
        """One project with its history, for a caller that has asked policy."""
        ...

    def answered(self, command_id: str) -> bool:
        """Whether an order of that id is settled, and will be answered again as it was."""
        ...

    def names(self, project_ids: Collection[str]) -> Mapping[str, str]:
        """Number and title of each that there is, for who may read of its money."""
        ...

    def dashboard(self, actor: Actor, page: int = 1) -> Dashboard:
        """`page`: of the late milestones, from 1; one beyond the last is the last."""
        ...

    async def order(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        project_id: str,
        verb: str,
        body: Mapping[str, Any],
    ) -> Outcome:
        """Hand one order in; the answer comes when it is settled. Raises `NotNow`."""
        ...
