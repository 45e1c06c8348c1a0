"""The one way in for signals: stream SIG. Pages, interfaces and feeds hand theirs in here.

Nothing is written around the stream. While JetStream does not take a signal its sender is told so
(`NotNow`) and sends the same one again: what was not acknowledged was never promised, and the same
`id` is the same signal for ever, in the stream's window as beyond it.
"""

from __future__ import annotations

from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError

from cases.incidents.signal import Signal, SignalReceipt, signal_id
from cases.reception import NotNow
from yichuang import subjects
from yichuang.events import STRUCTURED, Event

TYPE: Final = "yichuang.signal.v1"
WITHIN_SECONDS: Final = 3.0
"""How long JetStream may take to have a signal on its disk before the sender is told to come
again."""


class SignalDoor:
    """Hands signals in as one NATS user, which is their sender."""

    def __init__(self, js: JetStreamContext, city: str, user: str) -> None:
        self._js, self._city, self._user = js, city, user

    async def submit(self, signal: Signal) -> SignalReceipt:
        """Return the receipt of a signal that lies in the stream, on its disk.

        Raises `NotNow` while JetStream does not take it: send the same again.
        """
        event = event_of(signal, self._city)
        known_as = signal_id(self._user, signal.source, signal.id)
        subject = subjects.signal_subject(self._city, self._user, signal.type, signal.lane)
        headers = {"Content-Type": STRUCTURED, "Nats-Msg-Id": known_as}
        try:
            taken = await self._js.publish(
                subject, event.to_json(), timeout=WITHIN_SECONDS, headers=headers
            )
        except (NatsError, JetStreamError, TimeoutError) as away:
            raise NotNow(f"信号暂不能收下，请原样再发一次：{away}") from away
        return SignalReceipt(id=known_as, repeated=bool(taken.duplicate))


def event_of(signal: Signal, city: str) -> Event:
    """Return the message of a signal."""
    return Event(
        id=signal.id,
        source=f"/city/{city}/signals/{signal.source}",
        type=TYPE,
        time=signal.occurred_at,
        datacontenttype="application/json",
        data=signal.model_dump(mode="json"),
    )
