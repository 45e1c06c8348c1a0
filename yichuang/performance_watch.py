"""The alarms of a project's performance: a year nobody evaluated, five without a mid-term one, a
task of rectification past its day.

They ring until it is done. The rule pack `project` says what is late; where none is in force, only
tasks ring: their day was given by a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from activities.alarming import Alarms
from activities.paying import PaymentRules
from cases import performance_rows
from cases.alarms import Alarm
from cases.database import reading
from cases.projects.performing import due_facts
from cases.projects.performing_state import Performance

LATE: Final = "performance_late"
"""Kind: something of a project's performance is past its day."""
PACK: Final = "project"
MOST: Final = 100_000
"""Projects that are looked at."""


@dataclass(frozen=True, slots=True)
class PerformanceWatch:
    """Raises and clears the alarms. Only the worker may: it writes the cases store."""

    cases: Engine
    alarms: Alarms
    rules: PaymentRules
    zone: str
    now: Callable[[], datetime]

    def look(self) -> tuple[list[str], list[str]]:
        """Let the alarms be those that are called for; return keys (new, gone)."""
        at = self.now()
        today = at.astimezone(ZoneInfo(self.zone)).date()
        with reading(self.cases) as connection:
            states = performance_rows.listing(connection, limit=MOST)
        wanted = {one.key: one for state in states for one in self._late(state, today, at)}
        with self.cases.begin() as connection:
            return self.alarms.agree(connection, LATE, wanted, at)

    def _late(self, state: Performance, today: date, at: datetime) -> Iterator[Alarm]:
        for task in state.overdue(today):
            yield _alarm(state, f"task:{task.id}", f"第 {task.id} 项整改逾期未完成")
        terms = self.rules.terms(PACK, at)
        if terms is None:
            return
        facts = due_facts(state, today, ZoneInfo(self.zone))
        outcome = self.rules.evaluate(terms.digest, dict(facts), at).outcome
        duties = outcome.get("duties")
        if isinstance(duties, list) and "evaluate" in duties:
            yield _alarm(state, "evaluation", "一年以上没有绩效评价，请开展年度评价")
        if outcome.get("mid_term") == "late":
            yield _alarm(state, "mid_term", "五年没有中期评估，请开展")


def _alarm(state: Performance, what: str, text: str) -> Alarm:
    return Alarm(
        key=f"{LATE}:{state.project}:{what}",
        kind=LATE,
        text=f"项目 {state.project}：{text}",
        department=state.plan.department,
    )
