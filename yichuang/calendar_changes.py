"""What the calendars would be if a version counted, or ceased to: for previews."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from activities.looking_ahead import Change
from cases import releases
from cases.database import reading
from cases.releases import Proposal, Release
from cases.retiming import Direction
from catalogue.reading import read_calendars
from catalogue.working_days import Calendar, first_difference


@dataclass(frozen=True, slots=True)
class CalendarChanges:
    """Reads the register anew for each question."""

    engine: Engine
    now: Callable[[], datetime]

    def __call__(self, one: Proposal | Release, direction: Direction) -> Change:
        """Return the calendars now and then. Raises `ValueError` for a text that is none."""
        now = self.now()
        with reading(self.engine) as connection:
            rows = releases.signed(connection, "calendar")
        texts = {row.name: row.content for row in releases.counting(rows, now)}
        if direction == "apply":
            then = {**texts, one.name: one.content}
        else:
            assert isinstance(one, Release)
            others = (row for row in rows if row.id != one.id)
            then = {row.name: row.content for row in releases.counting(others, now)}
        return change(one.name, read_calendars(texts), read_calendars(then))


def change(name: str, before: Mapping[str, Calendar], after: Mapping[str, Calendar]) -> Change:
    """Return how two sets of calendars differ."""
    firsts = {
        one: first_difference(before[one], after[one])
        for one in sorted(before.keys() & after.keys())
    }
    days = [day for day in firsts.values() if day is not None]
    return Change(
        name=name,
        before=before,
        after=after,
        calendars=tuple(one for one, day in firsts.items() if day is not None),
        first=min(days, default=None),
    )
