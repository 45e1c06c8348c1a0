"""What goes into `settle` and what comes out: the seam between workflow, activity and law.

The order of things, for one batch of commands of one case (design: "When is a step true?"):

1. The update handler has admitted each command (its validator asked `approval.impossible`);
   its acceptance is in history. It only queues.
2. The main loop calls the activity `settle` once with `Batch`.
3. `settle`, for each command in turn: finds a stored outcome for the id, or verifies the warrant,
   asks the rules `approval.questions(state, command)`, calls `approval.decide(...)`, computes the
   instants of its periods (`approval.timers_of`) with the case's calendar, renders
   `approval.document_wishes(...)`, and writes rows, entry, outbox in one transaction.
4. The workflow applies the returned events with `approval.evolve` and answers its callers.

History holds the events, so a later change of `decide` cannot change a replay.
"""

from __future__ import annotations

from pydantic import Field, JsonValue

from cases.messages import Command, Frozen, Outcome
from cases.state import CaseState, Event
from catalogue.matters import DocumentKind


class RuleForbids(Exception):
    """A *no* of law or state: final, never retried.

    `code` is stable and English (`wrong_stage`, `same_person`, …); `reason` is a Chinese sentence
    that says what to do; `basis` the article or plan field; `field` the JSON path of a bad value.
    """

    def __init__(self, code: str, reason: str, basis: str = "", field: str = "") -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.basis = basis
        self.field = field


class Forged(RuleForbids):
    """No door of ours can have sent this: refused, alarmed, and never kept as its id's answer."""


class Question(Frozen):
    """What `settle` must ask the rules before it may decide."""

    role: str
    """Key in `Plan.rules`: routing, completeness, on_the_spot."""
    context: dict[str, JsonValue]


class DocumentWish(Frozen):
    """A document that the step issues; rendered before the transaction opens."""

    kind: DocumentKind
    department: str
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    """What the template needs beyond case, plan and command."""


class Batch(Frozen):
    """Commands of one case, in order. `state` is None when the first one files the case."""

    state: CaseState | None
    commands: tuple[Command, ...]


class SettledStep(Frozen):
    """One command settled: its outcome, and the events that the workflow applies in order."""

    outcome: Outcome
    events: tuple[Event, ...] = ()


class Settled(Frozen):
    """The activity's answer, one step per command of the batch, in order.

    `state` is set only when the first command filed the case: the state after `filed`.
    """

    steps: tuple[SettledStep, ...]
    state: CaseState | None = None
