"""Deadlines of a municipal permit log: ours from the start date, against the authority's column.

Form: a CSV (also gzipped) with the columns of `yichuang/permit_log.py`. The matter is the sample
`wabo-receipt` of the catalogue, by its clock rules: eight weeks from the start, in the case's own
zone. Extensions and suspensions are not in the log (it ends with the receipt phase, and no step
stands in the extended cases alone), so cases that had one differ, and are counted so.
`equal_if_extended` says how many of these have the day that the matter's extension would give.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

from benchmarks.known import Known, KnownUnreadable
from cases.approval import plan_of
from cases.approval.clocks import clock_rules
from cases.clock import Calendar, local_day
from cases.clocks import due_of, newest, periods
from cases.state import ClockEvent
from catalogue.clock_rules import ClockRule
from catalogue.load import digest, load_catalogue
from catalogue.matters import Matter
from yichuang.permit_log import LogUnreadable, read_log

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
        begun = ClockEvent(kind="accepted", at=case.started_at, article=matter.statutory.basis)
        theirs = local_day(case.deadline, matter.zone)
        ours = _last_day(matter, calendar, begun)
        if ours == theirs:
            equal += 1
            continue
        granted = ClockEvent(kind="extended", at=case.started_at, article=matter.statutory.basis)
        extended += _last_day(matter, calendar, begun, granted) == theirs
        differences.append(f"{case.name}: ours {ours}, the authority's {theirs}")
    return Known(
        cases,
        equal,
        differences,
        {"equal_if_extended": extended},
        [f"其中 {extended} 例正是该事项延期后的日子，但日志里没有延期这一步"],
    )


def _last_day(matter: Matter, calendar: Calendar, *events: ClockEvent) -> date | None:
    """Return the last day of the statutory period that the events make; None: it stands still."""
    period = newest(periods(_rules(matter.version), events))["statutory"]
    due = due_of(period, calendar, matter.zone)
    return None if due is None else due.day


@cache
def _rules(version: str) -> tuple[ClockRule, ...]:
    matter = load_catalogue().matter(MATTER, version)
    return clock_rules(plan_of(matter, digest(matter)))
