"""The plan as it stands: every number with its figure, from reports and from our own rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from cases import plan_rows
from cases.plan.figures import Figure, PlanLine, Point, expected, standing, value_of
from cases.plan_values import Kept, own_figures
from catalogue.kpis import Kpi, Kpis


def lines(
    connection: Connection, kpis: Kpis, zone: str, now: datetime, on: date | None = None,
    sums: Kept | None = None,
) -> tuple[PlanLine, ...]:  # fmt: skip
    """Return every number in the catalogue's order, as of the end of a day (by default today)."""
    today = on or now.astimezone(ZoneInfo(zone)).date()
    own = own_figures(connection, kpis, today, zone, now, sums)
    reported = plan_rows.newest(connection, today, now)
    found = []
    for kpi in kpis.kpis:
        kept = reported.get(kpi.code)
        figure: Figure | None = own.get(kpi.code)
        since = now if figure else None
        if not kpi.own and kept is not None:
            figure, since = kept.figure, kept.recorded_at
        found.append(PlanLine(kpi, figure, standing(kpi, kpis.begins_on, figure, today), since))
    return tuple(found)


def history(
    connection: Connection, kpis: Kpis, kpi: Kpi, now: PlanLine | None = None
) -> tuple[Point, ...]:
    """Return a number's points by day: standing reports, and snapshots of numbers of our own.

    `now` adds where it stands today.
    """
    points: dict[date, Point] = {}
    if kpi.own:
        for one in plan_rows.snapshots(connection, kpi.code):
            if one.on is not None:
                points[one.on] = Point(one.on, one.value, one.expected)
    else:
        for kept in reversed(plan_rows.reports_of(connection, kpi.code)):
            value = value_of(kpi, kept.numerator, kept.denominator)
            if kept.on not in points or kept.revision > 1:
                asked = expected(kpi, kpis.begins_on, kept.on)
                points[kept.on] = Point(kept.on, value, asked)
    if now is not None and now.figure is not None and kpi.own:
        points[now.figure.on] = Point(now.figure.on, now.standing.value, now.standing.expected)
    return tuple(points[day] for day in sorted(points))


def snapshot(
    connection: Connection,
    kpis: Kpis,
    zone: str,
    quarter: str,
    on: date,
    now: datetime,
    entry_id: str,
) -> Sequence[tuple[str, ...]]:
    """Keep every number as it stood at the end of a quarter's last day, as is known now.

    Raises `IntegrityError` where another process was faster. Never commits.
    """
    found = {
        one.kpi.code: (one.figure, one.standing) for one in lines(connection, kpis, zone, now, on)
    }
    return plan_rows.keep_quarter(connection, quarter, found, now, entry_id)


STALE = timedelta(seconds=30)
"""How long a page may show what was counted."""
