"""Messages that were given up, as the roof hands them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from cases.messages import Outcome
from forms.entrance_ports import (
    Visitor,
)


@dataclass(frozen=True)
class DeadLetter:
    """A message that nobody could apply, with the reason."""

    id: str
    subject: str
    received_at: datetime
    reason: str
    field: str
    state: Literal["open", "mended", "replayed", "discarded"]
    payload: str = ""
    """As received, or as mended; JSON where it was JSON. Only from `find`."""
    changed_by: str = ""
    changed_at: datetime | None = None
    answer: Outcome | None = None
    """What became of it once it was sent again. Only from `find`."""


class DeadLetters(Protocol):
    """The dead-letter register of the gateway. Each change is an entry of the log."""

    async def listing(self, state: str, page: int) -> tuple[Sequence[DeadLetter], int]:
        """One page of fifty and the number of all."""
        ...

    async def find(self, letter: str) -> DeadLetter | None: ...

    async def replay(self, visitor: Visitor, letter: str, payload: str) -> str:
        """Send it again, mended where `payload` differs. Empty, or a sentence why not."""
        ...

    async def discard(self, visitor: Visitor, letter: str) -> str:
        """Put it away for good. Empty, or a sentence why not."""
        ...
