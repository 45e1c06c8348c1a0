"""Text and instant messages: handed to the city's gateway over NATS, which says what came of them.

`ntf.<city>.<channel>`       a message for the gateway that carries this channel (stream NTF)
`nrc.<city>.<gateway>`       what became of one: {"key", "state": "delivered"|"failed", "reason"}

A message lies in NTF for a day at most: it bears a telephone number. The stream is encrypted on the
disk, the way to it as every link is; only the gateway that carries the channel may read it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import TimeoutError as LateFuture
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NothingThere
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError

from cases.deliveries import Delivery, State
from yichuang.events import STRUCTURED, Event
from yichuang.notices.channels import PATIENCE_SECONDS, Outgoing, Went

MESSAGES, RECEIPTS = "NTF", "NRC"
CONSUMER = "notifier"
TYPE = "yichuang.notice.v1"
LARGEST_RECEIPT = 4_096

_log = logging.getLogger("yichuang.notifier")


@dataclass(frozen=True)
class Gateway:
    """`yichuang.notices.channels.Channel` by NATS, for one of its channels."""

    js: JetStreamContext
    loop: asyncio.AbstractEventLoop
    city: str
    channel: str

    def carry(self, message: Outgoing) -> Went:
        publishing = asyncio.run_coroutine_threadsafe(self._publish(message), self.loop)
        try:
            publishing.result(PATIENCE_SECONDS)
        except (NatsError, JetStreamError, TimeoutError, LateFuture) as away:
            publishing.cancel()
            return Went("queued", f"消息总线不可达（{type(away).__name__}）")
        return Went("sent")

    async def _publish(self, message: Outgoing) -> None:
        event = Event(
            id=message.key,
            source=f"/city/{self.city}/notices",
            type=TYPE,
            time=message.told_at,
            datacontenttype="application/json",
            data={
                "key": message.key,
                "channel": self.channel,
                "address": message.address,
                "text": message.text,
                "urgent": message.urgent,
            },
        )
        headers = {"Content-Type": STRUCTURED, "Nats-Msg-Id": message.key}
        await self.js.publish(
            f"ntf.{self.city}.{self.channel}",
            event.to_json(),
            timeout=PATIENCE_SECONDS / 2,
            headers=headers,
        )


@dataclass(frozen=True)
class Receipts:
    """Takes what gateways say and writes it to the delivery it is about."""

    js: JetStreamContext
    carriers: Mapping[str, Collection[str]]
    """Gateway → the channels it carries: of another's it is not believed."""
    find: Callable[[str], Delivery | None]
    """The delivery of a key."""
    told: Callable[[Delivery, State, str], None]

    async def run(self) -> None:
        """Take receipts until cancelled."""
        pull = await self.js.pull_subscribe("nrc.>", durable=CONSUMER, stream=RECEIPTS)
        while True:
            try:
                messages = await pull.fetch(50, timeout=1)
            except (NothingThere, TimeoutError):
                continue
            except NatsError as away:
                _log.warning("NATS is away, receipts wait: %s", away)
                await asyncio.sleep(1)
                continue
            for message in messages:
                await asyncio.to_thread(self.take, message.subject, message.data)
                await self._acknowledged(message)

    async def _acknowledged(self, message: Msg) -> None:
        try:
            await message.ack()
        except NatsError as away:  # it comes again and changes nothing
            _log.warning("a receipt could not be acknowledged: %s", away)

    def take(self, subject: str, data: bytes) -> bool:
        """Write one receipt; False for what is none, or is not this gateway's to say."""
        gateway = subject.rsplit(".", 1)[-1]
        said = _receipt(data)
        found = None if said is None else self.find(said[0])
        if said is None or found is None or found.channel not in self.carriers.get(gateway, ()):
            _log.warning("a receipt of %s was not taken", gateway)
            return False
        _, state, reason = said
        self.told(found, state, reason)
        return True


def _receipt(data: bytes) -> tuple[str, State, str] | None:
    try:
        said = json.loads(data) if len(data) <= LARGEST_RECEIPT else None
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    key, state, reason = said.get("key"), said.get("state"), said.get("reason", "")
    if not isinstance(key, str) or not isinstance(reason, str):
        return None
    if state == "delivered":
        return key, "delivered", ""
    return (key, "failed", f"网关回报：{reason}"[:200]) if state == "failed" else None
