"""What one case puts into the sums about the plan's numbers and the public counts, by day.

These look back a year from any instant: whole days are summed, what is left at both ends is read
from the rows (`cases.plan_values`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from cases import plan_values as plan
from cases.months import month_at
from cases.tally_running import named
from cases.tally_share import DAYS, Share


def put_days(connection: Connection, found: Mapping[str, Share], zone: str) -> None:
    """Tell on which days these cases count, and as what."""
    for query in plan.of_cases_by_day(list(found)):
        for row in connection.execute(query).mappings():
            at: datetime = row["at"]
            share, day = found[row["id"]], day_at(at, zone)
            for name, n in row.items():
                if name not in ("id", "at"):
                    share.add(DAYS, month_at(at, zone), named(day, name), int(n or 0))


def day_at(at: datetime, zone: str) -> str:
    """Return the day of the month in which an instant lies: 05."""
    return at.astimezone(ZoneInfo(zone)).strftime("%d")
