"""`forms.plan_ports.Plan` over the cases store, which is only read, and the door."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from cases import plan_book, plan_rows, plan_values, project_public
from cases.database import one_moment, reading
from cases.messages import Actor, Source
from cases.plan.figures import PlanLine, Point
from cases.plan.messages import OBJECT, REPORT, PlanReportAnswer, ReportFigure
from cases.plan_rows import KeptReport
from cases.plan_values import OF_INCIDENTS, OF_PROJECTS, BehindPage
from cases.project_public import PublicPage, RunningProgramme
from cases.reception import NotNow
from cases.tallied import EVERYBODY, opened
from catalogue.kpis import Kpis
from catalogue.programme import Programme
from policies.access import Access, Thing
from yichuang.plan_door import PlanDoor

WAIT_S = 45.0
"""Longer than the door itself waits: it says why there is no answer."""

Ask = Callable[[Actor, Source, str, ReportFigure], PlanReportAnswer]


@dataclass
class _Kept:
    """What was counted last, and when (monotonic seconds)."""

    at: float = float("-inf")
    lines: tuple[PlanLine, ...] = ()
    running: RunningProgramme | None = None
    statistics: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class WebPlan:
    """The plan as the pages ask for it; safe in any number of threads."""

    engine: Engine
    access: Access
    ask: Ask
    numbers: Kpis
    stages: Programme
    zone: str
    now: Callable[[], datetime]
    fresh_s: float = plan_book.STALE.total_seconds()
    _kept: _Kept = field(default_factory=_Kept)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def kpis(self) -> Kpis:
        return self.numbers

    def programme(self) -> Programme:
        return self.stages

    def running(self) -> RunningProgramme | None:
        return self._counted().running

    def public_projects(self, page: int) -> PublicPage:
        today = self.now().astimezone(ZoneInfo(self.zone)).date()
        with reading(self.engine) as connection:
            return project_public.public_projects(connection, today, page)

    def lines(self) -> Sequence[PlanLine]:
        return self._counted().lines

    def statistics(self) -> Mapping[str, int]:
        return self._counted().statistics

    def history(self, code: str) -> Sequence[Point]:
        line = next(one for one in self.lines() if one.kpi.code == code)
        with reading(self.engine) as connection:
            return plan_book.history(connection, self.numbers, line.kpi, line)

    def reports(self, code: str) -> Sequence[KeptReport]:
        with reading(self.engine) as connection:
            return plan_rows.reports_of(connection, code)

    def behind(self, actor: Actor, code: str, page: int) -> BehindPage:
        kpi = self.numbers.by_code[code]
        kind = (
            "incident" if kpi.source in OF_INCIDENTS
            else "project" if kpi.source in OF_PROJECTS
            else "case"
        )  # fmt: skip
        mine = self.access.where(actor, "list", kind)
        now = self.now()
        today = now.astimezone(ZoneInfo(self.zone)).date()
        window = plan_values.window_of(today, self.zone, now)
        with one_moment(self.engine) as connection:
            kept = None
            if kind == "case":
                own = opened(connection, self.access.seen(actor, "list"), self.zone)
                kept = None if own is None else (own, own.everybodys(), self.zone)
            return plan_values.behind(connection, kpi.source, window, mine, page, kept)

    def may_report(self, actor: Actor) -> frozenset[str]:
        at = self.now()
        return frozenset(
            one.code
            for one in self.numbers.kpis
            if not one.own
            and self.access.decide(
                actor, REPORT, Thing(OBJECT, department=one.department), at
            ).allowed
        )

    def report(
        self, actor: Actor, source: Source, command_id: str, body: ReportFigure
    ) -> PlanReportAnswer:
        answer = self.ask(actor, source, command_id, body)
        self._kept.at = float("-inf")  # who has reported sees it at once
        return answer

    def _counted(self) -> _Kept:
        """Count again where the last time is long ago; one thread counts, the others wait."""
        with self._counting:
            if time.monotonic() - self._kept.at > self.fresh_s:
                now = self.now()
                with one_moment(self.engine) as connection:
                    sums = opened(connection, EVERYBODY, self.zone)
                    self._kept.lines = plan_book.lines(
                        connection, self.numbers, self.zone, now, sums=sums
                    )
                    self._kept.running = project_public.running_programme(connection)
                    self._kept.statistics = plan_values.statistics(connection, self.zone, now, sums)
                self._kept.at = time.monotonic()
            return self._kept


def asker(door: PlanDoor, loop: asyncio.AbstractEventLoop) -> Ask:
    """Return how threads that are not the door's ask it. Raises `NotNow`."""

    def ask(actor: Actor, source: Source, command_id: str, body: ReportFigure) -> PlanReportAnswer:
        asked = door.report(actor, source, command_id, body)
        try:
            return asyncio.run_coroutine_threadsafe(asked, loop).result(WAIT_S)
        except TimeoutError as late:
            raise NotNow("暂时没有答复，请用同一编号重试") from late

    return ask
