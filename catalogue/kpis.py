"""The numbers of the city's plan, as catalogue/kpis.yaml has them.

The plan gives targets and no definition of any percentage: formula, numerator, denominator, base
date, path and limits of the light are a design, `verified: false` until the city decides them.
Numbers are exact fractions; a float in the file is refused by its type.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from catalogue.law import Article
from catalogue.marks import Fault, Marked
from catalogue.shaped_file import read_shaped

FILE = "kpis.yaml"

Formula = Literal["ratio", "growth", "reduction", "mean", "count"]
"""`ratio` n ÷ d; `growth` (n − d) ÷ d; `reduction` (d − n) ÷ d; `mean` n ÷ d; `count` n alone."""

Unit = Literal["percent", "minutes", "count", "hundred_million_yuan"]

SCALE: Final[Mapping[Unit, Fraction]] = MappingProxyType(
    {
        "percent": Fraction(100),
        "minutes": Fraction(1, 60),  # numerators are seconds
        "count": Fraction(1),
        "hundred_million_yuan": Fraction(1, 10**10),  # numerators are fen
    }
)
"""What a quotient is multiplied by to be told in its unit."""

UNIT_WORDS: Final[Mapping[Unit, str]] = MappingProxyType(
    {"percent": "%", "minutes": "分钟", "count": "个", "hundred_million_yuan": "亿元"}
)

OwnSource = Literal[
    "satisfaction", "online", "window", "approval_time", "response", "pilots", "fund"
]
REPORT: Final = "report"

Decimal = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,6})?$")]
"""A number as the plan writes it; exact."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kpi(_Frozen):
    """One number of the plan."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{1,31}$")
    name: str = Field(min_length=2)
    english: str = Field(min_length=2)
    horizon: str
    target: Decimal
    most: Decimal | None = None
    """More than this is beyond the plan: 试点区域 1–2 个, 专项基金 5 亿元."""
    direction: Literal["at_least", "at_most"] = "at_least"
    unit: Unit
    formula: Formula
    numerator: str = Field(min_length=2)
    denominator: str = Field(min_length=2)
    source: OwnSource | Literal["report"]
    source_text: str = Field(min_length=2)
    baseline_on: date
    path: Mapping[int, Decimal]
    """Year of the plan, from 1 → what must be reached by its end."""
    yellow_within_percent: int = Field(default=10, ge=1, le=50)
    """Short of the path by no more than this share of it: yellow; by more: red."""
    stale_days: int = Field(default=120, ge=1, le=800)
    """A value older than this says nothing of today: grey."""
    department: str
    """Code of the department that answers for it."""
    basis: str
    verified: bool = False
    """Whether the city decided the definition; as shipped it is a design."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        years = list(self.path)
        if not years or years != sorted(years) or not 1 <= years[0] <= years[-1] <= 10:
            raise ValueError("path 的年数应从小到大，在 1 至 10 之间")
        if Fraction(self.path[years[-1]]) != Fraction(self.target):
            raise ValueError("path 最后一年应等于 target")
        if self.most is not None and Fraction(self.most) < Fraction(self.target):
            raise ValueError("most 不得小于 target")
        return self

    @property
    def own(self) -> bool:
        """Whether it is counted from this system's own rows."""
        return self.source != REPORT

    @property
    def countless(self) -> bool:
        """Whether there is nothing to divide by."""
        return self.formula == "count"

    @property
    def unit_word(self) -> str:
        return UNIT_WORDS[self.unit]


class Kpis(_Frozen):
    """The whole of catalogue/kpis.yaml."""

    begins_on: date
    """First day of the plan's first year."""
    kpis: tuple[Kpi, ...]

    @model_validator(mode="after")
    def _unique(self) -> Self:
        codes: list[str] = [one.code for one in self.kpis]
        sources: list[str] = [one.source for one in self.kpis if one.own]
        for what, said in (("code", codes), ("source", sources)):
            twice = sorted({one for one in said if said.count(one) > 1})
            if twice:
                raise ValueError(f"{what}: {'、'.join(twice)} 写了两次，请改名或删去一个")
        return self

    @cached_property
    def by_code(self) -> Mapping[str, Kpi]:
        return {one.code: one for one in self.kpis}


class KpisFaulty(Exception):
    """The file cannot be used; the text says where and what to do."""


def read_kpis(folder: Path) -> tuple[Kpis | None, Marked | None, list[Fault]]:
    """Return the numbers of a catalogue's folder, with what is wrong with their file.

    A folder without the file has none and no fault.
    """
    return read_shaped(folder, FILE, Kpis)


def kpi_faults(
    folder: Path, departments: Collection[str], law: Mapping[str, Article]
) -> Iterator[Fault]:
    """Yield every fault of the file, those against departments and law too."""
    found, marked, faults = read_kpis(folder)
    yield from faults
    if found is None or marked is None:
        return
    for n, one in enumerate(found.kpis):
        if departments and one.department not in departments:
            yield marked.fault(
                ("kpis", n, "department"),
                f"没有部门「{one.department}」",
                "请用 city.yaml 中的部门标识",
            )
        if law and one.basis not in law:
            yield marked.fault(
                ("kpis", n, "basis"), f"条文「{one.basis}」不在法条登记簿内", "请先登记条文"
            )


def load_kpis(folder: Path | None = None) -> Kpis:
    """Return the numbers of a folder, of the shipped one by default. Raises `KpisFaulty`."""
    where = Path(__file__).parent if folder is None else folder
    found, _, faults = read_kpis(where)
    if found is None:
        said = "\n".join(str(fault) for fault in faults) or f"{where / FILE} 不存在"
        raise KpisFaulty(said)
    return found
