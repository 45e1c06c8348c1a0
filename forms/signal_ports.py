"""What the pages of signals need: what came, what became of it, and the planned windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cases.messages import Actor

PER_PAGE = 50


@dataclass(frozen=True)
class ShownSignal:
    """A signal without what was said: that lies sealed and stands on the incident's page."""

    id: str
    sender: str
    source: str
    type: str
    level: str
    district: str
    street: str
    occurred_at: datetime
    received_at: datetime
    state: str
    incident_id: str
    because: str
    withdrawn: bool


@dataclass(frozen=True)
class ShownRefusal:
    """A message that could not be taken."""

    sender: str
    subject: str
    field: str
    reason: str
    remedy: str
    at: datetime


@dataclass(frozen=True)
class ShownTurn:
    """What became of one signal at an instant."""

    at: datetime
    state: str
    incident_id: str
    because: str


@dataclass(frozen=True)
class ShownWindow:
    """A planned window."""

    id: str
    type: str
    source: str
    district: str
    street: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    made_by: str
    phase: str
    """waiting, running, over or lifted."""
    held: int
    """Signals that fell into it."""


@dataclass(frozen=True)
class WindowPlan:
    """What somebody asks to be planned. Instants are aware."""

    type: str
    source: str
    district: str
    street: str
    starts_at: datetime
    ends_at: datetime
    reason: str


class Signals(Protocol):
    """Signals and their windows. No personal data."""

    def counts(self) -> Mapping[str, int]:
        """Return how many stand in each state, and `waiting_orders`."""
        ...

    def listing(self, state: str, page: int) -> tuple[Sequence[ShownSignal], int]:
        """Return a page of signals, the newest first, and how many there are of this state (empty:
        of all)."""
        ...

    def one(self, signal_id: str) -> tuple[ShownSignal, Sequence[ShownTurn]] | None: ...

    def refused(self) -> Sequence[ShownRefusal]:
        """Return the last messages that could not be taken."""
        ...

    def types(self, english: bool = False) -> Mapping[str, str]:
        """Return the names of the types of incidents, by code."""
        ...

    def places(self, english: bool = False) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Return the names of districts and of streets, by code."""
        ...

    def windows(self) -> Sequence[ShownWindow]: ...

    def plan(self, actor: Actor, ip: str, asked: WindowPlan) -> tuple[str, str] | None:
        """Plan a window; return field and sentence of what forbids it, else None."""
        ...

    def lift(self, actor: Actor, ip: str, window_id: str) -> str:
        """End a window; return why not, or nothing."""
        ...
