"""绩效评价: the orders to one project's performance, as values.

What is typed here is about works and figures, never about a person; it stands in the rows as it is
and not in the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field, StrictInt, StringConstraints

from cases.attached import Attachments
from cases.messages import Code, Command, Frozen
from cases.one_step import OneStepAnswer, OneStepOrder
from cases.projection import json_text
from cases.projects.fiscal import Assumptions, DutyKind, Year
from cases.projects.performance import (
    MOST_INDICATORS,
    FenOrNothing,
    Indicator,
    KpiCode,
    PaymentTerms,
    ScorePoints,
)

MOST_LINES: Final = 20
"""Lines of one project's fiscal duty: its four kinds, each over several spans."""

OBJECT: Final = "performance"
"""The object type of policy."""
READ: Final = "performance_read"

PLAN, EVALUATE, OBJECT_TO, ACCEPT = (
    "performance_plan", "performance_evaluate", "performance_object", "performance_accept",
)  # fmt: skip
CONFIRM, RECTIFY, RECTIFIED, MID_TERM = (
    "performance_confirm", "performance_rectify", "performance_rectified", "performance_mid_term",
)  # fmt: skip
FISCAL: Final = "performance_fiscal"

Regime = Literal["stock", "concession", "government"]
REGIMES: Final[Mapping[Regime, str]] = MappingProxyType(
    {"stock": "存量项目", "concession": "特许经营", "government": "政府投资"}
)
ProjectId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Plan(Frozen):
    """指标和付费条件: who is evaluated, by what tree, and what hangs on it."""

    regime: Regime
    department: Code
    """实施机构, which answers for the project."""
    operator: Code
    """Department of the operator (运营方)."""
    since_year: Year
    until_year: Year
    table: Annotated[str, StringConstraints(max_length=41)] = "linked-2026"
    """Of catalogue/performance.yaml."""
    terms: PaymentTerms
    indicators: tuple[Indicator, ...] = Field(min_length=1, max_length=MOST_INDICATORS)
    reason: Words = ""
    """Why it is planned anew; the first needs none."""


class Score(Frozen):
    """One indicator's score with what shows it."""

    code: KpiCode
    points: ScorePoints
    evidence: Words = ""
    """Where it can be seen, in words: the number of a report, a meter, a record."""
    digest: Digest | None = None
    """SHA-256 (hex) of a file that shows it."""


class Evaluate(Frozen):
    """年度绩效评价."""

    year: Year
    scores: tuple[Score, ...] = Field(min_length=1, max_length=MOST_INDICATORS)
    attached: Attachments = ()
    """The files that scores name by their digests."""


class ObjectTo(Frozen):
    """异议, by the operator."""

    year: Year
    ground: Words
    attached: Attachments = ()


class OfYear(Frozen):
    """认可: the operator has nothing against it, and the wait is over."""

    year: Year


class Confirm(Frozen):
    """确认 or 退回重评, by 实施机构."""

    year: Year
    ruling: Literal["confirm", "again"] = "confirm"
    answer: Words = ""
    """To an objection; a return without one says why."""


class Rectify(Frozen):
    """整改任务."""

    year: Year
    code: KpiCode
    what: Words
    due_on: date


class Rectified(Frozen):
    """整改完成, by the operator."""

    task: Annotated[StrictInt, Field(ge=1, le=10_000)]
    evidence: Words
    attached: Attachments = ()


class MidTerm(Frozen):
    """中期评估."""

    on: date
    findings: Words
    attached: Attachments = ()


class FiscalLine(Frozen):
    """One line of what the project costs the budget in each year from `since` to `until`."""

    kind: DutyKind
    since: Year
    until: Year
    yearly_fen: FenOrNothing
    """At the prices of the base year of the assumptions."""
    indexed: bool = False
    """Whether it grows with prices."""


class Fiscal(Frozen):
    """财政支出责任, by the department of finance: all lines, in the place of those before."""

    assumptions: Assumptions
    lines: tuple[FiscalLine, ...] = Field(min_length=1, max_length=MOST_LINES)
    adds_project: bool = False
    """拟新增项目: beyond its line it must not be added."""
    reason: Words = ""
    """Why it is registered anew; the first needs none."""
    attached: Attachments = ()


BODIES: Final[Mapping[str, type[Frozen]]] = MappingProxyType(
    {
        PLAN: Plan, EVALUATE: Evaluate, OBJECT_TO: ObjectTo, ACCEPT: OfYear, CONFIRM: Confirm,
        RECTIFY: Rectify, RECTIFIED: Rectified, MID_TERM: MidTerm, FISCAL: Fiscal,
    }
)  # fmt: skip
"""Verb → what it carries."""
BY_OPERATOR: Final = frozenset({OBJECT_TO, ACCEPT, RECTIFIED})


class PerformanceOrder(OneStepOrder):
    """An order as its workflow hands it to the activity."""


class PerformanceAnswer(OneStepAnswer):
    """What came of an order; the same command gets the same one."""

    project: str = ""
    seq: int = 0


def order_digest(command: Command) -> str:
    """Return SHA-256 (hex) of what is asked and by whom; not when or from where."""
    said = [command.verb, command.case_id, command.body, command.actor.id, command.actor.on_behalf]
    return hashlib.sha256(json_text(said).encode()).hexdigest()
