"""`forms.fund_ports.Funds` over the cases store, which is only read, and the door."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from threading import Lock
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
from cases.fund_sums import Books, counted, differing, months_from
from cases.messages import Actor, Source
from cases.money_plan import planned
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
AT_ONCE = 1_000
"""Entries of the journal that are read at a time when all are handed out."""


class KeptBooks:
    """The journal's sums of this process: each entry is counted once, when it is first asked for.

    A row that is changed behind the database's triggers after it was counted is found by
    `bin/yichuang fund verify` and `audit verify`, which read everything anew.
    """

    def __init__(self) -> None:
        self._books, self._lock = Books(), Lock()

    def now(self, connection: Connection, zone: str) -> Books:
        with self._lock:
            self._books = counted(connection, self._books, zone)
            return self._books


@dataclass(frozen=True)
class WebFund:
    """The fund as the pages ask for it; safe in any number of threads."""

    engine: Engine
    access: Access
    ask: Ask
    grounds: Grounds
    zone: str
    now: Callable[[], datetime]
    books: KeptBooks = field(default_factory=KeptBooks)

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
                self._curve(connection, money),
            )

    def project(self, actor: Actor, project: str) -> ProjectView | None:
        if not self._may(actor):
            return None
        with reading(self.engine) as connection:
            sums = rows.sums(connection, "project", project)
            contracts = rows.contracts(connection, project)
            if not contracts and not rows.journal(connection, project=project, limit=1):
                return None
            paid = {one.id: rows.sums(connection, "contract", one.id) for one in contracts}
            money = self._money(connection, project, sums, contracts, paid)
            return ProjectView(
                money,
                tuple(rows.orders(connection, project, f.ALLOT)),
                tuple(rows.orders(connection, project, f.USE)),
                tuple(self._payments(connection, project)),
                self._curve(connection, [money]),
            )

    def journal(self, actor: Actor, after: int, limit: int) -> JournalView:
        if not self._may(actor):
            return JournalView((), 0, 0, 0, ())
        with reading(self.engine) as connection:
            shown = rows.journal(connection, after=after, limit=limit)
            books = self.books.now(connection, self.zone)
            wrong = tuple(differing(connection, books))
        return JournalView(tuple(shown), books.upto, books.debit_fen, books.credit_fen, wrong)

    def entries(self, actor: Actor, upto: int) -> Iterator[Booked]:
        after = 0 if self._may(actor) else upto
        while after < upto:
            with reading(self.engine) as connection:
                some = rows.journal(connection, after=after, limit=min(AT_ONCE, upto - after))
            yield from some
            after = some[-1].seq if some else upto

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

    def stages(self, payments: Collection[str]) -> Mapping[str, str]:
        with reading(self.engine) as connection:
            return rows.stages_of(connection, payments)

    def answered(self, command_id: str) -> bool:
        with reading(self.engine) as connection:
            return rows.answered(connection, command_id) is not None

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

    def _curve(
        self, connection: Connection, money: Sequence[ProjectMoney]
    ) -> tuple[CurvePoint, ...]:
        """Return planned and paid, cumulative by month, from the first that says something on.

        What is planned are the contracts by the plan days of the milestones that pay; of a project
        of which neither is known, its allotments.
        """
        due, paid, planless = Counter[date](), Counter[date](), set[str]()
        paying = project_lists.milestones_of(connection, [one.project for one in money])
        for one in money:
            signed = sum(of.contract.amount_fen for of in one.contracts)
            days = [of.plan_on for of in paying.get(one.project, ()) if of.pays]
            plan = planned(signed, days)
            for share in plan:
                due[share.on.replace(day=1)] += share.amount_fen
            if not plan:
                planless.add(one.project)
        asked = {one.project for one in money}
        for (project, month), moved in self.books.now(connection, self.zone).months.items():
            if project in asked:
                paid[month] += moved.paid_fen
            if project in planless:
                due[month] += moved.allot_fen
        return curve(due, paid, self.now().astimezone(ZoneInfo(self.zone)).date())

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


def curve(due: Mapping[date, int], paid: Mapping[date, int], today: date) -> tuple[CurvePoint, ...]:
    """Return both as cumulative sums, a point a month; nothing is paid after today."""
    every = [*due, *paid]
    if not every:
        return ()
    found, planned_fen, paid_fen = [], 0, 0
    for month in months_from(min(every), max(*every, today.replace(day=1))):
        planned_fen += due.get(month, 0)
        paid_fen += paid.get(month, 0)
        found.append(CurvePoint(month, planned_fen, paid_fen if month <= today else None))
    return tuple(found)


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
