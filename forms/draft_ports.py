"""Forms that were begun, as the roof hands them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import JsonValue

from cases.messages import Actor


@dataclass(frozen=True)
class Draft:
    """A form that somebody has begun."""

    id: str
    matter: str
    title: str
    saved_at: datetime
    values: Mapping[str, JsonValue]
    version: int = 1
    """How often it was saved."""


@dataclass(frozen=True)
class SavedDraft:
    """What became of saving: the version that is kept now, or why nothing was changed."""

    version: int = 0
    """The version that is kept now; 0: nothing was saved."""
    at: datetime | None = None
    theirs: Draft | None = None
    """What somebody else, or another tab, has saved since; nothing of it was changed."""
    gone: bool = False
    """It was handed in or removed since."""
    refused: str = ""


class Drafts(Protocol):
    """Begun forms, sealed at rest, visible to their author only."""

    def save(
        self,
        actor: Actor,
        draft: str,
        matter: str,
        title: str,
        values: Mapping[str, JsonValue],
        seen: int,
    ) -> SavedDraft:
        """Keep it in place of the version that was `seen`; 0: there was none."""
        ...

    def listing(self, actor: Actor) -> Sequence[Draft]: ...

    def find(self, actor: Actor, draft: str) -> Draft | None: ...

    def remove(self, actor: Actor, draft: str) -> None: ...
