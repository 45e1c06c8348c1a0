"""Clients of both doors, and the ledger of what was acknowledged to them.

A `patient` client sends an unanswered order again with the same id, as a good client does; the
others publish until JetStream has acknowledged once and never again, and only wait. `apart` orders
are sent a single time by everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

import httpx2
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from tests.chaos.city import City
from tests.chaos.scripts import Order, Script
from yichuang.events import read
from yichuang.orders import order_event
from yichuang.subjects import OrderSubject, answer_subject, command_id

ASK_SECONDS = 2.0
"""How often an answer that did not come by itself is looked for in stream RPL."""
AGAIN_SECONDS = 6.0
"""After so long a patient client sends again."""
GIVE_UP_SECONDS = 120.0

AWAY = (NatsError, JetStreamError, TimeoutError, OSError)


@dataclass
class Line:
    """One order in the ledger."""

    command_id: str
    user: str
    verb: str
    case: str
    event_id: str = ""
    """Of the CloudEvent; empty for REST."""
    is_acknowledged: bool = False
    """PubAck of JetStream, or 2xx."""
    answer: dict[str, Any] | None = None
    """The outcome, when it was heard."""


@dataclass
class Ledger:
    """What was sent and what of it was acknowledged."""

    lines: list[Line] = field(default_factory=list)

    @property
    def acknowledged(self) -> list[Line]:
        return [line for line in self.lines if line.is_acknowledged]

    @property
    def answered(self) -> int:
        return sum(line.answer is not None for line in self.lines)


class Integrators:
    """Connections of every user to one city."""

    def __init__(self, city: City, token: str) -> None:
        self.city = city
        self.ledger = Ledger()
        self.source = f"/tests/{uuid4().hex[:8]}"
        self._token = token
        self._buses: dict[str, Client] = {}
        self._heard: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._http = httpx2.AsyncClient(timeout=10)

    async def __aenter__(self) -> Self:
        name = self.city.settings.city
        for user in self.city.settings.nats_integrators:
            bus = await self.city.bus(user)
            await bus.subscribe(f"rpl.{name}.{user}.>", cb=self._hear)
            self._buses[user] = bus
        return self

    async def __aexit__(self, *_: object) -> None:
        for bus in self._buses.values():
            await bus.close()
        await self._http.aclose()

    async def _hear(self, message: Msg) -> None:
        data = read(message.data, message.headers).data
        if data.get("event_source") != self.source:
            return
        waiting = self._heard.get(data["event_id"])
        if waiting is not None and not waiting.done():
            waiting.set_result(data)

    def bus_of(self, user: str) -> Client:
        return self._buses[user]

    def department_of(self, user: str, department: str) -> str:
        """Return for which department a user orders; the script's, unless a test says other."""
        return department

    def note(self, event_id: str, user: str, subject: str, body: bytes) -> None:
        """Hear of every message before it is first sent."""

    async def carry_out(self, script: Script, name: str, *, patient: bool) -> str:
        """Order a whole case, one order after the other; return its case number."""
        case_no = ""
        for place, order in enumerate(script.orders):
            line = Line("", order.user, order.verb, name)
            self.ledger.lines.append(line)
            if order.door == "rest":
                line.command_id = f"{self.source.strip('/').replace('/', '.')}.{name}.{place}"
                await self._over_rest(line, order, name, case_no)
            else:
                line.event_id = f"{name}/{place}"
                line.command_id = command_id(order.user, self.source, line.event_id)
                await self._over_nats(line, order, script.department, case_no, patient)
            if order.apart:
                continue
            assert line.answer is not None
            assert line.answer["status"] == "done", (script.name, order, line.answer)
            case_no = line.answer["case_no"]
        return case_no

    # --- NATS --------------------------------------------------------------------------------

    async def _over_nats(
        self, line: Line, order: Order, department: str, case_no: str, patient: bool
    ) -> None:
        city = self.city.settings.city
        named = {"case_no": case_no} if case_no else {"reference": f"{self.source}/{line.case}"}
        event = order_event(
            city,
            order.verb,
            {**named, "body": order.made()},
            source=self.source,
            event_id=line.event_id,
        )
        department = self.department_of(order.user, department)
        subject = str(OrderSubject(city, department, order.user, order.verb))
        self.note(line.event_id, order.user, subject, event.to_json())
        self._heard[line.event_id] = asyncio.get_running_loop().create_future()
        if order.apart:
            await self._publish(line, subject, event.to_json(), once=True)
            return
        await self._publish(line, subject, event.to_json())
        waited = 0.0
        while line.answer is None:
            answer = await self._answer(line)
            waited += ASK_SECONDS
            if answer is not None:
                assert answer.get("outcome"), f"{line} was dead-lettered: {answer}"
                line.answer = answer["outcome"]
            elif waited > GIVE_UP_SECONDS:
                raise AssertionError(f"no answer to an acknowledged order: {line}")
            elif patient and waited % AGAIN_SECONDS < ASK_SECONDS:
                await self._publish(line, subject, event.to_json())

    async def _publish(self, line: Line, subject: str, body: bytes, *, once: bool = False) -> None:
        js = self._buses[line.user].jetstream()
        while True:
            try:
                await js.publish(subject, body, timeout=3)
            except AWAY:
                if once:
                    return
                await asyncio.sleep(0.3)
            else:
                line.is_acknowledged = True
                return

    async def _answer(self, line: Line) -> dict[str, Any] | None:
        """Return the answer, heard or kept in RPL; None when there is none yet."""
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await asyncio.shield(self._heard[line.event_id])
        except TimeoutError:
            return await self.kept_answer(line)

    async def kept_answer(self, line: Line) -> dict[str, Any] | None:
        """Return the newest answer to an order that stream RPL has kept."""
        subject = answer_subject(self.city.settings.city, line.user, line.event_id)
        js = self._buses[line.user].jetstream()
        try:
            kept = await js.get_last_msg("RPL", subject, direct=True)
        except AWAY:
            return None
        found: dict[str, Any] = read(kept.data or b"", kept.headers).data
        return found

    # --- REST --------------------------------------------------------------------------------

    async def _over_rest(self, line: Line, order: Order, name: str, case_no: str) -> None:
        path = f"/cases/{case_no}/commands/{order.verb}" if case_no else "/cases"
        body = order.made()
        if not case_no:
            body["reference"] = f"{self.source}/{name}"
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": line.command_id}
        waited = 0.0
        while True:
            try:
                said = await self._http.post(self.city.rest + path, json=body, headers=headers)
            except httpx2.HTTPError:
                said = None
            if said is not None and said.is_success:
                line.is_acknowledged, line.answer = True, said.json()
                return
            if order.apart:
                return
            if said is not None and said.status_code < 500:
                raise AssertionError(f"{line}: {said.status_code} {said.text}")
            waited += 1
            if waited > GIVE_UP_SECONDS:
                raise AssertionError(f"{line} was never taken")
            await asyncio.sleep(0.5)


async def in_crowd(works: Sequence[Callable[[], Any]], at_once: int) -> list[Any]:
    """Run coroutines, at most so many at once; the first failure ends all."""
    gate = asyncio.Semaphore(at_once)

    async def one(work: Callable[[], Any]) -> Any:
        async with gate:
            return await work()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(work)) for work in works]
    return [task.result() for task in tasks]
