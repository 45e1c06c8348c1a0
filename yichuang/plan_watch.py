"""Keeps every number of the plan as it stood at each quarter's end, once, with one entry.

Looked at again and again: after a crash, or a long time away, the newest quarter that is over is
kept as soon as a worker is there. Older ones that nobody kept stay unkept: what was known then is
not known now.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from audit.entry import EntryDraft, What, Where, Who
from audit.outbox import record
from cases import plan_book, plan_rows
from cases.database import reading
from cases.messages import NAMESPACE
from cases.plan.figures import last_whole_quarter, quarter_end
from catalogue.kpis import Kpis
from yichuang.message_log import digest_of_lines

STREAM: Final = "sys:plan"
SNAPSHOT: Final = "plan_snapshot"

_log = logging.getLogger("yichuang.plan")


@dataclass(frozen=True, slots=True)
class PlanWatch:
    """Takes the snapshots. Only the worker may: it writes the cases store."""

    cases: Engine
    kpis: Kpis
    zone: str
    now: Callable[[], datetime]

    def look(self) -> tuple[list[str], list[str]]:
        """As `keep`, in the words of a watch: no alarm is raised or cleared by it."""
        self.keep()
        return [], []

    def keep(self) -> str:
        """Keep the newest whole quarter where nobody has; return it, empty where all is kept."""
        at = self.now()
        quarter = last_whole_quarter(at.astimezone(ZoneInfo(self.zone)).date())
        if quarter_end(quarter) < self.kpis.begins_on:
            return ""
        with reading(self.cases) as connection:
            if plan_rows.is_taken(connection, quarter):
                return ""
        key = str(uuid5(NAMESPACE, f"plan snapshot\n{quarter}"))
        try:
            with self.cases.begin() as connection:
                lines = plan_book.snapshot(
                    connection, self.kpis, self.zone, quarter, quarter_end(quarter), at, key
                )
                record(connection, _entry(key, quarter, len(lines), digest_of_lines(lines), at))
        except IntegrityError:
            _log.info("another process has kept %s", quarter)
            return ""
        return quarter


def _entry(key: str, quarter: str, n: int, after: str, at: datetime) -> EntryDraft:
    return EntryDraft(
        id=key, stream=STREAM, at=at, who=Who("system", "system"), act=SNAPSHOT,
        obj=What("plan", quarter, str(n)), where=Where(svc="worker"), after=after,
    )  # fmt: skip
