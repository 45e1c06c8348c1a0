"""From the streams into the store: red by its own way, the others, and the alarms of readings.

The order of writes, and where a crash leaves us:

1. A signal lies in stream SIG until it is acknowledged; an alarm lies in EVT for half a year.
2. A few messages are taken in one transaction: rows, what became of them, orders to incidents,
   the entry. A crash before the commit leaves nothing of them; one after it, and they come again,
   find themselves there and change nothing.
3. Who sent what was refused hears it on its answer's subject.
4. The messages are acknowledged, and with that SIG lets go of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NothingThere
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import Error as JetStreamError
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError

from cases.database import StoreUnwritable
from cases.incidents.signal import LANES
from yichuang import subjects
from yichuang.events import STRUCTURED, Event
from yichuang.signals.alarms import SENDER, AlarmReader, filters
from yichuang.signals.reading import SignalReader, SignalRefused, Taken
from yichuang.signals.store import Delivery

STREAM: Final = "SIG"
RED, OTHERS, ALARMS = "signals-red", "signals", "signals-alarms"
ACK_WAIT_SECONDS: Final = 10
"""After so long without a sign of life the messages of a dead process come to the next one."""
AT_ONCE: Final = 64
"""Messages of one transaction at most: few enough that what is red waits for one of them alone."""
TRIES_ALONE: Final = 3
"""Failures of a message by itself after which it is buried."""
POISON_AFTER: Final = 50
"""Deliveries after which a message is buried that takes the whole process with it."""
BACK_OFF_SECONDS: Final = 1.0

_log = logging.getLogger("yichuang.signals")


class Store(Protocol):
    def take(self, deliveries: Sequence[Delivery], at: datetime) -> None: ...


class Intake:
    """Takes signals until `stop` is set."""

    def __init__(
        self, bus: Client, city: str, reader: SignalReader, store: Store, alarms: AlarmReader
    ) -> None:
        self._js: JetStreamContext = bus.jetstream()
        self._city, self._reader, self._store, self._alarms = city, reader, store, alarms
        # First come, first served: a batch of red ones waits for one batch of the others at most.
        self._turn = asyncio.Lock()
        self._under_way: dict[str, Sequence[Msg]] = {}
        self._failures: dict[tuple[str, int], int] = {}
        self.taken = self.repeated = self.refused = 0
        self.arrived = asyncio.Event()
        """Set whenever a batch has been written: there may be orders to give."""

    async def declare(self) -> None:
        """Make the streams and the durable consumers, explicitly, as they stand in this file."""
        await subjects.declare(self._js, STREAM, "EVT", "RPL")
        others = [f"sig.*.*.*.{lane}" for lane in LANES if lane != "red"]
        await self._consumer(STREAM, RED, ["sig.*.*.*.red"], DeliverPolicy.ALL)
        await self._consumer(STREAM, OTHERS, others, DeliverPolicy.ALL)
        # Alarms from before there was anybody to hear them are no news.
        await self._consumer("EVT", ALARMS, filters(self._city), DeliverPolicy.NEW)

    async def _consumer(
        self, stream: str, name: str, wanted: list[str], begin: DeliverPolicy
    ) -> None:
        await self._js.add_consumer(
            stream,
            ConsumerConfig(
                durable_name=name,
                deliver_policy=begin,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ACK_WAIT_SECONDS,
                max_deliver=-1,  # this process counts: a full disk is no poison
                max_ack_pending=4 * AT_ONCE,
                filter_subject=wanted[0] if len(wanted) == 1 else None,
                filter_subjects=wanted if len(wanted) > 1 else None,
            ),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Take messages until `stop` is set. Raises what ended a lane unexpectedly."""
        keeper = asyncio.create_task(self._keep_alive())
        lanes = [
            asyncio.create_task(self._lane(name, stream, stop))
            for name, stream in ((RED, STREAM), (OTHERS, STREAM), (ALARMS, "EVT"))
        ]
        try:
            done, _ = await asyncio.wait(lanes, return_when=asyncio.FIRST_EXCEPTION)
            for one in done:
                one.result()
        finally:
            keeper.cancel()
            for one in lanes:
                one.cancel()

    async def _lane(self, name: str, stream: str, stop: asyncio.Event) -> None:
        pull = await self._js.pull_subscribe_bind(durable=name, stream=stream)
        while not stop.is_set():
            try:
                messages = await pull.fetch(AT_ONCE, timeout=1)
            except (NothingThere, TimeoutError):
                continue
            except NatsError as away:
                _log.warning("NATS is away: %s", away)
                await asyncio.sleep(BACK_OFF_SECONDS)
                continue
            # What was fetched is taken, also at the end: given to nobody, it would come again
            # only after `ACK_WAIT_SECONDS`.
            self._under_way[name] = messages
            await self._take(messages)
            self._under_way.pop(name)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(ACK_WAIT_SECONDS / 3)
            for messages in list(self._under_way.values()):
                for message in messages:
                    if not message.is_acked:
                        await message.in_progress()

    def told(self) -> str:
        """Return one line on how it goes."""
        return f"{STREAM} 信号 {self.taken} 重复投递 {self.repeated} 退回 {self.refused}"

    # --- a few messages --------------------------------------------------------------------------

    async def _take(self, messages: Sequence[Msg]) -> None:
        """Store messages and acknowledge them; those that fail together are tried one by one."""
        try:
            deliveries = await self._stored(messages)
        except Exception:
            # One of the few places where anything is caught: a stream must not stand still for one
            # message. The messages are told apart, the culprit is counted.
            _log.exception("%s signals could not be stored together", len(messages))
            if len(messages) == 1:
                place = _place(messages[0])
                self._failures[place] = self._failures.get(place, 0) + 1
            for message in messages:
                await self._take([message])
        else:
            await self._answer(deliveries)
            for message in messages:
                self._failures.pop(_place(message), None)
                await message.ack()
            self.arrived.set()

    async def _stored(self, messages: Sequence[Msg]) -> list[Delivery]:
        """Store, again and again while the disk is full or the database away."""
        while True:
            now = datetime.now(UTC)
            try:
                async with self._turn:
                    deliveries = await asyncio.to_thread(self._read, messages, now)
                    await asyncio.to_thread(self._store.take, deliveries, now)
            except (StoreUnwritable, OperationalError, InterfaceError, IntegrityError) as away:
                _log.warning("the store of signals does not take this yet: %s", away)
                await asyncio.sleep(BACK_OFF_SECONDS)
            else:
                self._count(deliveries)
                return deliveries

    def _count(self, deliveries: Sequence[Delivery]) -> None:
        self.refused += sum(one.refused is not None for one in deliveries)
        self.repeated += sum(one.repeated for one in deliveries)
        self.taken += sum(one.turn is not None and not one.repeated for one in deliveries)

    def _read(self, messages: Sequence[Msg], now: datetime) -> list[Delivery]:
        read = (self._delivery(message, now) for message in messages)
        return [one for one in read if one.taken is not None or one.refused is not None]

    def _delivery(self, message: Msg, now: datetime) -> Delivery:
        """Return what a message says; one that says nothing is refused."""
        one = Delivery(
            message.metadata.sequence.stream, message.subject,
            subjects.sender_of(message.subject), message.data, None,
        )  # fmt: skip
        try:
            tries = self._failures.get(_place(message), 0)
            if tries >= TRIES_ALONE or message.metadata.num_delivered > POISON_AFTER:
                raise SignalRefused("", "多次处理都失败", "请把这条消息交给系统管理员")
            one.taken = self._taken(message, now)
            one.event_id = one.taken.signal.id if one.taken else ""
        except SignalRefused as no:
            one.refused = no
        return one

    def _taken(self, message: Msg, now: datetime) -> Taken | None:
        """Return the signal of a message, None for an alarm that makes no incident."""
        if message.metadata.stream == STREAM:
            return self._reader.read(message.subject, message.data, message.headers, now)
        said = self._alarms.read(message.subject, message.data, message.headers)
        return None if said is None else self._reader.take(said, SENDER, now)

    async def _answer(self, deliveries: Sequence[Delivery]) -> None:
        """Tell who sent what was refused, before the acknowledgement: it is never lost."""
        for one in deliveries:
            if one.refused is None or not one.subject.startswith("sig."):
                continue
            event_id = one.event_id or f"{STREAM}:{one.stream_seq}"
            event = Event(
                id=hashlib.sha256(f"{one.stream_seq}\n{event_id}".encode()).hexdigest()[:32],
                source=f"/city/{self._city}/signals",
                type=f"cn.{self._city}.signal.refused.v1",
                time=datetime.now(UTC),
                datacontenttype="application/json",
                data={
                    "event_id": event_id, "signal_id": one.refused.signal_id,
                    "field": one.refused.field, "reason": one.refused.reason,
                    "remedy": one.refused.remedy,
                },
            )  # fmt: skip
            user = one.sender or "unknown"
            await self._publish(subjects.answer_subject(self._city, user, event_id), event)

    async def _publish(self, subject: str, event: Event) -> None:
        while True:
            try:
                await self._js.publish(
                    subject, event.to_json(), headers={"Content-Type": STRUCTURED}
                )
            except (NatsError, JetStreamError, TimeoutError) as away:
                _log.warning("JetStream does not take %s yet: %s", subject, away)
                await asyncio.sleep(BACK_OFF_SECONDS)
            else:
                return


def _place(message: Msg) -> tuple[str, int]:
    return message.metadata.stream, message.metadata.sequence.stream
