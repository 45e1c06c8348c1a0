"""Alarms of money: what should have been paid by now, and what was paid and lies idle.

They ring until the payment is paid, returned or countered, and until the money is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from activities.alarming import Alarms
from cases import fund_rows as rows
from cases.alarms import Alarm
from cases.database import reading
from cases.payments import Terms, yuan
from cases.rulings import Ruling

OVERDUE: Final = "payment_overdue"
"""Kind: a payment that may be made is past its last day (保障中小企业款项支付条例第九条)."""
IDLE: Final = "fund_idle"
"""Kind: money of a project was paid and is not used."""


class Rules(Protocol):
    """As `activities.paying.PaymentRules`."""

    def terms(self, pack: str, at: datetime) -> Terms | None: ...

    def evaluate(self, digest: str, context: dict[str, object], at: datetime) -> Ruling: ...


@dataclass(frozen=True, slots=True)
class FundWatch:
    """Raises and clears the alarms. Only the worker may: it writes the cases store."""

    cases: Engine
    alarms: Alarms
    rules: Rules
    zone: str
    now: Callable[[], datetime]

    def look(self) -> tuple[list[str], list[str]]:
        """Let the alarms be those that the rows call for; return keys (new, gone)."""
        at = self.now()
        today = at.astimezone(ZoneInfo(self.zone)).date()
        with reading(self.cases) as connection:
            overdue = {one.key: one for one in self._overdue(connection, today)}
            idle = {one.key: one for one in self._idle(connection, today, at)}
        with self.cases.begin() as connection:
            raised, cleared = self.alarms.agree(connection, OVERDUE, overdue, at)
            more, fewer = self.alarms.agree(connection, IDLE, idle, at)
        return [*raised, *more], [*cleared, *fewer]

    def _overdue(self, connection: Connection, today: date) -> Iterator[Alarm]:
        for one in rows.unpaid_past(connection, today):
            yield Alarm(
                key=f"{OVERDUE}:{one.id}",
                kind=OVERDUE,
                text=f"付费申请 {one.number}（{yuan(one.amount_fen)} 元）应于 {one.due_on} 前支付，"
                "已逾期，每日计息；请审核、支付或者退回",
                department=one.department,
                detail={"payment": one.id, "due_on": one.due_on},
            )

    def _idle(self, connection: Connection, today: date, at: datetime) -> Iterator[Alarm]:
        terms = self.rules.terms("fund", at)
        if terms is None:
            return
        zone = ZoneInfo(self.zone)
        for project, sums, since in rows.idle(connection):
            days = (today - since.astimezone(zone).date()).days
            ruling = self.rules.evaluate(terms.digest, {"idle_days": days}, at)
            if ruling.outcome.get("reminder"):
                yield Alarm(
                    key=f"{IDLE}:{project}",
                    kind=IDLE,
                    text=f"项目 {project} 已拨付未使用 {yuan(sums.idle_fen)} 元，"
                    f"最近一次拨付、使用以来已 {days} 日；请使用、登记或者冲正",
                    detail={"project": project, "idle_fen": sums.idle_fen, "days": days},
                )
