"""What the calendar's page needs of the others: the calendar in force, versions, what they move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from cases.messages import Actor
from cases.retiming import Direction, MovedDeadline, Preview
from catalogue.working_days import Calendar


@dataclass(frozen=True)
class CalendarVersion:
    """A version of a calendar that asks for somebody, or has lately been applied."""

    id: str
    version: str
    state: str
    """`proposed`, `blocked`, `active` (it counts), `superseded`, `revoked`, `rejected`."""
    proposed_by: str
    proposed_at: datetime
    signed_by: str
    in_force_from: datetime | None
    findings: tuple[str, ...] = ()
    revoke_asked_by: str = ""
    revoke_reason: str = ""
    direction: Direction = "apply"
    """What somebody could sign now: that it count, or that it cease to."""
    preview: Preview | None = None
    """What that would move."""
    progress: Preview | None = None
    """How far the last signed act has got."""
    changed: tuple[tuple[date, bool, str], ...] = ()
    """Days that it arranges otherwise than what counts now: day, worked, what for."""


@dataclass(frozen=True)
class CalendarSheet:
    """One calendar, as it counts now."""

    names: tuple[str, ...]
    calendar: Calendar
    provisional_deadlines: int
    provisional_cases: int
    alarms: tuple[str, ...]
    versions: tuple[CalendarVersion, ...]


class Calendars(Protocol):
    """The calendars in force and their versions; only read. Raises `NotNow` when away."""

    def sheet(self, name: str) -> CalendarSheet | None:
        """One calendar (empty name: the first); None where there is none of that name."""
        ...

    def moves(
        self, actor: Actor, preview: str, page: int, size: int, department: str
    ) -> tuple[Sequence[MovedDeadline], int]:
        """One page of what a preview would move of the cases that the reader may be shown, and how
        many those are."""
        ...

    def with_notice(self, name: str, notice: str) -> tuple[str, tuple[str, ...]]:
        """The text of the next version by a notice in the holiday-cn form, and what is wrong."""
        ...

    def with_change(
        self, name: str, off: Sequence[date], on: Sequence[date], reason: str, paper: str
    ) -> tuple[str, tuple[str, ...]]:
        """The text of the next version with single days arranged otherwise."""
        ...
