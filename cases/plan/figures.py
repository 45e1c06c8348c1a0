"""What a number of the plan comes to: value, what its path expects, traffic light. Exact fractions.

A value is never rounded before it is compared; only pages round, half away from zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Final, Literal

from catalogue.kpis import SCALE, Kpi

Light = Literal["green", "yellow", "red", "grey"]
"""红黄绿灯; grey: nothing is known, or what is known is too old."""

MOST_COUNT: Final = 2**63 - 1
"""What a BIGINT holds: a numerator beyond it is refused."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A numerator and a denominator, with the day whose end they are of."""

    numerator: int
    denominator: int
    on: date


@dataclass(frozen=True, slots=True)
class Standing:
    """One number of the plan on one day, against its path."""

    value: Fraction | None
    expected: Fraction | None
    """What the path asks by that day; None: nothing yet."""
    light: Light
    on: date | None
    """The day whose end the value is of."""
    beyond: bool = False
    """More than the plan has at most (`Kpi.most`)."""


def value_of(kpi: Kpi, numerator: int, denominator: int) -> Fraction | None:
    """Return the value in the unit of the number; None where there is nothing to divide by."""
    if kpi.countless:
        return numerator * SCALE[kpi.unit]
    if denominator == 0:
        return None
    quotient = Fraction(numerator, denominator)
    if kpi.formula == "growth":
        quotient -= 1
    elif kpi.formula == "reduction":
        quotient = 1 - quotient
    return quotient * SCALE[kpi.unit]


def fault_of(kpi: Kpi, numerator: int, denominator: int) -> str:
    """Return what is wrong with two counts as this number's, in Chinese; empty: nothing."""
    if not 0 <= numerator <= MOST_COUNT or not 0 <= denominator <= MOST_COUNT:
        return "分子、分母应为不为负的整数"
    if kpi.countless and denominator != 1:
        return "计数指标的分母应为 1"
    if denominator == 0:
        return "分母不得为零"
    if kpi.formula == "ratio" and numerator > denominator:
        return "比率的分子不得大于分母"
    return ""


def year_end(begins_on: date, year: int) -> date:
    """Return the last day of a year of the plan, from 1."""
    return _years_later(begins_on, year) - timedelta(days=1)


def year_of(begins_on: date, on: date) -> int:
    """Return the year of the plan, from 1, in which a day lies; 0 before it begins."""
    if on < begins_on:
        return 0
    years = on.year - begins_on.year
    return years + (1 if on >= _years_later(begins_on, years) else 0)


def expected(kpi: Kpi, begins_on: date, on: date) -> Fraction | None:
    """Return what the path asks by the end of a day, straight from one year's end to the next.

    What must be at least so much grows from nothing at the base date; what must be at most so much
    holds from the first day with the first year's mark. None before the plan begins.
    """
    if on < begins_on:
        return None
    points = [(year_end(begins_on, year), Fraction(text)) for year, text in kpi.path.items()]
    first_day, first = points[0]
    before = (
        (begins_on - timedelta(days=1), first if kpi.direction == "at_most" else Fraction(0))
    )  # fmt: skip
    for day, mark in [(first_day, first), *points[1:]]:
        if on <= day:
            share = Fraction((on - before[0]).days, (day - before[0]).days)
            return before[1] + (mark - before[1]) * share
        before = (day, mark)
    return points[-1][1]


def standing(kpi: Kpi, begins_on: date, figure: Figure | None, today: date) -> Standing:
    """Return where a number stands today by the newest figure there is.

    The light compares with the path at the day whose end the figure is of: a report of last
    quarter is judged by last quarter's mark.
    """
    if figure is None:
        return Standing(None, expected(kpi, begins_on, today), "grey", None)
    value = value_of(kpi, figure.numerator, figure.denominator)
    asked = expected(kpi, begins_on, figure.on)
    beyond = value is not None and kpi.most is not None and value > Fraction(kpi.most)
    if value is None or asked is None or (today - figure.on).days > kpi.stale_days:
        return Standing(value, asked, "grey", figure.on, beyond)
    return Standing(value, asked, light(kpi, value, asked), figure.on, beyond)


def light(kpi: Kpi, value: Fraction, asked: Fraction) -> Light:
    """Return the colour of a value against what its path asks.

    Beyond the plan's most is yellow at best: more than planned is no success either.
    """
    sign = 1 if kpi.direction == "at_least" else -1
    if sign * (yellow_from(kpi, asked) - value) > 0:
        return "red"
    if sign * (asked - value) > 0 or (kpi.most is not None and value > Fraction(kpi.most)):
        return "yellow"
    return "green"


def yellow_from(kpi: Kpi, asked: Fraction) -> Fraction:
    """Return the worst value that is still yellow where the path asks so much."""
    slack = abs(asked) * Fraction(kpi.yellow_within_percent, 100)
    return asked - slack if kpi.direction == "at_least" else asked + slack


def shown(value: Fraction | None, digits: int = 1) -> str:
    """Return a value with so many decimals, half away from zero; 「—」 for none."""
    if value is None:
        return "—"
    unit = 10**digits
    scaled = abs(value) * unit
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    sign = "-" if value < 0 and whole else ""
    text = f"{whole // unit}.{whole % unit:0{digits}d}" if digits else str(whole)
    return sign + (text.rstrip("0").rstrip(".") if "." in text else text)


def lights_counted(found: Mapping[str, Standing]) -> dict[Light, int]:
    """Return how many numbers have each colour, every colour named."""
    counted: dict[Light, int] = {"green": 0, "yellow": 0, "red": 0, "grey": 0}
    for one in found.values():
        counted[one.light] += 1
    return counted


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return date(day.year + years, 3, 1)


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One number with where it stands, as lists and boards show it."""

    kpi: Kpi
    figure: Figure | None
    standing: Standing
    since: datetime | None
    """When the figure was reported; of our own numbers when it was counted. None: no figure."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a number's history."""

    on: date
    value: Fraction | None
    expected: Fraction | None


def quarter_of(day: date) -> str:
    """Return the quarter of a day: 2026Q3."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def quarter_end(quarter: str) -> date:
    """Return the last day of a quarter."""
    year, n = int(quarter[:4]), int(quarter[5])
    return date(year + (n == 4), n * 3 % 12 + 1, 1) - timedelta(days=1)


def last_whole_quarter(today: date) -> str:
    """Return the newest quarter that is over."""
    first = date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
    return quarter_of(first - timedelta(days=1))
