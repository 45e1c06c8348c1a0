"""`forms.payment_ports.Payments` over the cases store, which is only read, and the door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from cases import payment_rows
from cases.database import reading
from cases.messages import Actor, Source
from cases.payment_rows import KeptPayment
from cases.payment_turns import WAITED_FOR, waits_for
from cases.payments import OBJECT, PaymentAnswer, RequestPayment
from cases.reception import NotNow
from forms.reason_ports import RulingReasons
from policies.access import Access, Thing
from rules.pack import Pack
from yichuang.payment_door import PaymentDoor
from yichuang.payment_rules import SUBJECTS
from yichuang.stored_rulings import StoredRulings
from yichuang.web_reasons import WebReasons

WAIT_S = 45.0
"""Longer than the door itself waits: it says why there is no answer."""

Ask = Callable[[Actor, Source, str, RequestPayment], PaymentAnswer]


@dataclass(frozen=True)
class WebPayments:
    """Requests for money as the pages ask for them; safe in any number of threads."""

    engine: Engine
    access: Access
    ask: Ask
    in_force: Callable[[], Mapping[str, Pack]]
    rulings: StoredRulings
    departments: Callable[[], Collection[str]]
    """Codes of the city's departments."""
    now: Callable[[], datetime]

    def packs(self) -> Mapping[str, Pack]:
        return {
            name: pack
            for name, pack in self.in_force().items()
            if pack.definition.subject in SUBJECTS
        }

    def may_read(self, actor: Actor) -> frozenset[str]:
        return self._where(actor, "payment_read")

    def may_request(self, actor: Actor) -> frozenset[str]:
        return self._where(actor, "payment_request")

    def _where(self, actor: Actor, act: str) -> frozenset[str]:
        at = self.now()
        return frozenset(
            one
            for one in self.departments()
            if self.access.decide(actor, act, Thing(OBJECT, department=one), at).allowed
        )

    def request(
        self, actor: Actor, source: Source, command_id: str, body: RequestPayment
    ) -> PaymentAnswer:
        return self.ask(actor, source, command_id, body)

    def listing(self, actor: Actor, outcome: str, page: int) -> tuple[Sequence[KeptPayment], int]:
        mine = self.may_read(actor)
        with reading(self.engine) as connection:
            return payment_rows.listing(connection, mine, outcome, page)

    def waiting(self, actor: Actor, page: int) -> tuple[Sequence[KeptPayment], int] | None:
        where = {step: self._where(actor, step) for step in WAITED_FOR}
        if not any(where.values()):
            return None
        mine, turn = self.may_read(actor), waits_for(actor.id, where)
        with reading(self.engine) as connection:
            return payment_rows.waiting(connection, mine, turn, page)

    def find(self, payment: str) -> KeptPayment | None:
        with reading(self.engine) as connection:
            return payment_rows.find(connection, payment)

    def reasons(self, one: KeptPayment) -> Sequence[RulingReasons]:
        told = WebReasons(self.rulings)
        return [told.one(stored) for stored in self.rulings.of_payment(one.id, one.number)]


def asker(door: PaymentDoor, loop: asyncio.AbstractEventLoop) -> Ask:
    """Return how threads that are not the door's ask it. Raises `NotNow`."""

    def ask(actor: Actor, source: Source, command_id: str, body: RequestPayment) -> PaymentAnswer:
        asked = door.request(actor, source, command_id, body)
        try:
            return asyncio.run_coroutine_threadsafe(asked, loop).result(WAIT_S)
        except TimeoutError as late:
            raise NotNow("暂时没有答复，请用同一编号重试") from late

    return ask
