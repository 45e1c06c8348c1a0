"""Counterfactual clocks: the deadlines of a case as another version of its matter has them.

What has happened stands at its own instant; only the limits are others. That silence would have
accepted or renewed at another instant, and what somebody would then have done, nobody can know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cases.clocks.ledger import due_of, in_time
from cases.clocks.model import Period
from cases.clocks.periods import newest, periods
from cases.state import ClockEvent, Plan
from catalogue.clock_rules import ClockRule
from catalogue.working_days import Calendar

TIMED = (
    "zone", "calendar", "statutory", "promised", "notice", "delivery", "extension", "counts_from",
    "receipt", "assignment", "renewal", "promise_pauses", "tolerance", "commitment", "steps",
)  # fmt: skip
"""What of a plan decides when a case is due: the SLA of a matter."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a clock of a case ends, and whether it was kept."""

    key: str
    department: str
    due_at: datetime | None
    is_late: bool
    """Ended after its due instant, or not ended and past it."""


def sla_of(plan: Plan) -> dict[str, Any]:
    """Return what of a plan decides when its cases are due, as plain values."""
    said = plan.model_dump(mode="json", include=set(TIMED))
    said["steps"] = {step["code"]: step["limit"] for step in said["steps"]}
    return said


def retimed_plan(plan: Plan, other: Plan) -> Plan:
    """Return a case's plan with the limits of another version of its matter.

    Departments, papers and rules stay its own; a step keeps its limit where the other has no such
    step.
    """
    limits = {step.code: step.limit for step in other.steps}
    steps = tuple(
        step.model_copy(update={"limit": limits.get(step.code, step.limit)}) for step in plan.steps
    )
    fields = {name: getattr(other, name) for name in TIMED if name != "steps"}
    return plan.model_copy(update={**fields, "steps": steps})


def deadlines(
    rules: Sequence[ClockRule],
    events: Sequence[ClockEvent],
    calendar: Calendar,
    plan: Plan,
    until: datetime,
) -> dict[str, Deadline]:
    """Return the newest run of each clock, by key, as it was known at `until`."""
    calendar = calendar.of(plan.department)
    details = {event.id: event.detail for event in events}
    found = {}
    for key, period in newest(periods(rules, events)).items():
        due = due_of(in_time(period, calendar, plan.zone), calendar, plan.zone)
        ended = until if period.end is None else period.end.at
        found[key] = Deadline(
            key=key,
            department=_department(period, details, plan),
            due_at=None if due is None else due.at,
            is_late=due is not None and ended >= due.at,
        )
    return found


def _department(period: Period, details: dict[str, dict[str, Any]], plan: Plan) -> str:
    started = details.get(period.start.id, {})
    own = str(started.get("department", "")) if period.rule.key_by else ""
    return own or plan.department
