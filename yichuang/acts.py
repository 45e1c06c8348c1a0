"""What an entry's act is, as data: which have a step in a workflow's history, and which cannot.

docs/entries.md is the same for people; a test holds the two together, and both to what a running
city writes.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from cases.messages import BODIES
from cases.releases import Kind
from cases.releasing import LOOK_AHEAD, SIMULATE, verbs_of

Workflow = Literal["step", "beside", "none"]
"""`step`: the entry of one settled order, which stands in history. `beside`: it names a workflow
and is no order of its own. `none`: no workflow knows of it."""

ORDERS: Final = frozenset(BODIES)
"""Orders to a case; of the law's own too."""
RELEASES: Final = frozenset(
    verb
    for kind in get_args(Kind)
    for verb in verbs_of(kind).warranted
    if verb not in (LOOK_AHEAD, SIMULATE)
)
"""Orders to a version that leave an entry when they are done."""
REFUSED_RELEASES: Final = RELEASES | {LOOK_AHEAD, SIMULATE}
"""… and when they are refused."""
BESIDE_CASE: Final = frozenset({"void_number", "issue_document", "case_mended"})
BESIDE_RELEASE: Final = frozenset(
    {"release_gate", "release_previewed", "release_dossier", "release_dossier_signed",
     "release_retimed"}
)  # fmt: skip


SINGLE: Final = (
    "payment:", "fund:", "incident:", "warning:", "plan:", "performance:", "project:",
)  # fmt: skip
"""Streams of things of which each order is answered by one activity."""


OF_TIME: Final = frozenset({"warning_lapse"})
"""Acts on such streams that nobody orders and no workflow settles: time does."""


def workflow_of(stream: str, act: str, denied: bool = False) -> Workflow:
    """Return what an entry of this stream and act has to do with a workflow."""
    if stream.startswith("case:"):
        return "beside" if act in BESIDE_CASE else "step"
    if stream.startswith("release:"):
        if act in (REFUSED_RELEASES if denied else RELEASES):
            return "step"
        return "beside" if act in BESIDE_RELEASE else "none"
    if act in OF_TIME:
        return "none"
    return "step" if stream.startswith(SINGLE) else "none"
