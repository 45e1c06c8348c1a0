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

from pydantic import ValidationError
from sqlalchemy import Connection, Engine
from temporalio import activity

from activities.entries import STEP, here
from activities.forging import Forgeries
from activities.sealing import Sealer
from audit.entry import EntryDraft, PolicyRef, What, Where, Who, entry_id
from audit.outbox import record_many
from cases import plan_rows
from cases.database import reading
from cases.messages import Command
from cases.payments import first_fault, order_digest
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
from cases.settling import Forged, RuleForbids
from catalogue.kpis import Kpi, Kpis

REFUSED = f"{OBJECT}:-"
"""Stream of the entries of reports that never became one."""


@dataclass(frozen=True, slots=True)
class PlanReports:
    """Settles reports. One per worker process; safe in any number of threads."""

    engine: Engine
    sealer: Sealer
    verify: Callable[[Command, datetime, str, str], RuleForbids | None]
    again: Callable[[Command, str, str, str, str], RuleForbids | None]
    """Asks policy once more, as `activities.releasing.Again`."""
    forgeries: Forgeries
    kpis: Kpis
    zone: str
    now: Callable[[], datetime]

    @activity.defn(name="take_plan_report")
    def take(self, order: PlanReportOrder) -> PlanReportAnswer:
        """Return the answer to a report, settled now or before. A *no* is an answer.

        Raises when the world is away (`StoreUnwritable`, a busy database), or when another report
        of the same number and day was faster: try again.
        """
        command = order.command
        with reading(self.engine) as connection:
            known = plan_rows.answered(connection, command.id)
        if known is not None:
            return known
        try:
            return self._settled(order)
        except RuleForbids as no:
            return self._refused(command, no)

    def _settled(self, order: PlanReportOrder) -> PlanReportAnswer:
        command = order.command
        fault = self.verify(command, order.admitted_at, OBJECT, REPORT)
        if fault is not None:
            raise fault
        if command.actor.on_behalf:
            raise RuleForbids("no_deputy", "指标须由本人填报，不得代理")
        body = _parsed(command)
        self._insist(body)
        no = self.again(command, OBJECT, REPORT, "", body.department)
        if no is not None:
            raise no
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
        return EntryDraft(
            id=one.entry_id,
            stream=f"{OBJECT}:{one.id}",
            at=one.recorded_at,
            who=self._who(command),
            act=REPORT,
            obj=What(OBJECT, one.id),
            why=one.body.kpi,
            where=Where(ip=command.source.ip or None, svc=command.source.door),
            after=after,
            pol=_policy(command),
            wf=here(),
        )

    def _refused(self, command: Command, no: RuleForbids) -> PlanReportAnswer:
        """Write the refusal's entry and return it; nothing of the body goes into the log."""
        digest = order_digest(command)
        draft = EntryDraft(
            id=entry_id(command.id, f"refused:{no.code}:{digest}"),
            stream=REFUSED,
            at=self.now(),
            who=self._who(command),
            act=REPORT,
            obj=What(OBJECT, command.case_id),
            res="deny",
            why=no.code,
            where=Where(ip=command.source.ip or None, svc=command.source.door),
            pol=_policy(command),
            wf=here(),
        )
        with self.engine.begin() as connection:
            record_many(connection, [(draft, ())])
            if isinstance(no, Forged):
                self.forgeries.alarm(connection, OBJECT, command.case_id, command, no, draft.at)
        return PlanReportAnswer(
            command_id=command.id,
            order_digest=digest,
            status="refused",
            code=no.code,
            reason=no.reason,
            basis=no.basis,
            field=no.field,
        )

    def _who(self, command: Command) -> Who:
        actor, warrant = command.actor, command.warrant
        return Who(
            id=self.sealer.who(actor.id),
            kind=actor.kind,
            org=(warrant.department if warrant else "") or actor.department or None,
            role=(warrant.role if warrant else "") or None,
            on_behalf=self.sealer.who(actor.on_behalf) if actor.on_behalf else None,
        )


def _parsed(command: Command) -> ReportFigure:
    if command.verb != REPORT or command.case_id != report_id(command.id):
        raise RuleForbids("wrong_verb", "不是指标填报", "", "verb")
    try:
        return ReportFigure.model_validate(command.body)
    except ValidationError as malformed:
        path, said = first_fault(malformed.errors(include_url=False, include_input=False))
        raise RuleForbids("malformed", f"内容不合格式：{said}", "", f"body.{path}") from malformed


def _policy(command: Command) -> PolicyRef | None:
    warrant = command.warrant
    return PolicyRef(warrant.row, "allow", warrant.policy) if warrant else None
