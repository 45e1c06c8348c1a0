"""What the pages need of the catalogue in force, as the roof hands it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from catalogue.law import Article
from catalogue.matters import Matter
from catalogue.working_days import Calendar
from forms.words import Language


class Catalogue(Protocol):
    """What may be asked today, and what things are called."""

    def matters(self) -> Sequence[Matter]:
        """The version in force today of each matter."""
        ...

    def licences(self) -> frozenset[str]:
        """Codes of the matters that are 行政许可, those of former versions too."""
        ...

    def departments(self, language: Language = "zh") -> Mapping[str, str]:
        """Code → name as lists show it."""
        ...

    def name_en(self, department: str) -> str:
        """The whole English name, with the city, for what leaves the house; empty: none."""
        ...

    def roles(self) -> Mapping[str, str]:
        """Role → Chinese name."""
        ...

    def calendar(self, name: str) -> Calendar:
        """The version in force of a calendar; of an unknown name one by which every day counts."""
        ...

    def article(self, basis: str) -> Article | None:
        """The article of the law register with that id."""
        ...

    def cited(self, basis: str) -> str:
        """How a document cites an article of the law register; other words stay as they are."""
        ...
