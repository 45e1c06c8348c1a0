"""When a project's money is planned to go: its contracts' sum by its paying milestones. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Planned:
    """What is planned to be paid on a day."""

    on: date
    amount_fen: int


def planned(sum_fen: int, days: Sequence[date]) -> tuple[Planned, ...]:
    """Return the sum in equal shares over the days on which milestones that pay are planned.

    No contract says which share falls to which milestone, so that they are equal; what does not
    divide goes to the last, and nothing is lost. Empty without days.
    """
    if not days or sum_fen <= 0:
        return ()
    share, rest = divmod(sum_fen, len(days))
    ordered = sorted(days)
    return tuple(
        Planned(on, share + (rest if n == len(ordered) - 1 else 0)) for n, on in enumerate(ordered)
    )
