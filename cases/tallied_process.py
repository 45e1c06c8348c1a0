"""The map of cases and who held them, from sums made ahead (`cases.tally_process`).

Every count is that of the rows. Times are as precise as pages tell them: a middle one is the rows'
to the last digit that is shown, or the digit beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cases.process import ProcessMap, Times, mapped_from
from cases.process_rows import Held
from cases.seen import Group
from cases.tally_process import BILLIONTHS, HELD, THEN, TOOK, WAY, WHOLE
from cases.tally_share import BETWEEN, Numbers

Sums = Iterable[tuple[str, Group, Numbers]]


def process_of(sums: Sums) -> tuple[ProcessMap, Sequence[Held]]:
    """Return the map of all cases, and who held them how long."""
    ways: dict[tuple[bool, tuple[str, ...]], int] = {}
    times: dict[tuple[str, str], Times] = {}
    holders: dict[tuple[str, str], Numbers] = {}
    for _, _, numbers in sums:
        for name, n in numbers.items():
            match name.split(BETWEEN):
                case [kind, over, acts] if kind == WAY:
                    way = (bool(over), tuple(acts.split(THEN)))
                    ways[way] = ways.get(way, 0) + n
                case [kind, source, target, told] if kind == TOOK:
                    times.setdefault((source, target), Times()).add(int(told), n)
                case [kind, source, target] if kind == WHOLE:
                    times.setdefault((source, target), Times()).whole += n / 1000
                case [kind, holder_kind, holder, word] if kind == HELD:
                    held = holders.setdefault((holder_kind, holder), {})
                    held[word] = held.get(word, 0) + n
    found = [
        _held(*holder, numbers) for holder, numbers in holders.items() if any(numbers.values())
    ]
    found.sort(key=lambda one: (-one.used - one.paused, one.kind, one.name))
    return mapped_from({way: n for way, n in ways.items() if n}, times), found


def _held(kind: str, name: str, numbers: Numbers) -> Held:
    used, paused, late = (numbers.get(word, 0) / BILLIONTHS for word in ("used", "paused", "late"))
    return Held(
        kind, name, numbers.get("cases", 0), used, paused, late, numbers.get("late_cases", 0)
    )
