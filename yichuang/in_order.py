"""Putting what a stream's consumer delivers back into the order of the stream.

JetStream gives what was never delivered at once, but what a killed reader (or a connection that
dropped) held only when its time to acknowledge has passed. A later order would overtake an earlier
one of its case: a step its filing, and be refused for good.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

_log = logging.getLogger("yichuang.gateway")


class InOrder:
    """Holds messages of a work queue back until everything before them has come too.

    In a work queue only what was not acknowledged lies in the stream, so that the stream itself
    says what is missing. For one reader that is the only one.
    """

    def __init__(self, js: JetStreamContext, stream: str) -> None:
        self._js = js
        self._stream = stream
        self._through = 0
        """All up to this place in the stream was given out, or is acknowledged."""
        self._held: dict[int, Msg] = {}
        self._waits_for: int | None = None

    async def ready(self, messages: Sequence[Msg]) -> list[Msg]:
        """Return what may be carried out now, in the stream's order; keep the rest.

        Call it again, with nothing, while nothing comes. A message delivered again after it was
        given out is returned at once.
        """
        again = [one for one in messages if _place(one) <= self._through]
        self._held |= {_place(one): one for one in messages if _place(one) > self._through}
        given = self._next()
        while self._held:
            first = min(self._held)
            if await self._is_missing_before(first):
                break
            self._through = first - 1
            given += self._next()
        return [*again, *given]

    async def _is_missing_before(self, first: int) -> bool:
        """Whether a message that never came lies in the stream before `first`; yes if unknown."""
        try:
            following = await self._js.get_msg(
                self._stream, seq=self._through + 1, subject=">", next=True
            )
        except NotFoundError:
            return False
        except (NatsError, JetStreamError, TimeoutError) as away:
            _log.warning("JetStream does not say what is missing yet: %s", away)
            return True
        if following.seq is not None and following.seq >= first:
            return False
        if following.seq != self._waits_for:
            self._waits_for = following.seq
            _log.warning("place %s of %s is awaited first", following.seq, self._stream)
        return True

    def _next(self) -> list[Msg]:
        """Take out what follows without a gap."""
        given = []
        while (message := self._held.pop(self._through + 1, None)) is not None:
            self._through += 1
            given.append(message)
        return given


def _place(message: Msg) -> int:
    place: int = message.metadata.sequence.stream
    return place
