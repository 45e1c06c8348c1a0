"""The timeline of a case from its rows: who did what, what it moved, and how late the law was."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import orjson

from cases.armed import rings_at
from cases.masking import mask_form
from cases.messages import DocumentRef
from cases.passages import Change, Passages, kinds_of
from cases.state import CaseState
from cases.views import TimelineItem
from catalogue.matters import Matter

OF_THE_STEPS = frozenset(
    {"step_opened", "step_done", "rated", "gathered", "rectified", "called_back", "checked"}
)
"""What is noted beside the clock and moves no period of the case."""


SUMMARISED = ("reason", "text", "reasons", "ground", "findings", "remark", "undertaking", "cause")
"""Fields of an order's body that say in words what was done."""


class Steps(Protocol):
    """Rows of one case, read in one moment."""

    @property
    def steps(self) -> Sequence[Any]: ...

    @property
    def clock(self) -> Sequence[Any]: ...

    @property
    def documents(self) -> Sequence[Any]: ...


def timeline_of(
    rows: Steps,
    state: CaseState,
    bodies: Mapping[int, Mapping[str, Any]],
    seen: frozenset[str],
) -> Iterator[TimelineItem]:
    """Yield the steps as they happened. `seen`: fields of the form whose values may be told."""
    walk, known = Passages(), _known(rows.steps, state)
    issued: dict[int, list[Any]] = {}
    for document in rows.documents:
        issued.setdefault(document.seq, []).append(document)
    on_the_clock = {event.seq for event in rows.clock if event.kind not in OF_THE_STEPS}
    for step in rows.steps:
        body = bodies[step.seq]
        yield _item(
            step,
            body,
            issued.get(step.seq, ()),
            known.get(step.seq - 1),
            walk.through(step.verb, orjson.loads(step.events), body, seen),
            step.seq in on_the_clock,
        )


def _known(steps: Sequence[Any], state: CaseState) -> Mapping[int, datetime]:
    """Return when each step was known, from which on the law's own next one can be late."""
    return {
        step.seq: rings_at(
            step.recorded_at, step.recorded_at if state.backfilled and step.backfill else None
        )
        for step in steps
    }


def _item(
    row: Any,
    body: Mapping[str, Any],
    documents: Sequence[Any],
    known_at: datetime | None = None,
    changes: tuple[Change, ...] = (),
    moved_clock: bool = False,
) -> TimelineItem:
    """Return one line of the timeline with the documents of its step; `known_at`: when the step
    before it was recorded, or its case's rest after that step."""
    summary = _summary(row.verb, body)
    issued = tuple(
        DocumentRef(id=d.id, kind=d.kind, number=d.number, digest=d.digest, code=d.code)
        for d in documents
    )
    moved = moved_clock or any(one.what == "due" for one in changes)
    return TimelineItem(
        seq=row.seq,
        verb=row.verb,
        at=row.occurred_at,
        recorded_at=row.recorded_at,
        who=row.actor,
        on_behalf=row.on_behalf,
        department=row.department,
        summary=summary,
        basis=row.basis,
        backfill=row.backfill,
        entry=row.entry_id,
        documents=issued,
        late_seconds=_late(row, known_at) if row.verb == "timer_fired" else 0,
        changes=changes,
        kinds=kinds_of(row.verb, row.actor, bool(issued), moved),
    )


def _late(row: Any, known_at: datetime | None) -> int:
    """Return how late the law's own step is, as `census.firings` counts it, in whole seconds."""
    since = row.occurred_at if known_at is None else max(row.occurred_at, known_at)
    return max(0, int((row.recorded_at - since).total_seconds()))


def _summary(verb: str, body: Mapping[str, Any]) -> str:
    recorded = body if verb == "record_step" else body.get("step")
    if isinstance(recorded, Mapping):
        return str(recorded.get("step", ""))
    return next((str(body[name]) for name in SUMMARISED if body.get(name)), "")


def seen_fields(matter: Matter, revealed: Collection[str]) -> frozenset[str]:
    """Return the names of the form's fields whose values the reader may see."""
    described = matter.form.get("properties")
    names = described if isinstance(described, dict) else {}
    # The same rule as for the form itself: what masking leaves alone may be read.
    seen = mask_form(dict.fromkeys(names, ""), matter.form, revealed)
    return frozenset(name for name, value in seen.items() if value == "")
