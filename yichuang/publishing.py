"""Publishing several orders of one case so that all are stored, in order, or none.

JetStream's atomic batches (server 2.12 and later, ADR-50): every message bears the batch's id and
its place, the last one commits. Without it, a connection that drops in between could store the
third order and not the second, and the third would be refused for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

MOST = 500
"""Messages in one batch; the server's own limit is 1,000."""

ANSWER_SECONDS = 10.0
PAUSE_SECONDS = 0.5

Published = tuple[str, bytes]
"""Subject and payload (structured CloudEvent)."""


class BatchRefused(Exception):
    """JetStream refused the batch; nothing of it is stored. The text is the server's."""


async def publish_whole(bus: Client, orders: Sequence[Published]) -> None:
    """Publish until JetStream has all of them; NATS being away is only time.

    A batch whose answer was lost is published again; equal event ids make that harmless. Raises
    `BatchRefused` when the server says no (a full stream, a missing permission).
    """
    left = list(orders)
    while left:
        if await _published(bus, left[:MOST]):
            del left[:MOST]
        else:
            await asyncio.sleep(PAUSE_SECONDS)


async def _published(bus: Client, orders: Sequence[Published]) -> bool:
    batch = uuid4().hex
    try:
        for place, (subject, payload) in enumerate(orders, 1):
            headers = {
                "Content-Type": "application/cloudevents+json",
                "Nats-Batch-Id": batch,
                "Nats-Batch-Sequence": str(place),
            }
            if place == len(orders):
                headers["Nats-Batch-Commit"] = "1"
            if 1 < place < len(orders):
                await bus.publish(subject, payload, headers=headers)
                continue
            reply = await bus.request(subject, payload, timeout=ANSWER_SECONDS, headers=headers)
            _raise_if_refused(reply.data)
    except (NatsError, TimeoutError, OSError):
        return False
    return True


def _raise_if_refused(answer: bytes) -> None:
    said = orjson.loads(answer) if answer else {}
    error = said.get("error")
    # 10176 "batch publish is incomplete" and its like are a lost part, not a refusal: try again.
    if error and error.get("code", 0) in (400, 403, 503) and "batch" not in error["description"]:
        raise BatchRefused(f"{error.get('err_code')}: {error.get('description')}")
    if error:
        raise OSError(error.get("description", ""))
