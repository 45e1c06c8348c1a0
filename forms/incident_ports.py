"""What the incidents' pages need from the others: `yichuang/web_incidents.py` hands it in."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import JsonValue

from cases.incident_lists import Change, Counters, Filters, IncidentRow, UnitRow
from cases.incidents.routing import Routed
from cases.incidents.state import IncidentState
from cases.messages import Actor, Outcome, Source
from catalogue.grid import Grid
from catalogue.incident_types import IncidentType


@dataclass(frozen=True)
class BoardView:
    """The open incidents that the reader may list, red first; one window of them in full."""

    change: int
    """Number of the newest change when this was read: whoever asks after it misses nothing."""
    marked: tuple[IncidentRow, ...]
    """The first of those that the filters leave, in the board's order: the map draws them."""
    total: int
    """How many the filters leave."""
    cells: Mapping[str, int]
    """Cell → how many of these lie in it; "": in none."""
    window: tuple[IncidentRow, ...]
    """Those of the page."""
    units: Mapping[str, Sequence[UnitRow]]
    """Incident → who was sent, for the window."""
    counters: Counters
    """Of all that the reader may list, whatever the filters."""
    page: int
    pages: int


@dataclass(frozen=True)
class Told:
    """One settled order as a line of the timeline, the newest first."""

    seq: int
    kind: str
    at: datetime
    who: str
    """Name of the person or service; empty: the law's own timer."""
    on_behalf: str
    role: str
    department: str
    stage: str
    said: Mapping[str, JsonValue]
    """What of the order is not personal."""
    text: str
    """What was typed, opened for this reader; empty where nothing was, or they may not."""
    hidden: bool = False
    """Something was typed that the reader may not see."""
    leaf: int | None = None


@dataclass(frozen=True)
class ShownIncident:
    """One incident for its page."""

    row: IncidentRow
    state: IncidentState
    told: tuple[Told, ...]
    text: str
    """What was reported."""
    signals: tuple[tuple[str, datetime, datetime | None], ...]
    """Id of the signal, when it joined, when its source took it back."""
    change: int
    names: Mapping[str, str] = field(default_factory=dict)
    """User id → name, of everybody who acknowledged or refused."""


@dataclass(frozen=True)
class Linking:
    """A step of an incident by which it was linked with a case, or no longer."""

    incident_id: str
    number: str
    told: Told
    recorded_at: datetime
    entry: str
    """Id of its entry in the log."""


MOST_LINKINGS = 200
"""Steps of this kind that one case's timeline tells of: the newest; some four pages of it."""

MARKS = 300
"""Incidents that the map draws one by one: beyond, marks would hide one another, and a page would
weigh a megabyte. Every cell says how many there are in all."""


class Incidents(Protocol):
    """Incidents as pages show and order them. Raises `cases.reception.NotNow` when away."""

    @property
    def kinds(self) -> Mapping[str, IncidentType]:
        """Every type of incident by code."""
        ...

    @property
    def grid(self) -> Grid:
        """The city's own grid."""
        ...

    def board(self, actor: Actor, filters: Filters, page: int, size: int) -> BoardView: ...

    def viewpoint(self, actor: Actor) -> Hashable:
        """What decides which incidents the actor sees: who has the same one sees the same board."""
        ...

    def last(self) -> int:
        """Number of the newest change of all; kept for a moment, so that many may ask."""
        ...

    def since(self, actor: Actor, change: int) -> Sequence[Change]:
        """What changed after this one, of incidents that the actor may list, in order."""
        ...

    def numbers(self, actor: Actor, ids: Sequence[str]) -> Mapping[str, str]:
        """Incident id → number, as far as the actor may list them."""
        ...

    def known(self, incident_id: str) -> IncidentState | None:
        """What is known of an incident, for a caller that asks policy about it."""
        ...

    def incident(
        self, actor: Actor, incident_id: str, *, personal: bool = False
    ) -> ShownIncident | None:
        """One incident, for a caller that has asked policy; `personal`: what was typed is opened
        too."""
        ...

    def listed(self, actor: Actor, number: str) -> str:
        """Return the id of the incident with that number where the actor may list it; empty: there
        is none, or they may not."""
        ...

    def linkings(self, actor: Actor, case_id: str) -> Sequence[Linking]:
        """Return by which steps incidents that the actor may list were linked with a case that they
        have asked policy about, in order; what was typed only where they may see that."""
        ...

    def routed(self, state: IncidentState) -> Sequence[Routed]:
        """Return who is to be sent, and why; empty where nobody is found."""
        ...

    def draft(self, incident_id: str, chain: str) -> str:
        """Return the drafted text of one link's information report."""
        ...

    async def order(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        incident_id: str,
        verb: str,
        body: Mapping[str, Any],
    ) -> Outcome:
        """Hand one order in; the answer comes when it is settled. Raises `NotNow`."""
        ...
