"""What doors send to a case's workflow, what it answers, and what one of its runs begins with.

Apart from the workflow, because the sandbox reads a workflow's own module anew for every case:
three classes of pydantic made there cost more than the step that used them.
"""

from __future__ import annotations

import hashlib

from pydantic import AwareDatetime, Field

from cases.messages import Command, Frozen, Outcome, Retimed
from cases.state import CaseState

STEPS_PER_RUN = 300
"""Then continue as new: 211 µs of replay per event, and the server refuses the 2,000th update."""


def case_workflow(case_id: str) -> str:
    """Return the id of a case's workflow."""
    return f"case-{case_id}"


class ApprovalInput(Frozen):
    """What a run begins with; `state` and `recent` come from the run before."""

    case_id: str
    state: CaseState | None = None
    recent: tuple[str, ...] = ()
    steps_per_run: int = Field(default=STEPS_PER_RUN, ge=1)
    backfilled_at: AwareDatetime | None = None
    """When the newest backfilled order of a backfilled case was recorded: it rests some time after
    (`cases.armed.RESTS_AFTER`). None: what is past is rung at once."""
    told_until: AwareDatetime | None = None
    """No longer given; runs that a census began before 2026-12 hold it in their histories."""


class Retime(Frozen):
    """What the case's instants are counted by has changed: a signal, answered by nobody."""

    why: Retimed
    at: AwareDatetime
    """Since when it counts."""
    seen: int
    """The case's step at which its instants were found to be the old ones."""


class Orders(Frozen):
    """Commands of one case, in order, of one caller."""

    commands: tuple[Command, ...]


class Doubted(Frozen):
    """An order that reached a case's workflow, and that no door can have put there."""

    case_id: str
    """The case whose workflow it reached, whatever the order names."""
    command: Command
    code: str
    reason: str
    field: str = ""

    @property
    def step(self) -> str:
        """The logical step by which its entry is named: one for each different forgery."""
        return forged_step(self.command)


def forged_step(command: Command) -> str:
    """Return the logical step of the entry of a forged order, its warrant included."""
    return f"forged:{hashlib.sha256(command.model_dump_json().encode()).hexdigest()}"


class Answers(Frozen):
    """The outcomes, in the order of the commands."""

    outcomes: tuple[Outcome, ...]
