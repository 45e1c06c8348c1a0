"""`take_plan_report`: a department's counts of a number of the plan; what it commits has happened.

One transaction: the report and the entry on its own stream. Keyed by the command id, so that a
retry finds what was written. A correction names what it takes the place of: two people who correct
the same report at once cannot both be right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from temporalio import activity

from activities.entries import STEP
from activities.one_step import Bound, OneStep
from activities.ordering import body_as
from audit.entry import EntryDraft, What, entry_id
from audit.outbox import record_many
from cases import plan_rows
from cases.messages import Command
from cases.one_step import order_digest
from cases.plan.figures import fault_of
from cases.plan.messages import (
    OBJECT,
    REPORT,
    PlanReportAnswer,
    PlanReportOrder,
    ReportFigure,
    report_id,
)
from cases.plan_rows import NewReport
from cases.settling import RuleForbids
from catalogue.kpis import Kpi, Kpis


@dataclass(frozen=True, slots=True)
class PlanReports(OneStep):
    """Settles reports. One per worker process; safe in any number of threads."""

    kpis: Kpis
    zone: str
    now: Callable[[], datetime]

    @activity.defn(name="take_plan_report")
    def take(self, order: PlanReportOrder) -> PlanReportAnswer:
        """Return the answer to a report, settled now or before. A *no* is an answer.

        Raises when the world is away (`StoreUnwritable`, a busy database), or when another report
        of the same number and day was faster: try again.
        """
        return self.once(
            order.command,
            plan_rows.answered,
            lambda: self._settled(order),
            lambda no: self._refused(order.command, no),
        )

    def _settled(self, order: PlanReportOrder) -> PlanReportAnswer:
        command = order.command
        self.prove(order, OBJECT, REPORT, own="指标须由本人填报，不得代理")
        if command.verb != REPORT or command.case_id != report_id(command.id):
            raise RuleForbids("wrong_verb", "不是指标填报", "", "verb")
        body = body_as(ReportFigure, command)
        self._insist(body)
        self.allow(command, OBJECT, body.department)
        with self.engine.begin() as connection:
            known = plan_rows.answered(connection, command.id)
            if known is not None:
                return known
            one = self._report(connection, command, body)
            after = plan_rows.put(connection, one)
            record_many(connection, [(self._entry(command, one, after), ())])
        return PlanReportAnswer(
            command_id=command.id,
            order_digest=one.order_digest,
            status="done",
            report=one.id,
            revision=one.revision,
            entry=one.entry_id,
        )

    def _insist(self, body: ReportFigure) -> None:
        """Raise `RuleForbids` for counts that cannot be those of the number."""
        kpi = self.kpis.by_code.get(body.kpi)
        if kpi is None:
            raise RuleForbids("unknown_kpi", f"方案没有指标「{body.kpi}」", "", "body.kpi")
        if kpi.own:
            raise RuleForbids(
                "own_source", "这个指标由本系统的办件、事件计算，不接受填报", kpi.basis, "body.kpi"
            )
        if body.department != kpi.department:
            raise RuleForbids(
                "not_answerable", "这个指标由另一部门负责", kpi.basis, "body.department"
            )
        self._insist_on_day(kpi, body)
        if said := fault_of(kpi, body.numerator, body.denominator):
            raise RuleForbids("counts", said, kpi.basis, "body.numerator")

    def _insist_on_day(self, kpi: Kpi, body: ReportFigure) -> None:
        today = self.now().astimezone(ZoneInfo(self.zone)).date()
        if body.on > today:
            raise RuleForbids("future", "统计日期在将来", kpi.basis, "body.on")
        if body.on < kpi.baseline_on:
            raise RuleForbids("before_baseline", "统计日期早于基期", kpi.basis, "body.on")

    def _report(self, connection: Connection, command: Command, body: ReportFigure) -> NewReport:
        stands = plan_rows.standing_report(connection, body.kpi, body.on)
        if (stands.id if stands else "") != body.corrects:
            reason = (
                "这一天已有填报，更正须写明所更正的填报"
                if stands and not body.corrects
                else "所更正的不是这一天现行的填报，请重新打开后再更正"
            )
            raise RuleForbids("already_reported", reason, "", "body.corrects")
        if body.corrects and not body.note:
            raise RuleForbids("no_reason", "更正须写明理由", "", "body.note")
        return NewReport(
            id=report_id(command.id),
            command_id=command.id,
            order_digest=order_digest(command),
            actor=command.actor.id,
            door=command.source.door,
            body=body,
            revision=1 + (stands.revision if stands else 0),
            recorded_at=self.now(),
            entry_id=entry_id(command.id, STEP),
        )

    # --- entries ---------------------------------------------------------------------------------

    def _entry(self, command: Command, one: NewReport, after: str) -> EntryDraft:
        """Return the entry of a report; `after` binds its row."""
        bound = Bound(f"{OBJECT}:{one.id}", What(OBJECT, one.id), after, one.body.kpi)
        return self.entry(command, one.recorded_at, bound)

    def _refused(self, command: Command, no: RuleForbids) -> PlanReportAnswer:
        digest = order_digest(command)
        return self.refusal(command, no, self.now(), OBJECT, digest, PlanReportAnswer, REPORT)
