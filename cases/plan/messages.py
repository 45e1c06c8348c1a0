"""指标填报: what a department reports of a number of the plan, and the answer. Plain values."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal
from uuid import uuid5

from pydantic import Field, StrictInt, StringConstraints

from cases.messages import NAMESPACE, Frozen
from cases.one_step import OneStepAnswer, OneStepOrder
from cases.plan.figures import MOST_COUNT

REPORT: Final = "plan_report"
"""The one verb, and the act that policy is asked for."""
READ: Final = "plan_read"
OBJECT: Final = "plan"
"""The object type of policy."""

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,31}$")]
Remark = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")]


class Evidence(Frozen):
    """A paper that the report rests on: its name and digest, whoever keeps it."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    sha256: Sha256


class ReportFigure(Frozen):
    """Body of `plan_report`: two counts as of the end of a day."""

    kpi: Code
    department: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """Code of the department that answers for the number and reports it."""
    on: date
    """The day whose end the counts are of."""
    numerator: Annotated[StrictInt, Field(ge=0, le=MOST_COUNT)]
    denominator: Annotated[StrictInt, Field(ge=1, le=MOST_COUNT)]
    """Of a number that has nothing to divide by: 1."""
    note: Remark = ""
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=10)] = ()
    corrects: Id | Literal[""] = ""
    """The standing report of the same number and day, which this one takes the place of."""


class PlanReportOrder(OneStepOrder):
    """What the workflow hands to its one activity."""


class PlanReportAnswer(OneStepAnswer):
    """What came of a report; the same command gets the same one."""

    report: str = ""
    revision: int = 0


def report_id(command_id: str) -> str:
    """Return the id of the report that a command makes, the same one for ever."""
    return str(uuid5(NAMESPACE, f"plan report\n{command_id}"))
