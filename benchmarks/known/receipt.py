"""Deadlines of a municipal permit log: ours from the start date, against the authority's column.

Form: a CSV (also gzipped) with the columns of `yichuang/permit_log.py`. The matter is the sample
`wabo-receipt` of the catalogue: eight weeks from the start, in the case's own zone. Extensions and
suspensions are not in the log, so cases that had one differ, and are counted so.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.known import Known, KnownUnreadable
from cases.clock import due_at, local_day
from catalogue.load import load_catalogue
from yichuang.permit_log import LogUnreadable, read_log

MATTER = "wabo-receipt"


def run(path: Path) -> Known:
    """Return in how many cases the statutory deadline is the authority's own day."""
    try:
        log = read_log(path)
    except LogUnreadable as unreadable:
        raise KnownUnreadable(str(unreadable)) from unreadable
    catalogue = load_catalogue()
    cases = equal = 0
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
            differences.append(f"{case.name}: ours {ours}, the authority's {theirs}")
    return Known(cases, equal, differences)
