"""`forms.fund_ports.Funds` over the cases store, which is only read, and the door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pydantic import JsonValue
from sqlalchemy import Connection, Engine

from cases import fund as f
from cases import fund_rows as rows
from cases import payment_rows, project_lists
from cases.database import reading
from cases.fund import FundAnswer, Sums
from cases.fund_orders import Grounds
from cases.fund_rows import Booked, Claim, KeptContract
from cases.messages import Actor, Source
from cases.reception import NotNow
from forms.fund_ports import (
    ContractMoney,
    CurvePoint,
    FundView,
    JournalView,
    ProjectMoney,
    ProjectView,
)
from policies.access import Access, Thing
from yichuang.fund_door import FundDoor

WAIT_S = 45.0
"""Longer than the door itself waits: it says why there is no answer."""

Ask = Callable[[Actor, Source, str, str, str, Mapping[str, JsonValue]], FundAnswer]


@dataclass(frozen=True)
class WebFund:
    """The fund as the pages ask for it; safe in any number of threads."""

    engine: Engine
    access: Access
    ask: Ask
    grounds: Grounds
    zone: str
    now: Callable[[], datetime]

    def view(self, actor: Actor) -> FundView:
        if not self._may(actor):
            return FundView("", Sums(), (), ())
        with reading(self.engine) as connection:
            found = rows.the_fund(connection)
            contracts: dict[str, list[KeptContract]] = {}
            for one in rows.contracts(connection):
                contracts.setdefault(one.project, []).append(one)
            paid = rows.every_sum(connection, "contract")
            projects = rows.every_sum(connection, "project")
            money = [
                self._money(
                    connection, key, projects.get(key, Sums()), contracts.get(key, []), paid
                )
                for key in sorted(projects.keys() | contracts.keys())
            ]
            return FundView(
                found[0] if found else "",
                rows.sums(connection, "fund", f.FUND),
                tuple(money),
                self.curve_of(rows.journal(connection)),
            )

    def project(self, actor: Actor, project: str) -> ProjectView | None:
        if not self._may(actor):
            return None
        with reading(self.engine) as connection:
            sums = rows.sums(connection, "project", project)
            contracts = rows.contracts(connection, project)
            journal = rows.journal(connection, project=project)
            if not contracts and not journal:
                return None
            paid = {one.id: rows.sums(connection, "contract", one.id) for one in contracts}
            return ProjectView(
                self._money(connection, project, sums, contracts, paid),
                tuple(rows.orders(connection, project, f.ALLOT)),
                tuple(rows.orders(connection, project, f.USE)),
                tuple(self._payments(connection, project)),
                self.curve_of(journal),
            )

    def journal(self, actor: Actor, after: int, limit: int) -> JournalView:
        if not self._may(actor):
            return JournalView((), 0, 0, 0, ())
        with reading(self.engine) as connection:
            every = rows.journal(connection)
            differing = tuple(rows.differing(connection, every))
        amounts = [line.amount_fen for one in every for line in one.lines]
        shown = [one for one in every if one.seq > after][:limit]
        return JournalView(
            tuple(shown),
            len(every),
            sum(one for one in amounts if one > 0),
            -sum(one for one in amounts if one < 0),
            differing,
        )

    def contracts(self, actor: Actor) -> Sequence[KeptContract]:
        at = self.now()
        with reading(self.engine) as connection:
            found = rows.contracts(connection)
        asked = {one.department for one in found}
        mine = {
            one
            for one in asked
            if self.access.decide(
                actor, "payment_request", Thing(f.PAYMENT, department=one), at
            ).allowed
        }
        return [one for one in found if one.department in mine]

    def claim(self, payment: str) -> Claim | None:
        with reading(self.engine) as connection:
            return rows.claim_of(connection, payment)

    def act(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        verb: str,
        thing: str,
        body: Mapping[str, JsonValue],
    ) -> FundAnswer:
        return self.ask(actor, source, command_id, verb, thing, body)

    def curve_of(self, journal: Sequence[Booked]) -> tuple[CurvePoint, ...]:
        """Return planned (allotted) and paid, cumulative by month, from the first entry on."""
        zone = ZoneInfo(self.zone)
        moved: dict[date, list[int]] = {}
        for one in journal:
            day = one.at.astimezone(zone).date()
            change, sums = f.moved(one.lines), moved.setdefault(day.replace(day=1), [0, 0])
            sums[0] += change.allot_fen
            sums[1] += change.paid_fen
        found, planned, paid = [], 0, 0
        for month in _months(moved, self.now().astimezone(zone).date()):
            allotted, went = moved.get(month, [0, 0])
            planned, paid = planned + allotted, paid + went
            found.append(CurvePoint(month, planned, paid))
        return tuple(found)

    def _money(
        self,
        connection: Connection,
        project: str,
        sums: Sums,
        contracts: Sequence[KeptContract],
        paid: Mapping[str, Sums],
    ) -> ProjectMoney:
        year = self.now().astimezone(ZoneInfo(self.zone)).year
        payable = self.grounds.payable(connection, project, year)
        return ProjectMoney(
            project,
            sums,
            tuple(ContractMoney(one, paid.get(one.id, Sums())) for one in contracts),
            payable.coefficient if payable else "",
            project_lists.named(connection, project),
        )

    def _payments(
        self, connection: Connection, project: str
    ) -> Sequence[tuple[payment_rows.KeptPayment, Claim]]:
        found = []
        for key in rows.payments_of(connection, project):
            one, claim = payment_rows.find(connection, key), rows.claim_of(connection, key)
            if one is not None and claim is not None:
                found.append((one, claim))
        return found

    def _may(self, actor: Actor) -> bool:
        return self.access.decide(actor, f.FUND_READ, Thing(f.OBJECT), self.now()).allowed


def _months(moved: Mapping[date, object], today: date) -> list[date]:
    if not moved:
        return []
    month, last = min(moved), max(max(moved), today.replace(day=1))
    found = []
    while month <= last:
        found.append(month)
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return found


def asker(door: FundDoor, loop: asyncio.AbstractEventLoop) -> Ask:
    """Return how threads that are not the door's ask it. Raises `NotNow`."""

    def ask(
        actor: Actor,
        source: Source,
        command_id: str,
        verb: str,
        thing: str,
        body: Mapping[str, JsonValue],
    ) -> FundAnswer:
        asked = door.act(actor, source, command_id, verb, thing, body)
        try:
            return asyncio.run_coroutine_threadsafe(asked, loop).result(WAIT_S)
        except TimeoutError as late:
            raise NotNow("暂时没有答复，请用同一编号重试") from late

    return ask
