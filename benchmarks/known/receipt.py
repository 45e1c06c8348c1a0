"""Deadlines of a municipal permit log: ours from the start date, against the authority's column.

Form: a CSV (also gzipped) with the columns of `yichuang/permit_log.py`. The matter is the sample
`wabo-receipt` of the catalogue: eight weeks from the start, in the case's own zone. Extensions and
suspensions are not in the log (it ends with the receipt phase: no step stands in the extended cases
alone), so cases that had one differ, and are counted so. `equal_if_extended` says how many of these
have the day that the matter's extension would give.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.known import Known, KnownUnreadable
from cases.clock import Calendar, Period, due_at, local_day
from catalogue.load import load_catalogue
from catalogue.matters import Matter
from yichuang.permit_log import LoggedCase, LogUnreadable, read_log

MATTER = "wabo-receipt"


def run(path: Path) -> Known:
    """Return in how many cases the statutory deadline is the authority's own day."""
    try:
        log = read_log(path)
    except LogUnreadable as unreadable:
        raise KnownUnreadable(str(unreadable)) from unreadable
    catalogue = load_catalogue()
    cases = equal = extended = 0
    differences: list[str] = []
    for case in log.cases:
        if case.deadline is None:
            continue
        cases += 1
        matter = catalogue.matter_in_force(MATTER, local_day(case.started_at, "Europe/Amsterdam"))
        calendar = catalogue.calendars[matter.calendar]
        due = due_at(case.started_at, [matter.statutory], calendar, matter.zone)
        theirs = local_day(case.deadline, matter.zone)
        if due is not None and due.day == theirs:
            equal += 1
        else:
            ours = due.day if due else "none"
            extended += _is_extended(case, matter, calendar)
            differences.append(f"{case.name}: ours {ours}, the authority's {theirs}")
    return Known(
        cases,
        equal,
        differences,
        {"equal_if_extended": extended},
        [f"其中 {extended} 例正是该事项延期后的日子，但日志里没有延期这一步"],
    )


def _is_extended(case: LoggedCase, matter: Matter, calendar: Calendar) -> bool:
    """Tell whether the authority's day is the one that the matter's extension would give."""
    if matter.extension is None or case.deadline is None:
        return False
    limits: list[Period] = [matter.statutory, matter.extension]
    due = due_at(case.started_at, limits, calendar, matter.zone)
    return due is not None and due.day == local_day(case.deadline, matter.zone)
