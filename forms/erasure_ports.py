"""What the page of erasures shows, as the roof hands it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from cases.messages import Actor

Kind = Literal["erase", "restrict"]


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One case of the person, and until when its file is kept."""

    case_no: str
    matter: str
    archive: str
    until: date | None
    """First day on which the period is over; None: open, or kept for ever."""
    is_open: bool
    bars: bool


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What an erasure would reach."""

    subject: str
    files: Sequence[KeptFile]
    may_from: date | None
    basis: str
    barred: bool


@dataclass(frozen=True, slots=True)
class ShownErasure:
    """One order."""

    id: str
    kind: Kind
    subject: str
    case_no: str
    ground: str
    state: str
    asked_by: str
    """Name."""
    asked_at: datetime
    settled_by: str
    done_at: datetime | None
    counts: Mapping[str, int]
    own: bool
    """Asked for by the reader, who therefore may not settle it."""


class Erasures(Protocol):
    """Orders to erase, by two people."""

    def grounds(self) -> Sequence[tuple[str, str]]:
        """Id and gist of each article that an erasure may rest on."""
        ...

    def plan(self, case_no: str) -> ErasurePlan | None:
        """Return what the erasure of a case's applicant would reach; None: no such case."""
        ...

    def ask(self, actor: Actor, ip: str, case_no: str, kind: Kind, ground: str) -> str:
        """Write the order; return an empty string, or why not."""
        ...

    def approve(self, actor: Actor, ip: str, order: str) -> str:
        """Approve somebody else's order; an erasure begins at once. Empty, or why not."""
        ...

    def refuse(self, actor: Actor, ip: str, order: str) -> str: ...

    def listing(self, actor: Actor) -> Sequence[ShownErasure]:
        """The newest first."""
        ...
