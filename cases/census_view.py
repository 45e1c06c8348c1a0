"""The census as people read it: two counts, or each case by name with what is wrong and since when.

The overdue instants are asked anew at each reading, from SQL alone: they do not depend on the
worker that takes the census.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Connection, select

from cases import census, incident_rows, leases, project_rows
from cases.armed import STRAY, Fault
from cases.census import Lateness, Overdue
from cases.life_rows import LateInstant
from cases.tables import case
from cases.tables import census as census_table

LEASE = "census"
"""Name of the lease under which a worker takes the census and notes what it found."""
FRESH_WITHIN = timedelta(seconds=60)
"""A census older than this proves nothing of now: six rounds were missed."""
LATE_LIFE_AFTER = timedelta(minutes=3)
"""Twice what the watch over incidents and projects needs to have a lost instant rung: its grace, a
round of it and a retry of the settlement (yichuang/life_watch.py)."""
MENDED_WITHIN = timedelta(days=1)
NONE_FIRED = Lateness(0)
MOST = 500
NAMED = 5
"""Cases that one sentence names."""


@dataclass(frozen=True, slots=True)
class WrongCase:
    """A case with whose timer something is wrong."""

    case_id: str
    case_no: str
    department: str
    fault: Fault
    since: datetime
    mends: int
    """How often it was mended without getting well."""


@dataclass(frozen=True, slots=True)
class MendedCase:
    """A case that was mended lately."""

    case_id: str
    case_no: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CensusView:
    """All that the census says at one moment."""

    now: datetime
    looked_at: datetime | None
    """When the last round ended; None where none ever did."""
    away: str = ""
    """Why nothing can be proven at present, one sentence."""
    away_since: datetime | None = None
    unarmed: int = 0
    """Cases with an open instant for which not exactly its timer waits."""
    stray: int = 0
    """Cases with a timer that belongs to no instant."""
    watched: int = 0
    waiting: int = 0
    """Cases with an open instant, of those that were looked at."""
    unproven: int = 0
    wrong: tuple[WrongCase, ...] = ()
    overdue: tuple[Overdue, ...] = ()
    late_incidents: tuple[LateInstant, ...] = ()
    """Incidents whose instant passed unrung, by SQL alone."""
    late_projects: tuple[LateInstant, ...] = ()
    """Projects, the same."""
    mended: tuple[MendedCase, ...] = ()
    elsewhere: int = 0
    """Cases with something wrong that the reader may not list; they count and have no name."""
    late_hour: Lateness = NONE_FIRED
    late_day: Lateness = NONE_FIRED

    @property
    def is_fresh(self) -> bool:
        """Whether the last round is recent enough to say anything of now."""
        return self.looked_at is not None and self.now - self.looked_at <= FRESH_WITHIN

    @property
    def wrong_count(self) -> int:
        """Cases whose timer is wrong, and instants, of incidents and projects too, that SQL calls
        overdue."""
        return self.unarmed + self.stray + self.late_count + self.elsewhere

    @property
    def late_count(self) -> int:
        """Instants of cases, incidents and projects that SQL calls overdue."""
        return len(self.overdue) + len(self.late_incidents) + len(self.late_projects)

    @property
    def is_well(self) -> bool:
        """0/0, proven just now, and nothing overdue by SQL alone."""
        return self.is_fresh and not self.away and not self.wrong_count

    @property
    def named(self) -> frozenset[str]:
        """Ids of every case that is told by name."""
        return self._wrong_ids | {one.case_id for one in self.mended}

    @property
    def _wrong_ids(self) -> frozenset[str]:
        return frozenset([w.case_id for w in self.wrong] + [o.case_id for o in self.overdue])

    def without(self, hidden: Collection[str]) -> CensusView:
        """Return the view in which these cases are counted and not named."""
        return replace(
            self,
            wrong=tuple(one for one in self.wrong if one.case_id not in hidden),
            overdue=tuple(one for one in self.overdue if one.case_id not in hidden),
            mended=tuple(one for one in self.mended if one.case_id not in hidden),
            elsewhere=len(self._wrong_ids & set(hidden)),
        )


def census_view(connection: Connection, now: datetime) -> CensusView:
    """Return the census as it stands in the rows."""
    noted = leases.noted(connection, LEASE)
    overdue = tuple(census.overdue(connection, now, most=MOST))
    incidents, projects = late_lives(connection, now)
    if noted is None:
        return CensusView(
            now, None, overdue=overdue, late_incidents=incidents, late_projects=projects
        )
    wrong = _wrong(connection)
    said: Mapping[str, Any] = noted.said
    since = said.get("away_since")
    return CensusView(
        now,
        noted.noted_at,
        away=said.get("away", ""),
        away_since=datetime.fromisoformat(since) if since else None,
        unarmed=sum(one.fault not in STRAY for one in wrong),
        stray=sum(one.fault in STRAY for one in wrong),
        watched=said["watched"],
        waiting=said["waiting"],
        unproven=said["unproven"],
        wrong=wrong[:MOST],
        overdue=overdue,
        late_incidents=incidents,
        late_projects=projects,
        mended=_mended(connection, now),
        late_hour=Lateness(**said["late_hour"]),
        late_day=Lateness(**said["late_day"]),
    )


def late_lives(
    connection: Connection, now: datetime
) -> tuple[tuple[LateInstant, ...], tuple[LateInstant, ...]]:
    """Return the incidents and the projects whose instant passed unrung, by SQL alone."""
    before = now - LATE_LIFE_AFTER
    return (
        tuple(incident_rows.late_instants(connection, before, MOST)),
        tuple(project_rows.late_instants(connection, before, MOST)),
    )


def _wrong(connection: Connection) -> tuple[WrongCase, ...]:
    table = census_table.c
    query = (
        select(
            table.case_id,
            case.c.case_no,
            case.c.department,
            table.fault,
            table.fault_since,
            table.mends,
        )
        .outerjoin(case, case.c.id == table.case_id)
        .where(table.fault != "")
        .order_by(table.fault_since, table.case_id)
    )
    return tuple(
        WrongCase(row[0], row[1] or row[0], row[2] or "", *row[3:])
        for row in connection.execute(query)
    )


def _mended(connection: Connection, now: datetime) -> tuple[MendedCase, ...]:
    table = census_table.c
    query = (
        select(table.case_id, case.c.case_no, table.mended_at)
        .join(case, case.c.id == table.case_id)
        .where(table.mended_at >= now - MENDED_WITHIN, table.fault == "", table.mending == "")
        .order_by(table.mended_at.desc())
        .limit(MOST)
    )
    return tuple(MendedCase(*row) for row in connection.execute(query))


def counts(view: CensusView) -> dict[str, JsonValue]:
    """Return the counts alone, and whether they are of now."""
    return {
        "well": view.is_well,
        "unarmed": view.unarmed,
        "stray": view.stray,
        "overdue": len(view.overdue),
        "incidents_overdue": len(view.late_incidents),
        "projects_overdue": len(view.late_projects),
        "looked_at": view.looked_at.isoformat() if view.looked_at else None,
        "fresh": view.is_fresh,
        "away": view.away,
    }


def shortly(view: CensusView) -> str:
    """Return one sentence where something is wrong; empty at 0/0 and before the first round."""
    if view.wrong_count:
        named = dict.fromkeys(
            (
                *(w.case_no for w in view.wrong),
                *(o.case_no for o in view.overdue),
                *(one.number for one in (*view.late_incidents, *view.late_projects)),
            )
        )
        first = "、".join(list(named)[:NAMED]) + ("等" if len(named) > NAMED else "")
        return (
            f"定时器对账 {view.unarmed}/{view.stray}，过时无记录 {view.late_count}：{first}"
            "（见 bin/yichuang census）"
        )
    return f"定时器无法对账：{view.away}" if view.away else ""


def as_json(view: CensusView) -> dict[str, JsonValue]:
    """Return the view for machines: instants as ISO 8601, lateness in seconds."""

    def late(one: Lateness) -> dict[str, JsonValue]:
        return {"count": one.count, "p50": one.p50, "p95": one.p95, "max": one.max}

    return counts(view) | {
        "watched": view.watched,
        "waiting": view.waiting,
        "unproven": view.unproven,
        "late_seconds_hour": late(view.late_hour),
        "late_seconds_day": late(view.late_day),
        "cases": [
            {
                "case_no": one.case_no,
                "case_id": one.case_id,
                "department": one.department,
                "fault": one.fault,
                "since": one.since.isoformat(),
                "mends": one.mends,
            }
            for one in view.wrong
        ],
        "overdue_instants": [
            {
                "case_no": one.case_no,
                "case_id": one.case_id,
                "department": one.department,
                "timer": one.key,
                "due_at": one.due_at.isoformat(),
            }
            for one in view.overdue
        ],
        "mended": [
            {"case_no": one.case_no, "case_id": one.case_id, "at": one.at.isoformat()}
            for one in view.mended
        ],
    }
