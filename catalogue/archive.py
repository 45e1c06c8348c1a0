"""Archive classes: how long a case file must be kept, as catalogue/archive.yaml has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

FILE = Path(__file__).parent / "archive.yaml"

LOG_MONTHS = 6
"""Whole months that any entry of the log is kept at least. 网络安全法第二十三条第（三）项
(WAF-23-3); no class, setting or order goes below it."""

LOG_BASIS = "WAF-23-3"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")


class ArchiveClass(_Frozen):
    """One class: 永久, 30年, 10年."""

    code: str = Field(alias="标识", pattern=r"^[a-z][a-z0-9]{1,15}$")
    name: str = Field(alias="名称")
    name_en: str = Field(alias="英文名称")
    years: int | None = Field(default=None, alias="年", ge=1)
    """None: for ever."""

    def kept_until(self, closed_on: date) -> date | None:
        """Return the first day (in Beijing) on which the period is over; None: never.

        Counted from the first of January after `closed_on`.
        """
        return None if self.years is None else date(closed_on.year + 1 + self.years, 1, 1)


class Archive(_Frozen):
    """The whole file."""

    basis: str = Field(alias="依据")
    verified: bool
    classes: tuple[ArchiveClass, ...] = Field(alias="类别", min_length=1)
    other: str = Field(alias="其他")
    types: Mapping[str, str] = Field(alias="事项类型")
    matters: Mapping[str, str] = Field(alias="事项")

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        known = {one.code for one in self.classes}
        for named in (self.other, *self.types.values(), *self.matters.values()):
            if named not in known:
                raise ValueError(f"no archive class {named}")
        return self

    def find(self, code: str) -> ArchiveClass:
        """Return a class by its code. Raises `KeyError`."""
        return {one.code: one for one in self.classes}[code]

    def of(self, matter: str, type_code: str) -> ArchiveClass:
        """Return the class of a matter's cases."""
        return self.find(self.matters.get(matter) or self.types.get(type_code) or self.other)


def type_code_of(matter: str | None) -> str:
    """Return the type code of a matter's canonical JSON as a case keeps it; empty for none."""
    return str(json.loads(matter).get("事项类型代码", "")) if matter else ""


def load_archive(path: Path = FILE) -> Archive:
    """Return the archive classes. Raises `pydantic.ValidationError` for a file at fault."""
    return Archive.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def months_before(day: date, months: int) -> date:
    """Return the same day so many months earlier; the last of the month where it has none."""
    count = day.year * 12 + day.month - 1 - months
    year, month = divmod(count, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


__all__ = [
    "LOG_BASIS",
    "LOG_MONTHS",
    "Archive",
    "ArchiveClass",
    "load_archive",
    "months_before",
    "type_code_of",
]
