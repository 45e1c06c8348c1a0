"""The alarm of an empty desk: nobody is on duty now for a department that keeps a rota.

It rings until somebody is there again. A department that was told something lately and never laid
out a rota counts too: whoever is sent to incidents must be reached day and night.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DBAPIError

from activities.alarming import Alarms
from cases import duty
from cases.alarms import Alarm
from cases.database import reading
from cases.notice_tables import notice
from cases.notices_out import DUTY
from catalogue.city import City

HOLE = "duty_hole"
"""Kind: nobody answers for a department now."""
LATELY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DutyWatch:
    """Raises and clears the alarm. Only the worker may: it writes the cases store."""

    cases: Engine
    web: Engine
    alarms: Alarms
    city: City
    now: Callable[[], datetime]

    def look(self) -> tuple[list[str], list[str]]:
        """Let the alarms be those that the rota calls for; return keys (new, gone).

        While the rota cannot be read, what rang goes on ringing.
        """
        at = self.now()
        told = self._told(at)
        try:
            with reading(self.web) as connection:
                kept = duty.kept(connection) | told
                empty = [code for code in sorted(kept) if not self._answers(connection, code, at)]
        except (DBAPIError, OSError):
            return [], []
        wanted = {one.key: one for one in map(self._alarm, empty)}
        with self.cases.begin() as connection:
            return self.alarms.agree(connection, HOLE, wanted, at)

    def _told(self, at: datetime) -> set[str]:
        query = select(notice.c.recipient).where(
            notice.c.told_at > at - LATELY, notice.c.recipient.startswith(DUTY)
        )
        with reading(self.cases) as connection:
            found = connection.execute(query.distinct()).scalars()
            return {one.removeprefix(DUTY) for one in found}

    def _answers(self, connection: Connection, code: str, at: datetime) -> bool:
        found = duty.on_duty(connection, code, at)
        return any(one.part == "duty" for one in found)

    def _alarm(self, code: str) -> Alarm:
        name = next(
            (one.short or one.name for one in self.city.departments if one.code == code), code
        )
        return Alarm(
            key=f"{HOLE}:{code}",
            kind=HOLE,
            text=f"{name}此刻没有值班员，通知改送带班领导、部门负责人；请补排班次",
            department=code,
        )
