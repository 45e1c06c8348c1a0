"""What many live boards that see the same read once, not once each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Any, TypeVar

FRESH_SECONDS = 2.0
"""For so long a reading serves who asks for the same under the same number of the newest change.

What another writer committed late under a lower number waits so much longer at the most."""

T = TypeVar("T")


class SharedLooks:
    """Readings under way and just done, by what was asked. For the tasks of one event loop.

    A key must name everything that the answer depends on: what the reader may see, what they asked
    for, and the newest change as it was known before.
    """

    def __init__(self, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._fresh_seconds = fresh_seconds
        self._kept: dict[Hashable, tuple[float, asyncio.Future[Any]]] = {}

    async def ask(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """Return what `read` gives, or gave to somebody else a moment ago under this key.

        Raises what it raises, for everybody who waited; a failed reading is not kept.
        """
        now = monotonic()
        self._forget(now)
        _, reading = self._kept.get(key, (now, None))
        if reading is None:
            reading = asyncio.ensure_future(read())
            self._kept[key] = (now, reading)
        # Who goes away does not take the reading from those who stay.
        found: T = await asyncio.shield(reading)
        return found

    def _forget(self, now: float) -> None:
        old = [
            key
            for key, (at, one) in self._kept.items()
            if now - at >= self._fresh_seconds or _failed(one)
        ]
        for key in old:
            del self._kept[key]


def _failed(reading: asyncio.Future[Any]) -> bool:
    return reading.done() and (reading.cancelled() or reading.exception() is not None)
