"""What every door hands to the reception, and what it gets back.

A door (page, REST, NATS) establishes the actor and turns input into a `Request`. The reception
(`yichuang/reception.py`) finds the case, asks policy for a warrant, has the workflow settle the
command and returns its outcome. A refusal by policy is an `Outcome` too, and an entry in the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import AwareDatetime

from cases.messages import Actor, CommandId, Frozen, Outcome, Source


class NotNow(Exception):
    """The world is away (Temporal, database): nothing was decided; ask again with the same id."""


class Request(Frozen):
    """An order as a door received it. Exactly one of the three names of the case is needed."""

    id: CommandId
    verb: str
    body: dict[str, Any]
    case_id: str = ""
    case_no: str = ""
    reference: str = ""
    """The sender's own number; with the actor's id it names the case for ever."""
    occurred_at: AwareDatetime | None = None
    """Absent: now. In the past only with the right to backfill (act `backfill`)."""


class Reception(Protocol):
    """The one way from any door to a case."""

    async def handle(
        self, actor: Actor, source: Source, requests: Sequence[Request]
    ) -> tuple[Outcome, ...]:
        """Settle the requests, all of one case, in order; return their outcomes in order.

        Raises `NotNow` when it cannot be known whether they were settled; repeat with the ids.
        """
        ...
