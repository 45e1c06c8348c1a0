"""What travels between an incident's workflow and the activity that settles its orders."""

from __future__ import annotations

from cases.lives import Admitted, Memory
from cases.messages import Frozen, Outcome


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
