"""What the pages of rules show, as the roof hands it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from catalogue.law import Article
from rules.pack import Pack


@dataclass(frozen=True, slots=True)
class PackInForce:
    """A version of a rule pack that counts now."""

    pack: Pack
    release: str
    """Id of the version in the register."""
    in_force_from: datetime


class RulePacks(Protocol):
    """The rules of the city."""

    def in_force(self) -> Sequence[PackInForce]:
        """Every pack that counts now, by id."""
        ...

    def articles(self) -> Mapping[str, Article]:
        """The law register, by id."""
        ...
