"""财政支出责任: what all projects will cost the general budget, year by year, against its lines.

The forecast is arithmetic on stated assumptions, nothing else: a base year, its general budget
expenditure, the growth of both budget and prices in basis points a year. Whole fen. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field, StrictInt, StringConstraints

from cases.messages import Frozen
from cases.projects.performance import MOST_FEN, FenOrNothing, half_up
from catalogue.performance import WHOLE

MOST_YEARS: Final = 60
"""How far a forecast reaches: a contract of forty years that begins in twenty."""

Year = Annotated[StrictInt, Field(ge=2000, le=2200)]
Growth = Annotated[StrictInt, Field(ge=-2_000, le=2_000)]
"""Basis points a year, at most a fifth either way."""

DutyKind = Literal["equity", "operation", "risk", "supporting"]
DUTY_KINDS: Final[Mapping[DutyKind, str]] = MappingProxyType(
    {"equity": "股权投资", "operation": "运营补贴", "risk": "风险承担", "supporting": "配套投入"}
)

LINES_BP: Final[Mapping[str, int]] = MappingProxyType(
    {"forbidden": 1_000, "warning": 700, "government_pay": 500}
)
"""Where a picture draws its lines: 10 %, 5 % (CZHT-10) and 7 % (CZSJ-7). What follows from a share
is the pack `ppp`'s to say, from `share_percent`."""


class Assumptions(Frozen):
    """What the forecast takes for granted, printed beside every curve."""

    base_year: Year
    budget_fen: Annotated[StrictInt, Field(gt=0, le=MOST_FEN * 100)]
    """一般公共预算支出 of the base year."""
    budget_growth_bp: Growth
    price_growth_bp: Growth
    """By which an operation subsidy grows a year after the base year."""
    source: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    """Where budget and growth come from."""


class Duty(Frozen):
    """What one project costs the budget in each year from `since` to `until`, both counted."""

    project: str
    kind: DutyKind
    since: Year
    until: Year
    yearly_fen: FenOrNothing
    """At the prices of `priced_in`."""
    priced_in: Year | None = None
    """None: the base year of the curve."""
    indexed: bool = False
    """Whether it grows with prices."""
    government_pay: bool = False
    """政府付费: the project has no user who pays."""


class FiscalYear(Frozen):
    """One year of the curve."""

    year: int
    duty_fen: int
    budget_fen: int
    by_project: dict[str, int]

    @property
    def share_percent(self) -> float:
        """Return the share in percent for the rules, rounded up to 0.0001 of a percent.

        Upwards, so that what is above a line by the least never reads as on it; what is exactly on
        it reads exactly.
        """
        return -(-self.duty_fen * 1_000_000 // self.budget_fen) / WHOLE

    def above(self, line_bp: int) -> bool:
        """Tell whether the share is above a line, exactly."""
        return self.duty_fen * WHOLE > line_bp * self.budget_fen


def curve(duties: Sequence[Duty], on: Assumptions) -> tuple[FiscalYear, ...]:
    """Return each year from the base year to the last contract's end, without a gap.

    Growth is compounded year by year, each year rounded half up to the fen, from the year whose
    prices a duty is in; a duty of years before the base year is spent and not counted. Raises
    `ValueError` beyond `MOST_YEARS`.
    """
    last = max((duty.until for duty in duties), default=on.base_year)
    if last - on.base_year >= MOST_YEARS:
        raise ValueError(f"expected at most {MOST_YEARS} years, found {last - on.base_year + 1}")
    budget = on.budget_fen
    grown = [_in_base_year(duty, on) for duty in duties]
    years = []
    for year in range(on.base_year, max(last, on.base_year) + 1):
        if year > on.base_year:
            budget = half_up(budget * (WHOLE + on.budget_growth_bp), WHOLE)
            grown = [
                half_up(fen * (WHOLE + on.price_growth_bp), WHOLE)
                if duty.indexed and year > (duty.priced_in or on.base_year)
                else fen
                for duty, fen in zip(duties, grown, strict=True)
            ]
        owed: dict[str, int] = {}
        for duty, fen in zip(duties, grown, strict=True):
            if duty.since <= year <= duty.until:
                owed[duty.project] = owed.get(duty.project, 0) + fen
        years.append(
            FiscalYear(year=year, duty_fen=sum(owed.values()), budget_fen=budget, by_project=owed)
        )
    return tuple(years)


def reaching(duties: Sequence[Duty], on: Assumptions) -> tuple[Duty, ...]:
    """Return what of duties lies within the years that a curve from this base year has."""
    last = on.base_year + MOST_YEARS - 1
    return tuple(
        one if one.until <= last else one.model_copy(update={"until": last})
        for one in duties
        if one.since <= last
    )


def _in_base_year(duty: Duty, on: Assumptions) -> int:
    """Return what a duty of older prices comes to in the base year."""
    fen = duty.yearly_fen
    for _ in range((duty.priced_in or on.base_year), on.base_year if duty.indexed else 0):
        fen = half_up(fen * (WHOLE + on.price_growth_bp), WHOLE)
    return fen


def first_above(years: Sequence[FiscalYear], line_bp: int) -> FiscalYear | None:
    """Return the first year above a line."""
    return next((year for year in years if year.above(line_bp)), None)
