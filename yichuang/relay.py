"""The relay: takes what the outbox holds and publishes it to JetStream, at least once, in order.

A row is marked sent only after JetStream has acknowledged it (with `sync_interval: always`, that
is after it is on the disk). A crash in between publishes it again under the same `Nats-Msg-Id`,
which JetStream drops inside its window; consumers beyond it go by the event's `id`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from sqlalchemy import Engine, bindparam, select, update

from audit.entry import Who
from audit.outbox import record
from cases.database import open_engine, reading
from cases.tables import outbox
from yichuang import roles, subjects
from yichuang.bus import connect
from yichuang.message_log import EVENTS, PUBLISHED, covering
from yichuang.settings import Settings

BATCH = 500
POLL_SECONDS = 0.2
PAUSE_SECONDS = 1.0
PATIENCE_SECONDS = 10.0
"""How long acknowledgements are waited for: those of a server that was killed never come."""

_log = logging.getLogger("yichuang.relay")


class Relay:
    """Drains one outbox into stream EVT."""

    def __init__(self, engine: Engine, js: JetStreamContext, store: str) -> None:
        """`store`: whose outbox it is, `cases` or `readings`."""
        self._engine = engine
        self._store = store
        self._js = js
        self.sent = 0

    async def drain(self) -> int:
        """Publish what waits and mark it; return how many. Raises nats' errors when it is away."""
        rows = await asyncio.to_thread(self._waiting)
        if not rows:
            return 0
        # All are handed over in order before the first acknowledgement is awaited: one fsync of
        # JetStream then serves many.
        futures = [
            await self._js.publish_async(
                row.subject,
                row.event.encode(),
                headers={
                    "Nats-Msg-Id": row.id,
                    "Content-Type": "application/cloudevents+json",
                },
            )
            for row in rows
        ]
        await asyncio.wait_for(asyncio.gather(*futures), PATIENCE_SECONDS)
        await asyncio.to_thread(self._mark, rows)
        self.sent += len(rows)
        return len(rows)

    def _waiting(self) -> Sequence[Any]:
        query = (
            select(outbox.c.pos, outbox.c.id, outbox.c.subject, outbox.c.event)
            .where(outbox.c.sent_at.is_(None))
            .order_by(outbox.c.pos)
            .limit(BATCH)
        )
        with reading(self._engine) as connection:
            return connection.execute(query).all()

    def _mark(self, rows: Sequence[Any]) -> None:
        """Mark what was sent, with one entry for all of it: its rows bear the entry's instant."""
        sent = update(outbox).where(outbox.c.pos == bindparam("row")).values(sent_at=bindparam("t"))
        now = datetime.now(UTC)
        entry = covering(
            EVENTS + self._store,
            PUBLISHED,
            [(row.pos, row.id, hashlib.sha256(row.event.encode()).hexdigest()) for row in rows],
            now,
            who=Who("system", "system"),
            svc="relay",
            span=f"{rows[0].pos}-{rows[-1].pos}",
        )
        with self._engine.begin() as connection:
            connection.execute(sent, [{"row": row.pos, "t": now} for row in rows])
            record(connection, entry)


async def _serve(settings: Settings) -> None:
    bus = await connect(settings, "relay")
    relay = Relay(open_engine(settings.store_url("cases")), bus.jetstream(), "cases")
    beating = asyncio.create_task(roles.until_stopped())
    await subjects.declare(bus.jetstream(), "EVT")
    roles.ready(settings, "relay", "EVT")
    while not roles.is_stopping():
        try:
            sent = await relay.drain()
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as away:
            _log.warning("JetStream is away, the outbox waits: %s", away)
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        if sent < BATCH:  # marking what was sent is a commit in the worker's store: few, not many
            await asyncio.sleep(POLL_SECONDS)
    await beating
    await bus.drain()


def main(settings: Settings) -> int:
    """Relay until the process is asked to stop."""
    asyncio.run(_serve(settings))
    return 0
