"""The alarm of the year's end: on 1 December the notice of the next year must have been loaded.

The State Council's notice comes out in October or November (2024: 2023-10-25; 2025: 2024-11-12;
2026: 2025-11-04). From December on every period of twenty working days runs into the next year, and
without its notice every such deadline is provisional.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, func, select

from activities.alarming import Alarms
from cases.alarms import Alarm
from cases.database import reading
from cases.tables import case, timer
from catalogue.load import Catalogue
from catalogue.working_days import Calendar

KIND = "calendar_missing"
ALARM_MONTH = 12
"""The issue's own rule: a missing next year is an alarm on 1 December."""


def year_needed(today: date) -> int:
    """Return the last year that must be covered by a notice on that day."""
    return today.year + 1 if today.month >= ALARM_MONTH else today.year


def missing_year(calendar: Calendar, today: date) -> int | None:
    """Return the first year that should have been loaded and has not; None: nothing is missing."""
    if calendar.every_day:
        return None
    needed = year_needed(today)
    if calendar.horizon >= date(needed, 12, 31):
        return None
    return (calendar.horizon + timedelta(days=1)).year


def provisional_deadlines(connection: Connection, calendar: str) -> tuple[int, int]:
    """Return how many instants of open cases on a calendar are provisional, and how many cases."""
    query = (
        select(func.count(), func.count(timer.c.case_id.distinct()))
        .join(case, case.c.id == timer.c.case_id)
        .where(case.c.calendar == calendar, case.c.is_open, timer.c.provisional)
    )
    deadlines, cases = connection.execute(query).one()
    return deadlines, cases


@dataclass(frozen=True, slots=True)
class CalendarWatch:
    """Raises and clears the alarm. Only the worker may: it writes the cases store."""

    engine: Engine
    alarms: Alarms
    catalogue: Callable[[], Catalogue]
    now: Callable[[], datetime]

    def look(self) -> tuple[list[str], list[str]]:
        """Let the alarms be those that the calendars in force call for; return keys (new, gone)."""
        catalogue, now = self.catalogue(), self.now()
        today = now.astimezone(ZoneInfo(catalogue.city.zone)).date()
        wanted = self._wanted(catalogue.calendars, today)
        with self.engine.begin() as connection:
            return self.alarms.agree(connection, KIND, wanted, now)

    def _wanted(self, calendars: Mapping[str, Calendar], today: date) -> dict[str, Alarm]:
        wanted = {}
        for name, calendar in sorted(calendars.items()):
            year = missing_year(calendar, today)
            if year is None:
                continue
            with reading(self.engine) as connection:
                deadlines, cases = provisional_deadlines(connection, name)
            alarm = Alarm(
                key=f"{KIND}:{name}:{year}",
                kind=KIND,
                text=f"日历 {name} 只到 {calendar.horizon}，{year} 年放假通知尚未载入："
                "请在日历页导入并由第二人签署，在此之前跨年的期限为暂定",
                detail={
                    "calendar": name,
                    "version": calendar.version,
                    "year": year,
                    "horizon": calendar.horizon.isoformat(),
                    "provisional_deadlines": deadlines,
                    "provisional_cases": cases,
                },
            )
            wanted[alarm.key] = alarm
        return wanted
