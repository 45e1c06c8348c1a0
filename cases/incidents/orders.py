"""What travels between an incident's workflow and the activity that settles its orders.

The rows hold the whole state; the workflow remembers only what it must know to keep time. The
activity loads the state, so that a workflow that was lost goes on from the rows.
"""

from __future__ import annotations

from uuid import uuid5

from pydantic import AwareDatetime

from cases.incidents.messages import RING
from cases.incidents.state import IncidentTimer
from cases.messages import NAMESPACE, Actor, Command, Frozen, Outcome, Source, TimerFired


class Admitted(Frozen):
    """An order with the server's instant at which its workflow took it in.

    A warrant's expiry is judged by it, so that an order taken in time settles whenever a worker
    comes back.
    """

    command: Command
    admitted_at: AwareDatetime


class Memory(Frozen):
    """What the workflow remembers of its incident."""

    seq: int
    stage: str
    urgent: bool
    over: bool
    """Nothing more is awaited: the workflow may end, and begins again with the next order."""
    next: IncidentTimer | None = None
    """The earliest instant that has not rung."""


class IncidentBatch(Frozen):
    """Orders of one incident, in order; none: only tell how it stands."""

    incident_id: str
    seq: int
    """Steps that the workflow knows of; 0: it begins."""
    commands: tuple[Admitted, ...] = ()


class IncidentSettled(Frozen):
    """One outcome per order, in order, and how the incident stands afterwards (None: none)."""

    outcomes: tuple[Outcome, ...]
    memory: Memory | None


class IncidentInput(Frozen):
    """With what a run begins."""

    incident_id: str
    memory: Memory | None = None
    urgent: bool = False
    recent: tuple[str, ...] = ()
    steps_per_run: int = 500
    wake: bool = False
    """Go on from the rows though no order came: the census found it without its timer."""


def incident_workflow(incident_id: str) -> str:
    return f"incident-{incident_id}"


def ring_command(incident_id: str, timer: IncidentTimer) -> Command:
    """Return the law's own order for an instant that came, the same one for ever."""
    name = f"ring\n{incident_id}\n{timer.key}\n{timer.due_at.isoformat()}"
    body = TimerFired(timer=timer.key, due_at=timer.due_at, article=timer.article)
    return Command(
        id=str(uuid5(NAMESPACE, name)),
        verb=RING,
        case_id=incident_id,
        body=body.model_dump(mode="json"),
        actor=Actor(id="system", kind="system"),
        source=Source(door="worker"),
        occurred_at=timer.due_at,
    )
