"""What a census tells: its figures beside the lease, and the alarms that must ring.

The lease is held by one of several workers; what that one found is noted with it, for the page,
the command and `status`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from activities.alarming import Alarms
from cases import census, leases
from cases.alarms import Alarm
from cases.armed import IN_CHINESE, STRAY
from cases.census import Expected, Lateness, Looked
from cases.census_view import LEASE, late_lives
from cases.census_view import NAMED as CALLED
from cases.database import reading
from cases.life_rows import LateInstant

ALARM = "census"
"""Kind of the alarms that it raises."""
LEASE_FOR = timedelta(seconds=45)
NAMED = 50
"""Cases that get an alarm of their own; beyond it one alarm stands for all."""

_log = logging.getLogger("yichuang.census")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a census goes."""

    every: timedelta = timedelta(seconds=10)
    """Between rounds: what one round sees the next one mends, well within a minute."""
    settles_within: timedelta = timedelta(seconds=15)
    """A workflow that began so recently is not counted: it shows in visibility a moment later."""
    late_after: timedelta = timedelta(seconds=60)
    """A timer that should have rung so long ago is late; a fault that lasts so long rings."""
    pause: timedelta = timedelta(minutes=1)
    """Before the same case is mended again; four times as long after each further mending."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a round did."""

    looked_at: int
    unread: bool
    """Some case was left for the next round."""
    took_ms: int = 0


Figures = dict[str, JsonValue]


class Teller:
    """Notes what the census of one worker finds. Its methods block."""

    def __init__(self, engine: Engine, alarms: Alarms, pace: Pace, holder: str) -> None:
        self._engine = engine
        self._alarms = alarms
        self._pace = pace
        self._holder = holder
        self._away_since: datetime | None = None
        self._firings: tuple[datetime, Lateness, Lateness] | None = None

    def take(self, now: datetime) -> bool:
        """Take or renew the lease; False while another worker holds it."""
        with self._engine.begin() as connection:
            return leases.take(connection, LEASE, self._holder, now, LEASE_FOR)

    def let_go(self, now: datetime) -> None:
        """Give the lease back; where the store is away it runs out by itself."""
        try:
            with self._engine.begin() as connection:
                leases.let_go(connection, LEASE, self._holder, now)
        except (OSError, OperationalError) as away:
            _log.warning("the lease runs out by itself: %s", away)

    def tell(self, now: datetime, done: Done) -> Figures:
        """Note the figures after a round, let the alarms agree with them, and return them."""
        self._away_since = None
        figures = self._figures(now) | asdict(done)
        self._note(now, figures, {})
        return figures

    def tell_away(self, now: datetime, away: str, unread: bool) -> Figures:
        """Note that nothing can be proven now; after a while it rings."""
        self._away_since = self._away_since or now
        more: Figures = {"away": away, "away_since": self._away_since.isoformat()}
        figures = self._figures(now) | asdict(Done(0, unread)) | more
        ringing = {}
        if now - self._away_since > self._pace.late_after:
            text = f"定时器无法对账：{away}；请检查流程引擎与办件进程"
            ringing["census:away"] = Alarm("census:away", ALARM, text)
        self._note(now, figures, ringing)
        return figures

    def _figures(self, now: datetime) -> Figures:
        with reading(self._engine) as connection:
            watched, waiting, unproven = census.counts(connection)
            wrong = census.at_fault(connection)
            late = census.overdue(connection, now)
            incidents, projects = late_lives(connection, now)
            hour, day = self._late(connection, now)
        stray = sum(one.fault in STRAY for one in wrong)
        return {
            "watched": watched,
            "waiting": waiting,
            "unproven": unproven,
            "unarmed": len(wrong) - stray,
            "stray": stray,
            "overdue": len(late),
            "incidents_overdue": len(incidents),
            "projects_overdue": len(projects),
            "late_hour": asdict(hour),
            "late_day": asdict(day),
        }

    def _late(self, connection: Connection, now: datetime) -> tuple[Lateness, Lateness]:
        """Return how late timers fired in the last hour and day, read anew each minute."""
        if self._firings is None or now - self._firings[0] > self._pace.late_after:
            hour = census.firings(connection, now - timedelta(hours=1))
            self._firings = (now, hour, census.firings(connection, now - timedelta(days=1)))
        return self._firings[1:]

    def _note(self, now: datetime, figures: Figures, ringing: dict[str, Alarm]) -> None:
        with self._engine.begin() as connection:
            leases.note(connection, LEASE, self._holder, now, figures)
            lasting = [
                one
                for one in census.at_fault(connection)
                if one.fault_since and now - one.fault_since > self._pace.late_after
            ]
            incidents, projects = late_lives(connection, now)
            wanted = ringing | _alarms(connection, lasting)
            wanted |= _unrung("census:incidents", "突发事件", incidents)
            wanted |= _unrung("census:projects", "项目", projects)
            self._alarms.agree(connection, ALARM, wanted, now)


def _alarms(connection: Connection, lasting: Sequence[Looked]) -> dict[str, Alarm]:
    """Return the alarms of what stays wrong although it was to be mended."""
    wanted: dict[str, Alarm] = {}
    if len(lasting) > NAMED:
        text = f"{len(lasting)} 件办件的定时器不符且未能修复；请查看定时器对账页"
        wanted["census:many"] = Alarm("census:many", ALARM, text)
    named = census.expected(connection, [one.case_id for one in lasting[:NAMED]])
    for one in lasting[:NAMED]:
        alarm = _alarm(one, named.get(one.case_id))
        wanted[alarm.key] = alarm
    return wanted


def _unrung(key: str, title: str, late: Sequence[LateInstant]) -> dict[str, Alarm]:
    """Return the one alarm for the lives of a kind whose instants passed and did not ring."""
    if not late:
        return {}
    named = "、".join(one.number for one in late[:CALLED])
    text = f"{title} {len(late)} 件的时刻已过三分钟而没有响：{named}；请系统管理员查看流程引擎"
    return {key: Alarm(key, ALARM, text)}


def _alarm(one: Looked, case: Expected | None) -> Alarm:
    assert one.fault is not None
    number = case.case_no if case else one.case_id
    tried = f"，已修复 {one.mends} 次未果" if one.mends else ""
    return Alarm(
        f"census:{one.case_id}",
        ALARM,
        f"办件 {number} {IN_CHINESE[one.fault]}{tried}；请系统管理员查看",
        case_id=one.case_id,
        department=case.department if case else "",
        detail={"fault": one.fault, "mends": one.mends},
    )
