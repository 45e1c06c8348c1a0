"""Which open tasks one may sign for: those whose work one may do.

Policy lets everybody of a task's department sign for it; who then may not do it would hold a task
up and could only hand it on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from cases.facts import CaseFacts
from forms.visit import Visit

OF_TASK: Final[Mapping[str, tuple[str, ...]]] = {
    "pre_review": ("pre_review",),
    "receive": ("accept",),
    "supplement": ("supply",),
    "review": ("opine", "inspect"),
    "gather": ("gather",),
    "decide": ("decide",),
    "certify": ("certify",),
    "serve": ("serve",),
    "close": ("close",),
    "rectify": ("rectify",),
    "call_back": ("call_back",),
    "explain": ("explain_card",),
    "serve_again": ("serve_reissued",),
}
"""What a task's key begins with → the verbs any of which does its work."""


_KIND: Final = re.compile("[-:]")
"""Ends the part of a key that is the same for every case: `review-fire`, `explain:12`."""


async def doable(visit: Visit, about: CaseFacts | str) -> Callable[[str], bool]:
    """Return what says of a task's key whether the visitor may do its work on that case, or with
    an object type on some case."""
    held: set[str] = set()
    for kind, verbs in OF_TASK.items():
        for verb in verbs:
            if (await visit.ask(visit.ports.access.may, visit.actor, verb, about)).allowed:
                held.add(kind)
                break
    return lambda key: _KIND.split(key)[0] in held
