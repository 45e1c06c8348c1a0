"""What the page of the responsibility table asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cases.incidents.routing import Routed


@dataclass(frozen=True, slots=True)
class ShownRoute:
    """Who is sent to one kind of incident, here."""

    code: str
    name: str
    english: str
    is_part: bool
    routed: Sequence[Routed]


@dataclass(frozen=True, slots=True)
class ShownLesson:
    """What one ruling taught."""

    name: str
    english: str
    street: str
    """Code of the street office; empty: the whole city."""
    department: str
    number: str
    incident: str
    ruled_at: datetime


class ResponsibilityTable(Protocol):
    """责任清单 as it stands, with what rulings taught it."""

    def streets(self) -> Sequence[str]:
        """Codes of the street offices."""
        ...

    def routes(self, street: str) -> Sequence[ShownRoute]:
        """Every kind and who would be sent in that street; empty: where no place is known."""
        ...

    def lessons(self) -> Sequence[ShownLesson]:
        """What rulings taught, the newest first. Names no person."""
        ...
