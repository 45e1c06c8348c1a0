"""What is known of a project's performance. No clock, no rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final, Literal

from pydantic import AwareDatetime

from cases.messages import Frozen
from cases.projects.fiscal import Duty
from cases.projects.performance import KpiTree, Payable
from cases.projects.performing_messages import Fiscal, Plan

EvaluationStage = Literal["given", "objected", "accepted", "confirmed", "returned"]
STAGES: Final[Mapping[EvaluationStage, str]] = MappingProxyType(
    {
        "given": "已送达，待异议", "objected": "有异议，待答复", "accepted": "运营方认可，待确认",
        "confirmed": "已确认", "returned": "退回重评",
    }
)  # fmt: skip


class Evaluation(Frozen):
    """One year's evaluation; one that was returned is followed by another of the same year."""

    year: int
    n: int
    """From 1 within the year."""
    plan: int
    """Number of the plan it was made by."""
    stage: EvaluationStage
    seq: int
    """Of the act that gave it: its scores and their evidence stand there."""
    branches: tuple[int, int, int]
    """Scores of 产出, 效果, 管理 by themselves, in hundredths of a point."""
    score: int
    coefficient_bp: int
    given_at: AwareDatetime
    evaluators: tuple[str, ...]
    """Who scored, deputies and whom they act for alike."""
    object_until: AwareDatetime
    """Until here the operator may object; afterwards it may be confirmed without a word of it."""
    ground: str = ""
    answer: str = ""
    confirmed_at: AwareDatetime | None = None
    payable: Payable | None = None
    """What may be paid for the year, from its confirmation on."""


class Task(Frozen):
    """整改任务."""

    id: int
    year: int
    code: str
    what: str
    due_on: date
    done_at: AwareDatetime | None = None
    evidence: str = ""


class Performance(Frozen):
    """The whole of one project's performance as its newest row keeps it."""

    project: str
    seq: int
    plans: tuple[Plan, ...]
    """In the order they were made; the last one counts for what is evaluated from now on."""
    evaluations: tuple[Evaluation, ...] = ()
    tasks: tuple[Task, ...] = ()
    mid_terms: tuple[date, ...] = ()
    fiscal: Fiscal | None = None
    """What the project costs the budget, as it was registered last; its files stand in the act."""
    operators: tuple[str, ...] = ()
    """Who ever acted for the operator here: none of them evaluates."""

    @property
    def plan(self) -> Plan:
        return self.plans[-1]

    @property
    def tree(self) -> KpiTree:
        return KpiTree(indicators=self.plan.indicators)

    def of_year(self, year: int) -> Evaluation | None:
        """Return the newest evaluation of a year."""
        found = [one for one in self.evaluations if one.year == year]
        return found[-1] if found else None

    def payable(self, year: int) -> Payable | None:
        """Return what may be paid for a year; None: nothing is confirmed."""
        found = self.of_year(year)
        return found.payable if found is not None and found.stage == "confirmed" else None

    def duties(self, government_pay: bool = False) -> tuple[Duty, ...]:
        """Return what the project costs the budget, as the curve asks for it."""
        return () if self.fiscal is None else duties_of(self.project, self.fiscal, government_pay)

    def overdue(self, today: date) -> tuple[Task, ...]:
        """Return the tasks whose last day has passed, undone."""
        return tuple(one for one in self.tasks if one.done_at is None and one.due_on < today)


def duties_of(project: str, said: Fiscal, government_pay: bool = False) -> tuple[Duty, ...]:
    """Return the lines of a registration, each at the prices of its own base year."""
    return tuple(
        Duty(
            project=project, kind=one.kind, since=one.since, until=one.until,
            yearly_fen=one.yearly_fen, priced_in=said.assumptions.base_year, indexed=one.indexed,
            government_pay=government_pay,
        )
        for one in said.lines
    )  # fmt: skip


def months_between(since: date, until: date) -> int:
    """Return whole calendar months from one day to another: never counted before they are full."""
    months = (until.year - since.year) * 12 + until.month - since.month
    return months - (1 if until.day < since.day else 0)
