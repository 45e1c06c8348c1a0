"""What one case puts into the sums: by part, month and name; and the names of the parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cases.seen import Group

FIGURES: Final = "figures"
HAND: Final = "hand"
DUTY: Final = "duty"
SHARES: Final = "shares"
RUNNING: Final = "running"
"""What runs now, and from which instant on it is warned of and late (cases/tally_running.py)."""
STEPS: Final = "steps"
"""Steps of departments: how many days those that ended took, and by when those that run are due."""
PROCESS: Final = "process"
"""Ways through, how long each step took, and who held the cases; by the month they came in."""
DAYS: Final = "days"
"""What the plan's numbers and the public statistics count, by the day of the city's zone."""
BY_DAY: Final = "by_day"
"""The counts of `FIGURES` that are put down to the implementing department, by the same days."""
CARDS: Final = "cards"
"""Supervision cards: against whom, of which level, what became of them; by the month they arose."""
PARTS: Final = (FIGURES, HAND, DUTY, SHARES, RUNNING, STEPS, PROCESS, DAYS, BY_DAY, CARDS)
ALWAYS: Final = ""
"""The month of what hangs on no instant."""
DECIDED_CLOCK: Final = "decided"
"""Name under which the promised time of decided cases is kept, beside `promised` of all."""
BETWEEN: Final = "\t"
"""Between the words of a name; no code has one."""

Numbers = dict[str, int]
Said = dict[str, dict[str, Numbers]]
"""Part → month → name → number."""


@dataclass(slots=True)
class Share:
    """What one case puts into the sums."""

    group: Group
    said: Said = field(default_factory=dict)

    def add(self, part: str, month: str, name: str, n: int) -> None:
        if n:
            of_month = self.said.setdefault(part, {}).setdefault(month, {})
            of_month[name] = of_month.get(name, 0) + n
