"""The inverse questions: what if something had not been, and what made a period late."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cases.clock import Due
from cases.clocks.ledger import due_of, ledger
from cases.clocks.model import Ledger, Period
from cases.clocks.periods import (
    DISALLOWED,
    PAUSED,
    RESTORED,
    RESUMED,
    ground_of,
    newest,
    periods,
)
from cases.state import ClockEvent
from catalogue.clock_rules import ClockRule
from catalogue.working_days import Calendar


@dataclass(frozen=True, slots=True)
class Moved:
    """One period as it was, and as it would have been."""

    key: str
    before: Due | None
    after: Due | None
    late_before: int
    """By how much it was late (days; microseconds in hours): 0 in time."""
    late_after: int
    """By how much it would have been late, had it ended at the same instant."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a period used between one event and the next."""

    event: ClockEvent
    used: int
    crossed: bool
    """The end was passed in this stretch."""
    would_cure: bool
    """Had nothing been used here, the period would have been in time."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """A period's use, divided among the events after which it was used. Sums to `used`."""

    key: str
    late: int
    used: int
    shares: tuple[Share, ...]

    @property
    def crossed(self) -> Share | None:
        """The stretch in which the end was passed; None where the period was in time."""
        return next((share for share in self.shares if share.crossed), None)


def without(events: Iterable[ClockEvent], ids: Collection[str]) -> tuple[ClockEvent, ...]:
    """Return the history in which these events had not been.

    With the start of a pause its end goes, and what was said of it afterwards.
    """
    gone = set(ids)
    kept: list[ClockEvent] = []
    names: set[str] = set()
    for event in events:
        _, name = ground_of(event.detail)
        if event.id in gone:
            if event.kind == PAUSED and name:
                names.add(name)
            continue
        if event.kind in (RESUMED, DISALLOWED, RESTORED) and name in names:
            continue
        kept.append(event)
    return tuple(kept)


def what_if(
    rules: Sequence[ClockRule],
    events: Sequence[ClockEvent],
    ids: Collection[str],
    calendar: Calendar,
    zone: str,
    until: datetime,
) -> tuple[Moved, ...]:
    """Return the periods that would have ended otherwise had these events not been.

    Everything else stands at its own instant: a hearing that was not held makes the deadline
    earlier, and the decision was made when it was made. Raises `BeyondCalendar`.
    """
    before = newest(periods(rules, events))
    after = newest(periods(rules, without(events, ids)))
    moved = []
    for key in (*before, *(key for key in after if key not in before)):
        was = _known(before.get(key), calendar, zone, until)
        would = _known(after.get(key), calendar, zone, until)
        if was != would:
            moved.append(Moved(key, was[0], would[0], was[1], would[1]))
    return tuple(moved)


def _known(
    period: Period | None, calendar: Calendar, zone: str, until: datetime
) -> tuple[Due | None, int]:
    if period is None:
        return None, 0
    return due_of(period, calendar, zone), late_by(ledger(period, calendar, zone, until))


def late_by(found: Ledger) -> int:
    """Return by how much a period is late: of its counted units, 0 in time."""
    return max(0, -found.left)


def lateness(
    rules: Sequence[ClockRule],
    events: Sequence[ClockEvent],
    key: str,
    calendar: Calendar,
    zone: str,
    until: datetime,
) -> Lateness | None:
    """Return after which events a period's time was used, and where its end was passed.

    Each counted row belongs to the newest event at or before its end: who opens a step in the
    morning has that day. None where no period has the key, and of one that is counted backwards
    from an event to come: no event uses its days. Raises `BeyondCalendar`.
    """
    period = newest(periods(rules, events)).get(key)
    if period is None or period.rule.before:
        return None
    found = ledger(period, calendar, zone, until)
    as_of = until if period.end is None else period.end.at
    within = sorted(
        (one for one in events if period.start.at <= one.at <= as_of), key=lambda one: one.at
    )
    used: dict[int, int] = {}
    crossed, place, last = -1, 0, 0
    for row in found.rows:
        while place + 1 < len(within) and within[place + 1].at < row.until:
            place += 1
        step, last = row.used - last, row.used
        if row.since > as_of or not step or row.used > found.used:
            continue  # an end at 24:00 has used the day that begins then
        used[place] = used.get(place, 0) + step
        if row.left < 0 and crossed < 0:
            crossed = place
    late = late_by(found)
    shares = tuple(
        Share(within[n], amount, n == crossed, bool(late) and amount >= late)
        for n, amount in sorted(used.items())
    )
    return Lateness(key, late, found.used, shares)
