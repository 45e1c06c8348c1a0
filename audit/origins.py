"""A log's name: `<base>/<yyyyH1|H2>` for the shard of a half-year, `/sm3` for its second tree.

A log founded before there were shards has the base alone, and is the first shard.
"""

import re
from dataclasses import dataclass
from datetime import date

_NAME = re.compile(r"(?P<base>\S+?)(?:/(?P<year>[0-9]{4})H(?P<half>[12]))?(?P<tree>/sm3)?")


@dataclass(frozen=True, slots=True, order=True)
class Half:
    """A half-year: January to June is the first."""

    year: int
    half: int

    @classmethod
    def of(cls, day: date) -> "Half":
        """Return the half-year of a day in the city's legal time."""
        return cls(day.year, 1 if day.month <= 6 else 2)

    def __str__(self) -> str:
        return f"{self.year}H{self.half}"


@dataclass(frozen=True, slots=True)
class Origin:
    """A log's name taken apart; `half` is None for a log from before the shards."""

    base: str
    half: Half | None = None
    tree: str = ""

    @classmethod
    def parse(cls, name: str) -> "Origin":
        """Return the parts. Raises `ValueError` for a name that cannot be one."""
        found = _NAME.fullmatch(name)
        if found is None or "+" in name:
            raise ValueError(f"{name!r} is not the name of a log")
        half = Half(int(found["year"]), int(found["half"])) if found["year"] else None
        return cls(found["base"], half, found["tree"] or "")

    def __str__(self) -> str:
        return f"{self.base}/{self.half}{self.tree}" if self.half else f"{self.base}{self.tree}"

    def of_half(self, half: Half) -> "Origin":
        """Return the shard of that half-year of the same log and tree."""
        return Origin(self.base, half, self.tree)

    def is_before(self, other: "Origin") -> bool:
        """Return whether `other` is a later shard of the same log and tree."""
        if (self.base, self.tree) != (other.base, other.tree) or other.half is None:
            return False
        return self.half is None or self.half < other.half
