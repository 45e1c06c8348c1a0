"""Readings of machines, as the roof hands them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cases.reading_views import DeadReadingLine, Named, Pulse, Said, Standing
from forms.reason_ports import RulingReasons


@dataclass(frozen=True)
class ItemMeans:
    """The hourly means of one item around an alarm; None where there is none."""

    name: str
    unit: str
    means: Sequence[tuple[datetime, float | None]]


class Readings(Protocol):
    """Alarms of readings, and the readings that were refused. No personal data."""

    def alarms(
        self, state: Standing, level: str, station: str, page: int, language: str
    ) -> tuple[Sequence[Named], int]:
        """One page of alarms, open ones first, and how many in all."""
        ...

    def alarm(
        self, alarm_id: str, language: str
    ) -> (
        tuple[
            Named,
            Sequence[Said],
            Sequence[ItemMeans],
            Sequence[tuple[str, str, str]],
        ]
        | None
    ):
        """An alarm, what was said of it, the hourly means around it (its item's, or each item's of
        its station), and the context at its raising as (field, title, value)."""
        ...

    def reasons(self, alarm_id: str) -> RulingReasons | None:
        """Why the rule that stands, or stood last, holds; None where no ruling was kept."""
        ...

    def dead(self, page: int) -> tuple[Sequence[DeadReadingLine], int]: ...

    def pulse(self) -> Pulse: ...

    def stations(self, language: str) -> Sequence[tuple[str, str]]:
        """Code and name of the stations that ever had an alarm."""
        ...
