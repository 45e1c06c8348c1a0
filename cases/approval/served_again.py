"""What was issued again waits to be served: a task of its own, for whoever serves.

It outlasts the case's other tasks: an archived case may still have a document to bring.
"""

from __future__ import annotations

from typing import Final

from cases.approval.evolving import DECISIONS
from cases.approval.walk import TO_SERVE_AGAIN, Walk
from cases.state import CaseState, Reissue, Task

GRANTS: Final = frozenset({"grant", "deemed_renewal"})
"""Kinds that say nothing any more once what they grant was revoked (行政许可法第六十九条)."""


def unserved(state: CaseState) -> tuple[Reissue, ...]:
    """Return what was issued again and has yet to be served, in order.

    A decision that never was served waits for `serve`. What is void since reaches nobody: it was
    issued yet again, grants what was revoked, or tells of a hearing that was put off.
    """
    newest = {(one.kind, one.origin): one.step for one in state.reissues}
    return tuple(
        one
        for one in state.reissues
        if one.served_at is None
        and newest[one.kind, one.origin] == one.step
        and not (one.kind in DECISIONS and state.served_at is None)
        and not (one.kind in GRANTS and state.ending == "revoked")
        and not (one.kind == "hearing_notice" and _is_put_off(state, one))
    )


def _is_put_off(state: CaseState, one: Reissue) -> bool:
    told = None if state.hearing is None else state.hearing.notified_at
    return told is not None and one.at is not None and told > one.at


def task_of_step(step: int) -> str:
    """Return the key of the task to serve what this step issued again."""
    return f"{TO_SERVE_AGAIN}-{step}"


def open_tasks(walk: Walk) -> None:
    """Open a task for everything that waits and has none, at the office that serves decisions."""
    for one in unserved(walk.state):
        key = task_of_step(one.step)
        if all(task.key != key for task in walk.state.tasks):
            walk.open_task(
                Task(
                    key=key,
                    step=TO_SERVE_AGAIN,
                    department=walk.state.plan.department,
                    kind=TO_SERVE_AGAIN,
                    opened_at=walk.at,
                )
            )


def end_void(walk: Walk) -> None:
    """End the task of what need not be served any more, since something else came in its place."""
    waiting = {task_of_step(one.step) for one in unserved(walk.state)}
    for task in walk.state.tasks:
        if task.kind == TO_SERVE_AGAIN and task.key not in waiting:
            walk.finish(task.key, "cancelled")
