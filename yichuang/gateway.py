"""The door for systems: orders in over NATS JetStream, one answer to each, nothing lost.

The order of writes, and where a crash leaves us:

1. A message lies in stream CMD until it is acknowledged.
2. The reception settles it; from here on the command id finds its outcome for ever.
3. The register notes the answer (a crash before this: the message comes again, step 2 finds it).
4. The answer goes to stream RPL (a crash before this: it comes again, step 3 finds it).
5. The message is acknowledged.

Orders of one case are carried out in the order of the stream, others beside them. After a crash
the server gives what is new at once and what the dead one held only later: what came too early is
held back (yichuang/in_order.py). What cannot be taken is kept as a dead letter with its reason,
answered, and acknowledged.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NothingThere
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import Error as JetStreamError

from cases.database import open_engine
from cases.facts import CaseFacts
from cases.messages import Actor, Outcome, Source
from cases.reception import NotNow, Reception, Request
from yichuang import joining, orders, roles, subjects, temporal
from yichuang.bus import connect
from yichuang.events import STRUCTURED, Event, EventInvalid, read
from yichuang.fund_door import FundDoor, WithFund
from yichuang.in_order import InOrder
from yichuang.inbox import Inbox, Message, Taken, named
from yichuang.incident_door import IncidentDoor
from yichuang.key_log import note_subjects
from yichuang.life_reception import WithLives, incident_kind, project_kind
from yichuang.payment_door import PaymentDoor, WithPayments
from yichuang.plan_door import PlanDoor, WithPlan
from yichuang.project_door import ProjectDoor
from yichuang.questions import Desk
from yichuang.reading import CityReader
from yichuang.reception import CityReception
from yichuang.refusals import RefusalLog
from yichuang.rewrapping import Rewrapper
from yichuang.services import Services
from yichuang.settings import Settings
from yichuang.unit_incidents import UnitIncidents

CONSUMER = "gateway"
ACK_WAIT_SECONDS = 15
"""After so long without a sign of life the messages of a dead gateway come to the next one. A
living one says `in_progress` three times in it, however long the handling takes."""
AT_ONCE = 256
"""Messages taken from the stream at a time, and at most unacknowledged."""
CASES_AT_ONCE = 32
BACK_OFF_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
STOP_SECONDS = 5.0
POISON_AFTER = 8
"""Deliveries after which a message that crashes its handling becomes a dead letter."""

_log = logging.getLogger("yichuang.gateway")


@dataclass
class _Order:
    """A message that was understood."""

    message: Msg
    subject: subjects.OrderSubject
    event: Event
    request: Request


@dataclass
class _Line:
    """Orders of one case that wait for their turn."""

    waiting: list[_Order] = field(default_factory=list)


class Gateway:
    """Takes orders from JetStream until `stop` is set."""

    def __init__(
        self,
        bus: Client,
        city: str,
        reception: Reception,
        inbox: Inbox,
        actor_of: Callable[[str, str], Actor | None],
    ) -> None:
        """`actor_of(user, department)` gives the service that a NATS user is, or None."""
        self._bus = bus
        self._js: JetStreamContext = bus.jetstream()
        self._city = city
        self._reception = reception
        self._inbox = inbox
        self._actor_of = actor_of
        self._lines: dict[str, _Line] = {}
        self._working = asyncio.Semaphore(CASES_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unacknowledged: dict[int, Msg] = {}
        self._in_order = InOrder(self._js, "CMD")
        self._fault: BaseException | None = None
        self.taken = 0
        self.buried = 0

    async def declare(self) -> None:
        """Make the streams and the durable consumer, explicitly, as they stand in this file."""
        await subjects.declare(self._js, "CMD", "RPL", "DLQ")
        await self._js.add_consumer(
            "CMD",
            ConsumerConfig(
                durable_name=CONSUMER,
                deliver_policy=DeliverPolicy.ALL,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ACK_WAIT_SECONDS,
                max_deliver=-1,  # this process counts: a Temporal that is away is no poison
                max_ack_pending=AT_ONCE,
            ),
        )

    async def run(self, stop: asyncio.Event, beat: Callable[[], None]) -> None:
        """Take orders until `stop` is set, then finish those under way.

        Raises what ended the handling of a case unexpectedly: its messages are not acknowledged
        and come again, to this process once it is started anew.
        """
        pull = await self._js.pull_subscribe_bind(durable=CONSUMER, stream="CMD")
        keeper = asyncio.create_task(self._keep_alive())
        try:
            while not stop.is_set():
                if self._fault is not None:
                    raise self._fault
                beat()
                try:
                    messages = await pull.fetch(AT_ONCE, timeout=1)
                except (NothingThere, TimeoutError):
                    messages = []
                except NatsError as away:
                    _log.warning("NATS is away: %s", away)
                    await asyncio.sleep(1)
                    continue
                for message in messages:
                    self._unacknowledged[message.metadata.sequence.stream] = message
                await self._admit(await self._in_order.ready(messages))
        finally:
            if self._tasks:
                _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
                for task in late:  # their messages come again
                    task.cancel()
            keeper.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(ACK_WAIT_SECONDS / 3)
            for message in list(self._unacknowledged.values()):
                await message.in_progress()

    async def _admit(self, messages: Sequence[Msg]) -> None:
        """Sort a fetched batch into the lines of its cases, in order."""
        for message in messages:
            order = await self._understood(message)
            if order is None:
                continue
            key = _case_key(order)
            line = self._lines.get(key)
            if line is not None:
                line.waiting.append(order)
                continue
            self._lines[key] = _Line([order])
            task = asyncio.create_task(self._work(key))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _understood(self, message: Msg) -> _Order | None:
        """Return the order in a message; bury it and return None when there is none."""
        subject = subjects.parse_order(message.subject)
        event: Event | None = None
        try:
            if subject is None or subject.city != self._city:
                raise EventInvalid(
                    "subject",
                    "主题应为 cmd.<市>.<部门>.<用户>.case.<动作>、….project.<动作>、"
                    "….incident.<动作>、….payment.request、….fund.use 或 ….plan.report",
                )
            if message.metadata.num_delivered > POISON_AFTER:
                raise EventInvalid("", f"投递 {message.metadata.num_delivered} 次仍处理不了")
            event = read(message.data, message.headers)
            return _Order(message, subject, event, orders.request_of(event, subject))
        except EventInvalid as wrong:
            await self._bury(message, "malformed", wrong.reason, wrong.field, event)
            return None

    async def _work(self, key: str) -> None:
        """Carry out a case's line until it is empty."""
        async with self._working:
            line = self._lines[key]
            while line.waiting:
                batch, line.waiting = _same_sender(line.waiting)
                await self._carry_out(batch)
            del self._lines[key]

    async def _carry_out(self, batch: Sequence[_Order]) -> None:
        user, department = batch[0].subject.user, batch[0].subject.department
        actor = await asyncio.to_thread(self._actor_of, user, department)
        if actor is None:
            for order in batch:
                await self._bury(
                    order.message, "unknown_sender",
                    f"没有登记系统用户 {user}，或它不得办理部门 {department}", "subject",
                    order.event,
                )  # fmt: skip
            return
        known = await asyncio.to_thread(self._inbox.answers, [order.request.id for order in batch])
        outcomes = {
            command: outcome.model_copy(update={"repeated": True})
            for command, outcome in known.items()
        }
        fresh = [order for order in batch if order.request.id not in outcomes]
        if known:
            again = [_named(order) for order in batch if order.request.id in outcomes]
            await asyncio.to_thread(self._inbox.note_repeated, user, again)
        if fresh:
            outcomes |= await self._settled(actor, fresh)
            await asyncio.to_thread(self._inbox.note, [_taken(o, outcomes) for o in fresh])
        for order in batch:
            await self._answer(order, outcomes[order.request.id])

    async def _settled(self, actor: Actor, batch: Sequence[_Order]) -> dict[str, Outcome]:
        """Ask the reception, again and again while the world is away: order must not change."""
        source = Source(door="nats", message=f"{batch[0].event.source} {batch[0].event.id}"[:400])
        attempt = 0
        while True:
            try:
                answers = await self._reception.handle(
                    actor, source, [order.request for order in batch]
                )
            except NotNow as away:
                pause = BACK_OFF_SECONDS[min(attempt, len(BACK_OFF_SECONDS) - 1)]
                attempt += 1
                _log.warning("not now, again in %s s: %s", pause, away)
                await asyncio.sleep(pause)
            else:
                return {outcome.command_id: outcome for outcome in answers}

    async def _answer(self, order: _Order, outcome: Outcome) -> None:
        answer = orders.Answer(
            event_id=order.event.id,
            event_source=order.event.source,
            outcome=outcome,
            field=outcome.field,
            reason=outcome.reason,
        )
        await self._publish_answer(order.subject.user, order.event.id, answer)
        await self._acknowledge(order.message)
        self.taken += 1

    async def _bury(
        self, message: Msg, reason: str, sentence: str, path: str, event: Event | None
    ) -> None:
        metadata = message.metadata
        letter = Message(
            metadata.stream, metadata.sequence.stream, message.subject, message.data,
            dict(message.headers or {}),
        )  # fmt: skip
        number = await asyncio.to_thread(self._inbox.bury, letter, reason, sentence, path)
        user = subjects.sender_of(message.subject) or "unknown"
        headers = {"Yichuang-Letter": str(number), "Yichuang-Reason": reason}
        if path:
            headers["Yichuang-Field"] = path
        await self._publish(f"dlq.{self._city}.{user}", message.data, headers)
        event_id = event.id if event else _id_of(message)
        answer = orders.Answer(
            event_id=event_id or f"{letter.stream}:{letter.stream_seq}",
            event_source=event.source if event else "",
            dead_letter=str(number),
            field=path,
            reason=sentence,
        )
        await self._publish_answer(user, answer.event_id, answer)
        await self._acknowledge(message)
        self.buried += 1

    async def _publish_answer(self, user: str, event_id: str, answer: orders.Answer) -> None:
        subject = subjects.answer_subject(self._city, user, event_id)
        event = orders.answer_event(self._city, answer)
        await self._publish(subject, event.to_json(), {"Content-Type": STRUCTURED})

    async def _publish(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        """Publish until JetStream has it: an order without an answer would look lost."""
        while True:
            try:
                await self._js.publish(subject, body, headers=headers)
            except (NatsError, JetStreamError, TimeoutError) as away:
                _log.warning("JetStream does not take %s yet: %s", subject, away)
                await asyncio.sleep(1)
            else:
                return

    async def _acknowledge(self, message: Msg) -> None:
        await message.ack()
        self._unacknowledged.pop(message.metadata.sequence.stream, None)


def _id_of(message: Msg) -> str:
    """Return the id that a broken envelope still shows, so that its sender finds the answer."""
    headers = message.headers or {}
    for name in ("ce-id", "Nats-Msg-Id"):
        if headers.get(name):
            return headers[name]
    try:
        document = orjson.loads(message.data)
    except orjson.JSONDecodeError:
        return ""
    shown = document.get("id") if isinstance(document, dict) else None
    return shown if isinstance(shown, str) else ""


def _case_key(order: _Order) -> str:
    request = order.request
    if order.subject.thing != "case":
        # Whoever writes a case's number into an order to a project mixes no lines.
        return f"{order.subject.thing}\n{request.case_no or request.case_id or request.id}"
    if request.reference:
        return f"{order.subject.user}\n{request.reference}"
    return request.case_no or request.case_id or request.id


def _same_sender(waiting: list[_Order]) -> tuple[list[_Order], list[_Order]]:
    """Return the longest beginning that one sender sent for one department, and the rest."""
    first = waiting[0].subject
    n = 0
    seen: set[str] = set()
    for order in waiting:
        here = order.subject
        same = (here.user, here.department) == (first.user, first.department)
        if not same or order.request.id in seen:  # a repeat within the batch waits for the first
            break
        seen.add(order.request.id)
        n += 1
    return waiting[:n], waiting[n:]


def _named(order: _Order) -> tuple[str, str]:
    return named(order.subject.user, order.event)


def _taken(order: _Order, outcomes: Mapping[str, Outcome]) -> Taken:
    return Taken(
        source=_named(order)[0],
        message_id=_named(order)[1],
        command_id=order.request.id,
        digest=hashlib.sha256(orjson.dumps(order.event.data)).hexdigest(),
        outcome=outcomes[order.request.id],
        sender=order.subject.user,
    )


async def _serve(settings: Settings) -> None:
    gateway_store = open_engine(settings.store_url("gateway"))
    vault = joining.vault_of(settings)
    sealer = joining.sealer_of(settings, vault)
    released = joining.released_of(settings)
    queries = joining.queries_of(settings, sealer, released=released)
    access = joining.access_of(settings, "gateway", released)
    making = note_subjects(gateway_store, "gateway")
    inbox = Inbox(gateway_store, joining.vault_of(settings, gateway_store, making), sealer.who)
    bus = await connect(settings, "gateway")
    client, queue = await temporal.connect(settings, lazy=True), settings.temporal_task_queue
    refusals = RefusalLog(gateway_store, "gateway", sealer.who)
    with_payments = WithPayments(
        CityReception(
            client,
            queue,
            access=access,
            queries=queries,
            catalogue=released.catalogue,
            refusals=refusals,
        ),
        PaymentDoor(client, queue, access=access, engine=queries.engine, refusals=refusals),
    )
    with_plan = WithPlan(
        with_payments,
        PlanDoor(client, queue, access=access, engine=queries.engine, refusals=refusals),
    )
    given: dict[str, Any] = {"access": access, "engine": queries.engine, "refusals": refusals}
    reception = WithLives(
        WithFund(with_plan, FundDoor(client, queue, **given)),
        {
            "project": project_kind(ProjectDoor(client, queue, **given)),
            "incident": incident_kind(IncidentDoor(client, queue, **given)),
        },
        access=access,
        engine=queries.engine,
    )

    def may(actor: Actor, act: str, facts: CaseFacts) -> bool:
        return access.decide(actor, act, facts, datetime.now(UTC)).allowed

    service = Services(open_engine(settings.store_url("web"), read_only=True)).actor
    gateway = Gateway(bus, settings.city, reception, inbox, service)
    await gateway.declare()
    incidents = UnitIncidents(queries.engine, access)
    await Desk(bus, settings.city, CityReader(queries), inbox, service, may, incidents).open()
    stop = asyncio.Event()
    working = asyncio.create_task(gateway.run(stop, lambda: None))
    beating = asyncio.create_task(roles.until_stopped())
    wrapping = asyncio.create_task(Rewrapper(settings, "gateway").run())
    roles.ready(settings, "gateway", "CMD")
    try:
        await asyncio.wait({working, beating}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        wrapping.cancel()
    await working  # raises what ended it
    await bus.drain()


def main(settings: Settings) -> int:
    """Take orders until the process is asked to stop."""
    asyncio.run(_serve(settings))
    return 0
