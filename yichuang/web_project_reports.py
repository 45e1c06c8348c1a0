"""The quarterly report of projects for the pages: made over the real stores, its entry first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Engine

from activities.project_reports import (
    MOST_PICTURES,
    PlanFigure,
    Quarter,
    QuarterFacts,
    quarter_html,
)
from audit.entry import EntryDraft, What, Who
from audit.entry import Where as EntryWhere
from audit.outbox import record
from cases import fund_rows, project_lists
from cases.database import bounded, reading
from cases.fund import FUND
from cases.plan.figures import PlanLine, shown
from cases.project_lists import Filters, ProjectRow
from cases.projects.gantt import GanttRow, rows_of
from catalogue.load import Catalogue
from forms.entrance_ports import Visitor, Where
from forms.reader_ports import File
from policies.access import Access
from yichuang.web_supervision import REPORT_STREAM, Press

QUARTERS: Final = 8
"""Quarters that the page offers: two years."""
MOST: Final = project_lists.MOST
"""Projects of one report: those furthest behind first."""


@dataclass(frozen=True)
class WebProjectReports:
    """`forms.project_report_ports.ProjectReports`."""

    cases: Engine
    access: Access
    catalogue: Callable[[], Catalogue]
    web: Engine
    """The web store, where the entries of the web's own acts begin."""
    pseudonym_of: Callable[[str], str]
    press: Press
    now: Callable[[], datetime]
    zone: str
    page_role: str = ""
    numbers: Callable[[], Sequence[PlanLine]] = tuple
    """The plan's numbers as they stand."""

    def latest(self) -> tuple[str, ...]:
        found, day = [], self.now().astimezone(ZoneInfo(self.zone)).date()
        for _ in range(QUARTERS):
            quarter = Quarter.of(day)
            found.append(quarter.name)
            day = quarter.first - timedelta(days=1)
        return tuple(found)

    def report(self, visitor: Visitor, where: Where, quarter: str) -> File:
        found, at, actor = Quarter.named(quarter), self.now(), visitor.actor
        engine = bounded(self.cases, self.page_role, self.access.bounds(actor))
        within = self.access.where(actor, "list", "project")
        everywhere = any(grant.department == "*" for grant in actor.grants)
        issuer = "全市" if everywhere else f"{visitor.department_name}权限内的项目"
        html = quarter_html(self.facts(engine, within, found, issuer, at))
        content = self.press.print_html(html)
        deputy = self.pseudonym_of(actor.on_behalf) if actor.on_behalf else None
        draft = EntryDraft(
            id=str(uuid4()),
            stream=REPORT_STREAM,
            at=at,
            who=Who(self.pseudonym_of(actor.id), "human", org=actor.department or None,
                    on_behalf=deputy),
            act="report",
            obj=What("project", found.name, doc=hashlib.sha256(content).hexdigest()),
            where=EntryWhere(ip=where.ip or None, svc="web"),
        )  # fmt: skip
        with self.web.begin() as connection:
            record(connection, draft)
        return File(f"项目季报-{found.name}.pdf", "application/pdf", content)

    def facts(
        self, engine: Engine, within: ColumnElement[bool], quarter: Quarter, issuer: str,
        at: datetime,
    ) -> QuarterFacts:  # fmt: skip
        """Return what a report is made of, of what `within` lets one list."""
        catalogue = self.catalogue()
        with reading(engine) as connection:
            rows = project_lists.projects(connection, within, Filters(), MOST)
            milestones = project_lists.milestones_of(connection, [row.id for row in rows])
        with reading(self.cases) as connection:
            money = fund_rows.every_sum(connection, "project")
            fund = fund_rows.sums(connection, "fund", FUND)
            opened = fund_rows.the_fund(connection)
        listed = {row.id for row in rows}
        names = {one.code: one.short or one.name for one in catalogue.city.departments}
        return QuarterFacts(
            city=catalogue.city.name,
            issuer=issuer,
            quarter=quarter,
            made_at=at,
            zone=self.zone,
            projects=rows,
            milestones=milestones,
            departments=names,
            templates={key: one.title.zh for key, one in catalogue.templates.by_id.items()},
            paid={
                key: (one.allotted_fen, one.paid_fen) for key, one in money.items() if key in listed
            },
            limit_fen=0 if opened is None else opened[1],
            allotted_fen=fund.allotted_fen,
            paid_fen=fund.paid_fen,
            used_fen=fund.used_fen,
            pictures=self._pictures(engine, rows),
            figures=[_figure(one, names) for one in self.numbers()],
        )

    def _pictures(
        self, engine: Engine, rows: Sequence[ProjectRow]
    ) -> dict[str, Sequence[GanttRow]]:
        behind = [row for row in rows if row.slippage in ("red", "yellow")][:MOST_PICTURES]
        found: dict[str, Sequence[GanttRow]] = {}
        with reading(engine) as connection:
            for row in behind:
                state = project_lists.state_of(connection, row.id)
                if state is not None:
                    found[row.id] = rows_of(state)
        return found


LIGHTS: Final[Mapping[str, str]] = {"green": "绿", "yellow": "黄", "red": "红", "grey": "无数据"}


def _figure(one: PlanLine, names: Mapping[str, str]) -> PlanFigure:
    stands, department = one.standing, one.kpi.department
    return PlanFigure(
        one.kpi.name, shown(stands.value), shown(stands.expected), LIGHTS[stands.light],
        names.get(department, department),
    )  # fmt: skip
