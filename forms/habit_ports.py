"""What the pages need of somebody's habits: how they want their pages, which filters they keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cases.messages import Actor


@dataclass(frozen=True)
class SavedFilter:
    """Filters of a list under a name."""

    id: str
    name: str
    scope: str
    """mine, team or all."""
    query: Mapping[str, str]
    """Names and values as they stand in the address of the list, and `text`, what is searched
    for."""


class Preferences(Protocol):
    """How somebody wants their pages. No entry of the log tells of it."""

    def of(self, actor: Actor) -> Mapping[str, str]:
        """Every preference there is (`cases.habits.CHOICES`), chosen or as it comes."""
        ...

    def prefer(self, actor: Actor, chosen: Mapping[str, str]) -> bool:
        """Keep these choices; False, and nothing kept, where one is none."""
        ...


class SavedFilters(Protocol):
    """Filters kept under a name, sealed at rest, visible to their owner only."""

    def listing(self, actor: Actor) -> Sequence[SavedFilter]: ...

    def save(self, actor: Actor, kept: SavedFilter) -> str:
        """Keep it, in place of the former one of that id. Empty, or a sentence why not."""
        ...

    def remove(self, actor: Actor, saved: str) -> None: ...
