"""What the pages ask of the city's plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cases.messages import Actor, Source
from cases.plan.figures import PlanLine, Point
from cases.plan.messages import PlanReportAnswer, ReportFigure
from cases.plan_rows import KeptReport
from cases.plan_values import BehindPage
from cases.project_public import PublicPage, RunningProgramme
from catalogue.kpis import Kpis
from catalogue.programme import Programme


class Plan(Protocol):
    """方案: its numbers, their history, what is behind them, and the programme."""

    def kpis(self) -> Kpis: ...

    def programme(self) -> Programme: ...

    def running(self) -> RunningProgramme | None:
        """The programme as the project by which it is carried out; None: none was opened."""
        ...

    def public_projects(self, page: int) -> PublicPage:
        """What everybody may read of projects, a page at a time."""
        ...

    def lines(self) -> Sequence[PlanLine]:
        """Every number as it stands, in the catalogue's order; counted anew every half minute."""
        ...

    def history(self, code: str) -> Sequence[Point]:
        """A number's points by day; the one that stands today is the last."""
        ...

    def reports(self, code: str) -> Sequence[KeptReport]:
        """A number's reports, the newest day first; a corrected one after its correction."""
        ...

    def behind(self, actor: Actor, code: str, page: int) -> BehindPage:
        """The cases or incidents behind a number that the actor may list."""
        ...

    def may_report(self, actor: Actor) -> frozenset[str]:
        """Codes of the numbers that the actor may report."""
        ...

    def report(
        self, actor: Actor, source: Source, command_id: str, body: ReportFigure
    ) -> PlanReportAnswer:
        """Have a report taken. Raises `NotNow`; repeat with the same id."""
        ...

    def statistics(self) -> Mapping[str, int]:
        """What everybody may know of the year: counts alone (`received`, `decided`, …)."""
        ...
