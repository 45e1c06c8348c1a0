"""The door for sensors: readings in over NATS JetStream, alarms out, nothing lost.

The order of writes, and where a crash leaves us:

1. A message lies in stream TELE until it is acknowledged.
2. A few messages are taken in one transaction: readings, windows, alarms, entries, events, and what
   was refused. A crash before the commit leaves nothing of them; one after it, and they come again,
   find their readings there and change nothing.
3. Whose readings were refused hears it on its answer's subject: each place, why, and the remedy.
4. The messages are acknowledged; the relay sends the events of the alarms.

A message whose handling fails by itself is tried alone, and buried after a few tries: it never
stops the stream.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NothingThere
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import Error as JetStreamError
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError

from cases.database import StoreUnwritable, open_engine
from catalogue.load import HERE
from catalogue.stations import Stations, load_stations
from rules.pack import Pack, Slice
from rules.process import RulesProcess
from yichuang import joining, roles, subjects
from yichuang.bus import connect
from yichuang.events import STRUCTURED, Event, EventInvalid
from yichuang.reading_rules import SUBJECT, PacksAt, ReadingRules, instant
from yichuang.reading_store import Delivery, ReadingStore
from yichuang.reading_telling import Telling
from yichuang.readings import Parsed, Reader, Refused, parse_subject
from yichuang.relay import Relay
from yichuang.released import Released
from yichuang.services import Services
from yichuang.settings import Settings

CONSUMER = "telemetry"
STREAM = "TELE"
ACK_WAIT_SECONDS = 10
"""After so long without a sign of life the messages of a dead process come to the next one. A
living one says `in_progress` three times in it, however long a batch takes."""
AT_ONCE = 16
"""Messages of one transaction at most: sixteen times a thousand readings."""
TRIES_ALONE = 3
"""Failures of a message by itself after which it is buried whole."""
POISON_AFTER = 50
"""Deliveries after which a message is buried that takes the whole process with it. Many, for a
message in good health is delivered again with every restart."""
BACK_OFF_SECONDS = 2.0

_log = logging.getLogger("yichuang.telemetry")


class Telemetry:
    """Takes readings from JetStream until `stop` is set."""

    def __init__(
        self,
        bus: Client,
        city: str,
        stations: Stations,
        store: Callable[[], ReadingStore],
        relay: Relay,
        may: Callable[[str, str], bool],
    ) -> None:
        """`store` makes the writer anew; `may(user, department)`: may that system send for it."""
        self._js: JetStreamContext = bus.jetstream()
        self._city = city
        self._reader = Reader(stations, city)
        self._make = store
        self._store: ReadingStore | None = None
        self._relay = relay
        self._may = may
        self.readings = self.refused = self.messages = 0
        self.last = ""
        self.waiting = 0
        """Messages that lay in the stream behind the last one taken."""
        self._under_way: Sequence[Msg] = ()
        self._failures: dict[int, int] = {}
        """By sequence in the stream: how often a message failed alone."""

    async def declare(self) -> None:
        """Make the streams and the durable consumer, explicitly, as they stand in this file."""
        await subjects.declare(self._js, STREAM, "RPL", "EVT")
        await self._js.add_consumer(
            STREAM,
            ConsumerConfig(
                durable_name=CONSUMER,
                deliver_policy=DeliverPolicy.ALL,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ACK_WAIT_SECONDS,
                max_deliver=-1,  # this process counts: a full disk is no poison
                max_ack_pending=8 * AT_ONCE,
            ),
        )

    async def run(self, stop: asyncio.Event, beat: Callable[[str], None]) -> None:
        """Take messages until `stop` is set; the next are read while some are stored."""
        pull = await self._js.pull_subscribe_bind(durable=CONSUMER, stream=STREAM)

        async def fetched() -> list[tuple[Msg, Delivery]]:
            try:
                messages = await pull.fetch(AT_ONCE, timeout=1)
                now = datetime.now(UTC)
                return [(message, self._delivery(message, now)) for message in messages]
            except (NothingThere, TimeoutError):
                return []
            except NatsError as away:
                _log.warning("NATS is away: %s", away)
                await asyncio.sleep(1)
                return []

        following = asyncio.create_task(fetched())
        keeper = asyncio.create_task(self._keep_alive())
        try:
            is_last = False
            while not is_last:
                taken = await following
                # What was asked for is waited for (a second at most) and taken: a message given to
                # nobody would come again only after `ACK_WAIT_SECONDS`.
                is_last = stop.is_set()
                if not is_last:
                    following = asyncio.create_task(fetched())
                if taken:
                    messages = [message for message, _ in taken]
                    self._under_way = messages
                    await self._take(messages, [delivery for _, delivery in taken])
                    self._under_way = ()
                    self.waiting = messages[-1].metadata.num_pending
                    beat(self.told())
                await self._send_events()
        finally:
            following.cancel()
            keeper.cancel()
            self._drop()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(ACK_WAIT_SECONDS / 3)
            for message in self._under_way:
                if not message.is_acked:
                    await message.in_progress()

    def told(self) -> str:
        """Return one line on how it goes."""
        counts = f"消息 {self.messages} 读数 {self.readings} 退回 {self.refused}"
        last = f" 最近一批 {self.last}" if self.last else ""
        return f"{STREAM} {counts} 积压 {self.waiting}{last}"

    # --- a few messages --------------------------------------------------------------------------

    async def _take(self, messages: Sequence[Msg], deliveries: Sequence[Delivery]) -> None:
        """Store messages and acknowledge them; those that fail together are tried one by one."""
        try:
            await self._stored_at_last(deliveries, datetime.now(UTC))
        except Exception:
            # One of the few places where anything is caught: a stream must not stand still for one
            # message. The writer is made anew, the messages are told apart, the culprit is counted.
            _log.exception("%s messages could not be stored together", len(messages))
            self._drop()
            if len(messages) == 1:
                sequence = messages[0].metadata.sequence.stream
                self._failures[sequence] = self._failures.get(sequence, 0) + 1
            for message in messages:
                await self._take([message], [self._delivery(message, datetime.now(UTC))])
        else:
            await self._answer(deliveries)
            for message in messages:
                self._failures.pop(message.metadata.sequence.stream, None)
                await message.ack()

    async def _stored_at_last(self, deliveries: Sequence[Delivery], now: datetime) -> None:
        """Store, again and again while the disk is full or the database away."""
        while True:
            try:
                return await self._stored(deliveries, now)
            except (StoreUnwritable, OperationalError, InterfaceError, IntegrityError) as away:
                _log.warning("the readings store does not take this yet: %s", away)
            self._drop()
            await asyncio.sleep(BACK_OFF_SECONDS)

    async def _stored(self, deliveries: Sequence[Delivery], now: datetime) -> None:
        def store() -> None:
            if self._store is None:
                self._store = self._make()
            self._store.take(deliveries, now)

        await asyncio.to_thread(store)
        self.messages += len(deliveries)
        self.readings += sum(one.taken + one.corrected for one in deliveries)
        self.refused += sum(len(one.refused) for one in deliveries)
        self.last = now.astimezone().strftime("%H:%M:%S")

    def _drop(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _delivery(self, message: Msg, now: datetime) -> Delivery:
        """Return what a message says; one that says nothing is refused whole."""
        subject = parse_subject(message.subject)
        sequence = message.metadata.sequence.stream
        try:
            if subject is None or subject.city != self._city:
                raise EventInvalid("subject", "主题应为 tel.<市>.<部门>.<用户>.readings")
            if not self._may(subject.user, subject.department):
                raise EventInvalid(
                    "subject",
                    f"没有登记系统用户 {subject.user}，或它不得代 {subject.department} 发送",
                )
            tries = self._failures.get(sequence, 0)
            if tries >= TRIES_ALONE or message.metadata.num_delivered > POISON_AFTER:
                raise EventInvalid("", "多次处理都失败：请把这条消息交给系统管理员")
            parsed = self._reader.read(subject, message.data, message.headers, now)
        except EventInvalid as wrong:
            shown = message.data[:2000].decode(errors="replace")
            parsed = Parsed(
                _id_of(message),
                refused=[Refused(-1, wrong.field, wrong.reason, "改正后重新发送整条消息", shown)],
            )
        return Delivery(sequence, message.subject, parsed)

    async def _answer(self, deliveries: Sequence[Delivery]) -> None:
        """Tell whose readings were refused, before the acknowledgement: it is never lost."""
        for one in deliveries:
            if not one.refused:
                continue
            user = subjects.sender_of(one.subject) or "unknown"
            event_id = one.parsed.event_id or f"{STREAM}:{one.stream_seq}"
            event = Event(
                id=hashlib.sha256(f"{one.stream_seq}\n{event_id}".encode()).hexdigest()[:32],
                source=f"/city/{self._city}/telemetry",
                type=f"cn.{self._city}.telemetry.answered.v1",
                time=datetime.now(UTC),
                datacontenttype="application/json",
                data={
                    "event_id": event_id,
                    "event_source": one.parsed.source,
                    "taken": one.taken,
                    "repeated": one.repeated,
                    "corrected": one.corrected,
                    "refused": [
                        {"place": no.place, "field": no.field, "reason": no.reason,
                         "remedy": no.remedy}
                        for no in one.refused
                    ],
                },
            )  # fmt: skip
            subject = subjects.answer_subject(self._city, user, event_id)
            await self._publish(subject, event.to_json())

    async def _publish(self, subject: str, body: bytes) -> None:
        while True:
            try:
                await self._js.publish(subject, body, headers={"Content-Type": STRUCTURED})
            except (NatsError, JetStreamError, TimeoutError) as away:
                _log.warning("JetStream does not take %s yet: %s", subject, away)
                await asyncio.sleep(1)
            else:
                return

    async def _send_events(self) -> None:
        try:
            while await self._relay.drain():
                pass
        except (NatsError, JetStreamError, TimeoutError) as away:
            _log.warning("JetStream is away, the outbox waits: %s", away)


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


class SignedPacks:
    """The packs about readings, as far as they are signed, by the hour they are asked for."""

    def __init__(self, released: Released) -> None:
        self._released = released
        self._seen: object = None
        self._names: tuple[str, ...] = ()
        self._by_hour: dict[int, tuple[tuple[Pack, Slice], ...]] = {}

    def is_changed(self) -> bool:
        """Whether other versions are signed than at the last question."""
        versions = self._released.rule_versions()
        if versions is self._seen:
            return False
        self._seen = versions
        about = [pack for pack in versions.values() if pack.definition.subject == SUBJECT]
        self._names = tuple(dict.fromkeys(pack.id for pack in about))
        self._by_hour.clear()
        return True

    def all(self) -> Sequence[Pack]:
        """Return every signed version of every pack about readings."""
        versions = self._released.rule_versions().values()
        return [pack for pack in versions if pack.definition.subject == SUBJECT]

    def at(self, hour: int) -> Sequence[tuple[Pack, Slice]]:
        """Return the packs about readings in force at an hour, with their rules."""
        found = self._by_hour.get(hour)
        if found is None:
            at = instant(hour)
            packs = (self._released.pack_at(name, at) for name in self._names)
            found = tuple((pack, pack.slice_at(at)) for pack in packs if pack is not None)
            self._by_hour[hour] = found
        return found


def writer(
    settings: Settings, engine: Engine, stations: Stations, signed: SignedPacks,
    process: RulesProcess,
) -> Callable[[], ReadingStore]:  # fmt: skip
    """Return what makes the one writer of the readings store."""

    def make() -> ReadingStore:
        signed.is_changed()
        packs_at: PacksAt = signed.at
        rules = ReadingRules(stations, packs_at, signed.all, process)
        schemas = f"{settings.address}/api/schemas"
        return ReadingStore(
            engine, stations, rules, Telling(settings.city, schemas, stations, rules),
            signed.is_changed,
        )  # fmt: skip

    return make


async def _serve(settings: Settings, folder: Path) -> None:
    stations = load_stations(folder)
    engine = open_engine(settings.store_url("readings"))
    signed = SignedPacks(joining.released_of(settings))
    bus = await connect(settings, "telemetry")
    with RulesProcess() as process:
        telemetry = Telemetry(
            bus,
            settings.city,
            stations,
            writer(settings, engine, stations, signed, process),
            Relay(engine, bus.jetstream(), "readings"),
            Services(open_engine(settings.store_url("web"), read_only=True)).may_send,
        )
        await telemetry.declare()
        stop = asyncio.Event()
        working = asyncio.create_task(telemetry.run(stop, roles.beat))
        beating = asyncio.create_task(roles.until_stopped())
        roles.ready(settings, "telemetry", telemetry.told())
        try:
            await asyncio.wait({working, beating}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.set()
        await working  # raises what ended it
    await bus.drain()


def main(settings: Settings) -> int:
    """Take readings until the process is asked to stop."""
    asyncio.run(_serve(settings, HERE))
    return 0
