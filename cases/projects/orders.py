"""What travels between a project's workflow and the activity that settles its orders."""

from __future__ import annotations

from cases.lives import Admitted, Memory
from cases.messages import Frozen, Outcome


class ProjectBatch(Frozen):
    """Orders of one project, in order; none: only tell how it stands."""

    project_id: str
    seq: int
    """Steps that the workflow knows of; 0: it begins."""
    commands: tuple[Admitted, ...] = ()


class ProjectSettled(Frozen):
    """One outcome per order, in order, and how the project stands afterwards (None: none)."""

    outcomes: tuple[Outcome, ...]
    memory: Memory | None


class ProjectInput(Frozen):
    """With what a run begins."""

    project_id: str
    memory: Memory | None = None
    recent: tuple[str, ...] = ()
    steps_per_run: int = 500
    wake: bool = False
    """Go on from the rows though no order came: its timer was missed."""


def project_workflow(project_id: str) -> str:
    return f"project-{project_id}"
