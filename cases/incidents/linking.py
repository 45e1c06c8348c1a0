"""关联办件、解除关联: which cases came of an incident, or are about it.

Nothing else hangs on it: no stage moves, no clock runs, nobody is told. What is so is in rows of
its own; the state holds only the digest of all that was linked and taken back, in order, so that
the entries of the log bind the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from cases.incidents import messages as m
from cases.incidents.state import IncidentState
from cases.incidents.step import Known, Step, advanced
from cases.messages import Command
from cases.projection import json_text
from cases.settling import RuleForbids


def chained(before: str, seq: int, verb: str, case_id: str) -> str:
    """Return the digest after one more link, or one more taken back."""
    return hashlib.sha256(json_text([before, seq, verb, case_id]).encode()).hexdigest()


def chain_of(links: Iterable[tuple[str, int, int | None]]) -> str:
    """Return the digest that rows of links come to: case, the step that linked it, the step that
    took it back. Empty where there are none."""
    steps = []
    for case, seq, gone in links:
        steps.append((seq, "link_case", case))
        if gone is not None:
            steps.append((gone, "unlink_case", case))
    found = ""
    for seq, verb, case in sorted(steps):
        found = chained(found, seq, verb, case)
    return found


def link(state: IncidentState, command: Command, body: m.LinkCase, known: Known) -> Step:
    """关联办件, with a reason; a case is linked once."""
    _insist_ground(body)
    if known.case_linked:
        raise RuleForbids("linked_already", "这个办件已经关联本事件", "", "body.case")
    return Step(state=_next(state, command, body), linked_case=body.case)


def unlink(state: IncidentState, command: Command, body: m.LinkCase, known: Known) -> Step:
    """解除关联, with a reason; the log keeps both."""
    _insist_ground(body)
    if not known.case_linked:
        raise RuleForbids("not_linked", "这个办件没有关联本事件", "", "body.case")
    return Step(state=_next(state, command, body), unlinked_case=body.case)


def _insist_ground(body: m.LinkCase) -> None:
    if not body.ground:
        raise RuleForbids("ground_missing", "请写明理由", "", "body.ground")


def _next(state: IncidentState, command: Command, body: m.LinkCase) -> IncidentState:
    linked = chained(state.linked, state.seq + 1, command.verb, body.case)
    return advanced(state, linked=linked)


__all__ = ["chain_of", "chained", "link", "unlink"]
