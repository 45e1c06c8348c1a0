"""The words of an incident's signals go when the incident's personal data goes.

The worker begins an end (`cases.incident_ends`), with its entry; whoever keeps words in a store of
their own follows. Done again after a restart: what is gone already is left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from cases import incident_ends
from cases.database import StoreUnwritable, reading
from yichuang.signals.store import SignalStore, incident_key

EVERY_SECONDS: Final = 60.0

_log = logging.getLogger("yichuang.signals")


class EndsFollowed:
    """Follows the ends that the cases store tells of, from the first one on."""

    def __init__(self, store: SignalStore, cases: Engine, now: Callable[[], datetime]) -> None:
        self._store, self._cases, self._now = store, cases, now
        self._n = 0

    def look(self) -> int:
        """Destroy the keys of what ended since the last look; return how many ends that were."""
        done = 0
        while True:
            with reading(self._cases) as connection:
                found = incident_ends.since(connection, self._n)
            if not found:
                return done
            self._store.forget([incident_key(one.incident_id) for one in found], self._now())
            self._n = found[-1].n
            done += len(found)

    async def run(self) -> None:
        """Look every minute until cancelled; a store that is away is asked again."""
        while True:
            try:
                await asyncio.to_thread(self.look)
            except (OperationalError, StoreUnwritable) as away:
                _log.warning("ends of incidents are not followed now: %s", away)
            await asyncio.sleep(EVERY_SECONDS)
