"""What a channel is: it is handed one message and says what became of it. It never waits long.

A channel may block (it is called in a thread of its own); its patience is shorter than a claim
(`cases.deliveries.CLAIM`), so that nobody takes a try for dead that still runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cases.deliveries import State

PATIENCE_SECONDS = 10.0
"""How long a server may take to answer; the ones we know answer within one."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as a channel gets it. `address` is personal: it is never logged."""

    key: str
    """The same at every try: whoever receives it can tell that they have it already."""
    notice_id: str
    incident_id: str
    kind: str
    text: str
    link: str
    address: str
    urgent: bool
    told_at: datetime
    subject: str = ""
    """What stands at the head of a mail; empty: the text itself."""


@dataclass(frozen=True, slots=True)
class Went:
    """What became of a try. `queued`: not now, try again; the reason names no address."""

    state: State
    reason: str = ""


class Channel(Protocol):
    """Carries messages one at a time. Any number of threads may call it."""

    def carry(self, message: Outgoing) -> Went: ...
