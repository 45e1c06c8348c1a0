"""`forms.project_ports.Projects` over the cases store, which is only read, and the door."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Engine

from cases import fund_rows, project_lists, project_rows
from cases.database import bounded, reading
from cases.fund import FUND, Sums
from cases.messages import Actor, Outcome, Source
from cases.project_lists import Filters, ProjectEvent
from cases.projects.state import ProjectState
from catalogue.load import Catalogue
from catalogue.project_templates import ProjectTemplate
from forms.project_ports import (
    Dashboard,
    Money,
    OpenRisk,
    ProjectList,
    ShownProject,
    ToldOf,
)
from policies.access import Access

COMING_DAYS: Final = 30
"""So far ahead the dashboard looks."""
MOST_LINES: Final = 50
"""Lines of each of its lists."""


class Door(Protocol):
    """Who takes orders to projects."""

    async def order(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        project_id: str,
        verb: str,
        body: Mapping[str, Any],
        /,
    ) -> Outcome: ...


class Names(Protocol):
    """Who has an account."""

    def names(self, users: Sequence[str], /) -> Mapping[str, str]:
        """Return id → display name."""
        ...


@dataclass(frozen=True)
class WebProjects:
    """Lists are cut to what policy lets one list, by its own condition."""

    engine: Engine
    access: Access
    accounts: Names
    catalogue: Callable[[], Catalogue]
    door: Door
    now: Callable[[], datetime]
    zone: ZoneInfo
    page_role: str = ""

    @property
    def templates(self) -> Mapping[str, ProjectTemplate]:
        return self.catalogue().templates.by_id

    def today(self) -> date:
        return self.now().astimezone(self.zone).date()

    def _engine(self, actor: Actor) -> Engine:
        return bounded(self.engine, self.page_role, self.access.bounds(actor))

    def listing(self, actor: Actor, filters: Filters, page: int, size: int) -> ProjectList:
        where = self.access.where(actor, "list", "project")
        with reading(self._engine(actor)) as connection:
            total = project_lists.count(connection, where, filters)
            pages = max(1, -(-total // size))
            page = min(page, pages)
            rows = project_lists.projects(connection, where, filters, size, (page - 1) * size)
            slippages = _counted(connection, where)
        shown = {row.id for row in rows}
        money = {key: one for key, one in self._money().items() if key in shown}
        return ProjectList(tuple(rows), total, page, pages, slippages, money)

    def known(self, project_id: str) -> ProjectState | None:
        with reading(self.engine) as connection:
            return project_lists.state_of(connection, project_id)

    def project(self, actor: Actor, project_id: str) -> ShownProject | None:
        # Read as the reader: what policy would not list, the database itself does not give.
        with reading(self._engine(actor)) as connection:
            state = project_lists.state_of(connection, project_id)
            if state is None:
                return None
            events = project_lists.events(connection, project_id)
        with reading(self.engine) as connection:
            money = _money(fund_rows.sums(connection, "project", project_id))
        people = {person for one in events for person in (one.actor, one.on_behalf)}
        people |= {by for one in state.milestones for each in one.passes for by in each.by}
        names = self.accounts.names(sorted(people - {""}))
        return ShownProject(state, tuple(_told(one, names) for one in events), money, names)

    def answered(self, command_id: str) -> bool:
        with reading(self.engine) as connection:
            return project_rows.answered(connection, command_id) is not None

    def names(self, project_ids: Collection[str]) -> Mapping[str, str]:
        with reading(self.engine) as connection:
            return project_lists.names_of(connection, project_ids)

    def dashboard(self, actor: Actor, page: int = 1) -> Dashboard:
        where = self.access.where(actor, "list", "project")
        today = self.today()
        with reading(self._engine(actor)) as connection:
            slippages = _counted(connection, where)
            before = today - timedelta(days=1)
            late = project_lists.count_due(connection, where, before)
            pages = max(1, -(-late // MOST_LINES))
            page = min(max(1, page), pages)
            overdue = project_lists.due_milestones(
                connection, where, before, MOST_LINES, offset=(page - 1) * MOST_LINES
            )
            high_risks = project_lists.count_high_risks(connection, where)
            coming = project_lists.due_milestones(
                connection, where, today + timedelta(days=COMING_DAYS), MOST_LINES, today
            )
            risky = project_lists.risky(connection, where, MOST_LINES)
            open_ones = project_lists.high_risks(connection, [row.id for row in risky])
            risks = [OpenRisk(row, one) for row in risky for one in open_ones.get(row.id, ())]
        with reading(self.engine) as connection:
            fund = fund_rows.sums(connection, "fund", FUND)
            opened = fund_rows.the_fund(connection)
        return Dashboard(
            slippages,
            late,
            overdue,
            coming,
            tuple(risks[:MOST_LINES]),
            _money(fund),
            opened[1] if opened is not None else 0,
            today,
            page,
            pages,
            high_risks,
        )

    def _money(self) -> Mapping[str, Money]:
        with reading(self.engine) as connection:
            found = fund_rows.every_sum(connection, "project")
        return {key: _money(one) for key, one in found.items()}

    async def order(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        project_id: str,
        verb: str,
        body: Mapping[str, Any],
    ) -> Outcome:
        return await self.door.order(actor, source, command_id, project_id, verb, body)


def _counted(connection: Connection, where: ColumnElement[bool]) -> dict[str, int]:
    return {str(key): n for key, n in project_lists.per_slippage(connection, where).items()}


def _money(one: Sums) -> Money:
    return Money(one.allotted_fen, one.paid_fen, one.used_fen)


def _told(one: ProjectEvent, names: Mapping[str, str]) -> ToldOf:
    return ToldOf(
        one.seq, one.kind, one.at, names.get(one.actor, ""),
        names.get(one.on_behalf, one.on_behalf), one.said,
    )  # fmt: skip
