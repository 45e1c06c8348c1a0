"""Coefficient tables and terms of performance evaluation, as catalogue/performance.yaml has them.

A score has two decimals and is held in hundredths of a point (0 to 10,000); a coefficient has four
and is held in basis points (0 to 10,000). Neither is ever a floating-point number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from catalogue.law import Article
from catalogue.marks import Fault, Marked
from catalogue.shaped_file import read_shaped

FILE = "performance.yaml"

WHOLE: Final = 10_000
"""All of it: one hundred points in hundredths, the coefficient 1 in basis points."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _exactly(places: int) -> Any:
    def parsed(text: object) -> int:
        """Return a decimal text as a whole number of its last allowed place."""
        try:
            value = Decimal(str(text)) if isinstance(text, str) else None
        except InvalidOperation:
            value = None
        if value is None or not value.is_finite():
            raise ValueError('请写成文字的十进制数，例如 "0.90"')
        whole = value.scaleb(places)
        if whole != whole.to_integral_value():
            raise ValueError(f"最多 {places} 位小数")
        return int(whole)

    return parsed


Score = Annotated[int, BeforeValidator(_exactly(2)), Field(ge=0, lt=WHOLE)]
Coefficient = Annotated[int, BeforeValidator(_exactly(4)), Field(ge=0, le=WHOLE)]


class Title(_Frozen):
    zh: str
    en: str


class Band(_Frozen):
    """From `since` hundredths of a point on: a straight line to where the next band begins."""

    since: Score = Field(alias="from")
    at_from: Coefficient
    at_to: Coefficient


class Coefficients(_Frozen):
    """One table, rising, from no point at all to the whole."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")
    title: Title
    basis: str
    verified: bool = True
    note: str = ""
    in_force_from: date
    bands: tuple[Band, ...] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        starts = [band.since for band in self.bands]
        if starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("第一档从 0 分起，各档起点递增")
        line = [value for band in self.bands for value in (band.at_from, band.at_to)]
        if line != sorted(line):
            raise ValueError("得分高的系数不得低于得分低的")
        return self


class Term(_Frozen):
    """One period of the evaluation, in calendar months."""

    key: str
    months: int = Field(ge=1, le=120)
    title: Title
    basis: str
    verified: bool = True


class Performance(_Frozen):
    """The whole of catalogue/performance.yaml."""

    coefficients: tuple[Coefficients, ...] = ()
    terms: tuple[Term, ...] = ()

    @property
    def by_id(self) -> Mapping[str, Coefficients]:
        return {table.id: table for table in self.coefficients}

    def term(self, key: str) -> Term:
        """Return the term of that key. Raises `KeyError`: the file names each one."""
        return {term.key: term for term in self.terms}[key]


NO_PERFORMANCE: Final = Performance()
"""Of a catalogue without the file: no score becomes a coefficient."""


def read_performance(folder: Path) -> tuple[Performance | None, Marked | None, list[Fault]]:
    """Return the file's value, with what is wrong with its shape."""
    return read_shaped(folder, FILE, Performance)


def performance_faults(folder: Path, law: Mapping[str, Article]) -> Iterator[Fault]:
    """Yield every fault of the file: shape, unknown articles, unverified ones called verified."""
    value, marked, faults = read_performance(folder)
    yield from faults
    if value is None or marked is None:
        return
    lines: list[tuple[str, int, str, Coefficients | Term]] = [
        *(("coefficients", n, one.id, one) for n, one in enumerate(value.coefficients)),
        *(("terms", n, one.key, one) for n, one in enumerate(value.terms)),
    ]
    for part, n, name, one in lines:
        article = law.get(one.basis)
        if article is None:
            yield marked.fault(
                (part, n, "basis"), f"「{name}」：没有「{one.basis}」", "请先在法条登记簿登记条文"
            )
        elif one.verified and not article.verified:
            yield marked.fault(
                (part, n), f"「{name}」依据未核对的条文，却标为已核对", "请写 verified: false"
            )
