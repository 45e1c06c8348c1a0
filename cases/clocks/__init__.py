"""The clock as a ledger: every deadline derived from law and events, provable day by day.

    periods(rules, events) -> tuple[Period, ...]        which periods ran, in the order they began
    newest(periods) -> dict[str, Period]                the one that counts of each key
    due_of(period, calendar, zone) -> Due | None        when it ends; None while it stands still
    warning_of(period, due, calendar, zone)             from when it is shown as 预警
    ledger(period, calendar, zone, until) -> Ledger     a row per day (per segment, in hours)
    ledgers(rules, events, calendar, zone, until)       of every period
    without(events, ids) -> tuple[ClockEvent, ...]      the history in which these had not been
    what_if(rules, events, ids, calendar, zone, until)  the deadlines that would have moved
    lateness(rules, events, key, calendar, zone, until) after which events the time was used

All pure, total over every order of events, and never called in workflow code: an activity computes,
history keeps the answer with the calendar's version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from cases.clock import Due
from cases.clocks.inverse import Lateness, Moved, Share, late_by, lateness, what_if, without
from cases.clocks.ledger import MixedUnits, due_of, ledger, spans, warning_of
from cases.clocks.model import Cause, Ledger, Part, Period, Row, Stop
from cases.clocks.periods import newest, periods
from cases.state import ClockEvent
from catalogue.clock_rules import ClockRule
from catalogue.working_days import Calendar

__all__ = [
    "Cause",
    "Due",
    "Lateness",
    "Ledger",
    "MixedUnits",
    "Moved",
    "Part",
    "Period",
    "Row",
    "Share",
    "Stop",
    "due_of",
    "late_by",
    "lateness",
    "ledger",
    "ledgers",
    "newest",
    "periods",
    "spans",
    "warning_of",
    "what_if",
    "without",
]


def ledgers(
    rules: Sequence[ClockRule],
    events: Iterable[ClockEvent],
    calendar: Calendar,
    zone: str,
    until: datetime,
) -> tuple[Ledger, ...]:
    """Return every period's ledger, in the order in which they began. Raises `BeyondCalendar`."""
    return tuple(ledger(one, calendar, zone, until) for one in periods(rules, events))
