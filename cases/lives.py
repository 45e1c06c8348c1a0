"""What the lives whose rows hold the state have in common: an order taken in, an instant awaited.

The workflow of such a life remembers only what it must know to keep time; the activity loads the
state, so that a workflow that was lost goes on from the rows.
"""

from __future__ import annotations

from uuid import uuid5

from pydantic import AwareDatetime

from cases.messages import NAMESPACE, Actor, Command, Frozen, Source, TimerFired

RING = "timer_fired"
"""The law's own order: an instant of the life has come."""


class Due(Frozen):
    """An instant that something is expected by, with its article."""

    key: str
    due_at: AwareDatetime
    article: str


class Admitted(Frozen):
    """An order with the server's instant at which its workflow took it in.

    A warrant's expiry is judged by it, so that an order taken in time settles whenever a worker
    comes back.
    """

    command: Command
    admitted_at: AwareDatetime


class Memory(Frozen):
    """What the workflow remembers of its life."""

    seq: int
    stage: str
    urgent: bool = False
    over: bool
    """Nothing more is awaited: the workflow may end, and begins again with the next order."""
    next: Due | None = None
    """The earliest instant that has not rung."""


def ring_command(life: str, due: Due) -> Command:
    """Return the law's own order for an instant that came, the same one for ever."""
    name = f"ring\n{life}\n{due.key}\n{due.due_at.isoformat()}"
    body = TimerFired(timer=due.key, due_at=due.due_at, article=due.article)
    return Command(
        id=str(uuid5(NAMESPACE, name)),
        verb=RING,
        case_id=life,
        body=body.model_dump(mode="json"),
        actor=Actor(id="system", kind="system"),
        source=Source(door="worker"),
        occurred_at=due.due_at,
    )
