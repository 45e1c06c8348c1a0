"""One order walked through the machine: events are made one by one, each applied at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from cases.approval.evolving import evolve
from cases.messages import Command
from cases.state import CaseState, Event, Stage, Task
from catalogue.matters import Step

WINDOW_TASKS: dict[Stage, tuple[str, str]] = {
    "pre_review": ("pre_review", "window"),
    "received": ("receive", "window"),
    "supplement": ("supplement", "window"),
    "gather": ("gather", "gather"),
    "decision": ("decide", "decide"),
    "certificate": ("certify", "certify"),
    "service": ("serve", "serve"),
    "closing": ("close", "close"),
    "rectification": ("rectify", "rectify"),
    "call_back": ("call_back", "rectify"),
}
"""Stage → key and kind of the one task that waits in it; review has one per department."""

TO_SERVE_AGAIN: Final[Literal["serve_again"]] = "serve_again"
"""Kind of the task to serve what was issued again."""


class Walk:
    """The events of one order so far, and the state after them."""

    def __init__(self, state: CaseState, at: datetime, by: str, on_behalf: str = "") -> None:
        self.state = state
        self.at = at
        self.by = by
        self.on_behalf = on_behalf
        self.events: list[Event] = []

    @classmethod
    def of(cls, state: CaseState, command: Command) -> Walk:
        """Return a walk that starts with `command`; its instant never precedes the case's last."""
        return cls(state, instant_of(state, command), command.actor.id, command.actor.on_behalf)

    def emit(self, kind: str, /, **data: Any) -> None:
        event = Event(kind=kind, at=self.at, by=self.by, on_behalf=self.on_behalf, data=data)
        self.events.append(event)
        self.state = evolve(self.state, event)

    def finish(self, key: str, state: str = "done") -> None:
        """End a task if it is open."""
        if any(task.key == key and task.state == "open" for task in self.state.tasks):
            self.emit("task_ended", task=key, state=state)

    def finish_all(self, state: str = "cancelled") -> None:
        """End every open task but what outlasts the review: the explanations of cards, and the
        service of what was issued again."""
        for task in self.state.tasks:
            if task.kind not in ("explain", TO_SERVE_AGAIN):
                self.finish(task.key, state)

    def open_task(self, task: Task) -> None:
        self.emit("task_opened", task=task.model_dump(mode="json", exclude_defaults=True))

    def open_review(self, step: Step) -> None:
        """Open the review task of a step, empty, also when it had been done before."""
        self.open_task(
            Task(
                key=review_key(step.code),
                step=step.code,
                department=step.department,
                kind="review",
                signing=step.signing,
                inspectors_needed=step.inspectors,
                opened_at=self.at,
            )
        )

    def enter(self, stage: Stage) -> None:
        """End the window task of the present stage, enter `stage` and open its own task."""
        present = WINDOW_TASKS.get(self.state.stage)
        if present is not None:
            self.finish(present[0])
        self.emit("stage_entered", stage=stage)
        if stage == "ended":
            for task in self.state.tasks:
                if task.kind != TO_SERVE_AGAIN:
                    self.finish(task.key, "cancelled")  # what is left are explanations
        if stage in WINDOW_TASKS:
            key, kind = WINDOW_TASKS[stage]
            plan = self.state.plan
            department = plan.lead if stage == "gather" else plan.department
            self.open_task(
                Task.model_validate(
                    {
                        "key": key,
                        "step": key,
                        "department": department,
                        "kind": kind,
                        "opened_at": self.at,
                    }
                )
            )


def instant_of(state: CaseState, command: Command) -> datetime:
    """Return the instant at which the order takes effect: never before the case's newest event.

    Two doors' clocks may differ by moments; a live order then stands at the newest event's
    instant. A backfilled one that runs backwards is refused before it comes here.
    """
    if state.last_at is None or command.occurred_at >= state.last_at:
        return command.occurred_at
    return state.last_at


def review_key(step_code: str) -> str:
    return f"review-{step_code}"
