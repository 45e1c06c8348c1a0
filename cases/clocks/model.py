"""Periods, rows and ledgers: plain values made by `periods` and `ledger`, shown by everything else.

An amount is a whole number: days for a period in days or working days, microseconds for one in
minutes, hours or working hours (`Ledger.scale`). No amount is ever rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from cases.clock import Due
from catalogue.clock_rules import ClockRule
from catalogue.matters import Limit

Scale = Literal["day", "microsecond"]
RowState = Literal["zero", "counted", "paused", "off", "over"]
"""Day zero · counted · paused · no working day (out of office hours) · counted after the end
(overdue; a pause that began after the end stops nothing)."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A clock event that made something so."""

    id: str
    """`<step>.<n>`: the case's step and the place of the event in it."""
    kind: str
    at: datetime
    article: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A pause of one period: from one event to another, on a ground the rule knows.

    Ground `elsewhere`: between two runs of a period that accumulates.
    """

    ground: str
    name: str
    """Id of the procedure (`hearing-1`), or the ground itself."""
    since: Cause
    until: Cause | None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the budget: the limit (cause: the start), then each extension granted."""

    limit: Limit
    cause: Cause


@dataclass(frozen=True, slots=True)
class Period:
    """One run of one rule in one case."""

    rule: ClockRule
    key: str
    """`statutory`, `step:review-fire`, …: the newest of a key counts."""
    start: Cause
    parts: tuple[Part, ...]
    stops: tuple[Stop, ...] = ()
    end: Cause | None = None
    """What ended it; None: it runs, or stands still."""
    superseded: bool = False
    """A later period took over the key (a step opened anew)."""
    last_day: date | None = None
    """Given by the starting event, where the rule has a `due_field`."""
    department: str = ""
    """Whose step it is, where the clock is a step's or a department's; its office hours count."""

    @property
    def is_open(self) -> bool:
        return self.end is None and not self.superseded


@dataclass(frozen=True, slots=True)
class Row:
    """One day of a ledger; of a period in hours or minutes, one segment of a day."""

    day: date
    since: datetime
    until: datetime
    state: RowState
    working: bool
    """Whether the calendar calls it a working day."""
    known: bool
    """Whether a published notice covers the day; False: provisional."""
    part: int
    """Index of the limit or extension that the day is counted against."""
    article: str
    """Why the row is what it is: the limit's article, the pause's, the day-off's, day zero's."""
    cause: str
    """Id of the clock event behind it; for a day off the calendar's `name@version`."""
    used: int
    """Used at the end of the row, of all parts together."""
    left: int
    """Left at the end of the row; negative once it is late."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """A period, day by day."""

    period: Period
    rows: tuple[Row, ...]
    due: Due | None
    """None: it stands still before its end."""
    scale: Scale
    budget: int
    used: int
    """Used when it ended, or up to the instant the ledger was asked for."""
    left: int
    paused: int
    """Days (or microseconds) that would have counted had nothing stopped it."""
    calendar_version: str
