"""What runs now, from sums made ahead: how much is late and warned of, and which steps may break.

Exact at the moment of reading: a sum keeps the instants at which something becomes so
(`cases.tally_running`), and those that have passed are added up here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cases.oversight import OpenStep, Stretch
from cases.seen import Group
from cases.tally_running import (
    DUE,
    LATE,
    OF_CASES,
    OF_CLOCKS,
    OF_PROMISES,
    OF_STEPS,
    OPEN,
    TOOK,
    TOTAL,
    WARNED,
    instant_of,
    number_of,
)
from cases.tally_share import BETWEEN, Numbers


@dataclass(slots=True)
class Running:
    """What runs at one instant, as one reader sees it."""

    cases: dict[str, int] = field(default_factory=dict)
    """State of watch → cases that have such a clock."""
    clocks: dict[tuple[str, str], int] = field(default_factory=dict)
    """Clock and state of watch → clocks."""
    ends: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict)
    """State of watch → clock and instant at which it is due → clocks; for lists."""
    late_promises: dict[tuple[str, str], int] = field(default_factory=dict)
    """Matter and implementing department → promises that are late; of cases of the department."""
    open_steps: dict[str, int] = field(default_factory=dict)
    late_steps: dict[str, int] = field(default_factory=dict)
    """Whose steps they are → how many; in cases of the department."""

    def watched(self, clock: str, state: str) -> int:
        """Return how many clocks are in a state of watch; of all kinds where none is named."""
        if clock:
            return self.clocks.get((clock, state), 0)
        return sum(n for (_, of), n in self.clocks.items() if of == state)

    def stretch(self, clock: str, state: str, offset: int, limit: int) -> Stretch | None:
        """Return where lines of a list of clocks lie, what is due first on top and what is due
        never at the end; None for a state whose lists are not kept by ends."""
        if state not in (TOTAL, LATE, WARNED):
            return None
        ends: dict[int, int] = {}
        for (of, end), n in self.ends.get(state, {}).items():
            if clock in ("", of):
                ends[end] = ends.get(end, 0) + n
        before, instants, skipped = 0, list[datetime](), 0
        for end in sorted(end for end, n in ends.items() if n):
            if before >= offset + limit:
                break
            before += ends[end]
            if before <= offset:
                skipped = before
            else:
                instants.append(instant_of(end))
        return Stretch(
            tuple(instants), before < offset + limit and state == TOTAL, offset - skipped
        )


Sums = Iterable[tuple[str, Group, Numbers]]


def running(sums: Sums, department: str, now: datetime) -> Running:
    """Add up what runs now. `department`: implementing, or whose clock it is; empty: any."""
    found, at = Running(), number_of(now)
    for _, group, numbers in sums:
        own = department in ("", group.department)
        for name, n in numbers.items():
            words = name.split(BETWEEN)
            if words[0] == OF_CLOCKS:
                if own or words[2] == department:
                    _count_clocks(found, words[1], words[3:], n, at)
                continue
            if words[-1].isdecimal() and int(words.pop()) > at:
                continue  # is not so yet
            _count(found, group, words, n, department, own)
    return found


def _count_clocks(found: Running, clock: str, words: list[str], n: int, at: int) -> None:
    if words[0] != DUE:
        found.clocks[clock, words[0]] = found.clocks.get((clock, words[0]), 0) + n
        return
    warned, due = words[1], int(words[2])
    states = [TOTAL]
    if due <= at:
        states.append(LATE)
    elif warned and int(warned) <= at:
        states.append(WARNED)
    for state in states:
        ends = found.ends.setdefault(state, {})
        ends[clock, due] = ends.get((clock, due), 0) + n
    for state in states[1:]:
        found.clocks[clock, state] = found.clocks.get((clock, state), 0) + n


def _count(
    found: Running, group: Group, words: list[str], n: int, department: str, own: bool
) -> None:
    match words:
        case [kind, duty, state] if kind == OF_CASES:
            # Of all clocks of the case, or of this department's in another's case.
            if duty == ("" if own else department):
                found.cases[state] = found.cases.get(state, 0) + n
        case [kind, _] if kind == OF_PROMISES and own:
            cell = (group.matter, group.department)
            found.late_promises[cell] = found.late_promises.get(cell, 0) + n
        case [kind, duty, state] if kind == OF_STEPS and own:
            steps = found.open_steps if state == OPEN else found.late_steps
            steps[duty] = steps.get(duty, 0) + n


def open_steps(sums: Sums, department: str) -> dict[OpenStep, int]:
    """Return how many open steps there are of each kind that is foreseen alike."""
    found: dict[OpenStep, int] = {}
    for _, group, numbers in sums:
        for name, n in numbers.items():
            kind, *words = name.split(BETWEEN)
            if kind != OPEN:
                continue
            task, duty, limit, due, case_due, calendar, zone = words
            if department not in ("", group.department, duty):
                continue
            ends = instant_of(int(case_due)) if case_due else None
            one = OpenStep(
                group.matter, task, duty, int(limit), instant_of(int(due)), ends, calendar, zone
            )
            found[one] = found.get(one, 0) + n
    return {one: n for one, n in found.items() if n > 0}


def days_taken(sums: Sums) -> dict[tuple[str, str, str], dict[int, int]]:
    """Return, by matter, task and department, how many ended steps used so many working days."""
    found: dict[tuple[str, str, str], dict[int, int]] = {}
    for _, group, numbers in sums:
        for name, n in numbers.items():
            kind, *words = name.split(BETWEEN)
            if kind == TOOK:
                task, duty, days = words
                of_days = found.setdefault((group.matter, task, duty), {})
                of_days[int(days)] = of_days.get(int(days), 0) + n
    return {
        key: left
        for key, of_days in found.items()
        if (left := {days: n for days, n in of_days.items() if n})
    }
