"""What is shown unmasked, and why: as the roof hands it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cases.messages import Actor
from forms.access_ports import Thing
from forms.entrance_ports import (
    Visitor,
    Where,
)


@dataclass(frozen=True)
class Shown:
    """What an answer shows of people: the object, and of how many the lines are."""

    act: Literal["read", "list", "export", "print"]
    type: str
    id: str = "-"
    lines: int | None = None


class Disclosures(Protocol):
    """Reads of personal data, and refusals. Nothing is shown before its entry has committed."""

    def record(
        self,
        visitor: Visitor,
        where: Where,
        act: str,
        case_id: str,
        reason: str,
        command_id: str,
        fields: Sequence[str] = (),
    ) -> None:
        """Commit the entry; the same command id is recorded once. `fields`: names of what is shown
        of a case, where it is not the whole of something."""
        ...

    def shown(self, actor: Actor | None, where: Where, seen: Shown) -> None:
        """Commit the entry of what an answer is about to show; without an actor, a stranger."""
        ...

    def refused(self, actor: Actor | None, where: Where, act: str, thing: Thing, code: str) -> None:
        """Commit the entry of a request that went no further."""
        ...
