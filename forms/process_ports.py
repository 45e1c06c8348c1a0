"""What the pages of the process need: maps, what lies behind an arrow, who held how long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from cases.messages import Actor
from cases.process import ProcessMap
from cases.process_rows import Held, HeldCase, Kind, Passage
from forms.entrance_ports import Visitor, Where


@dataclass(frozen=True, slots=True)
class MapQuery:
    """Filters of the page; they live in the address. Months are 2026-11."""

    kind: Kind
    first: str
    last: str
    sort: str = ""
    department: str = ""
    by_itself: bool = False


@dataclass(frozen=True, slots=True)
class MapFound:
    """A map, and of how many things it could have been made."""

    map: ProcessMap
    things: int
    """All of the span; the map is of the newest `most` of them."""
    most: int
    held: Sequence[Held] = ()
    """Of cases alone."""


@dataclass(frozen=True, slots=True)
class EventDataAsked:
    """Which file. Months are 2026-11."""

    form: str
    """`ocel`, `ocel-sqlite` or `xes`."""
    first: str
    last: str
    of: str = "case"
    """Type of the traces of XES."""


@dataclass(frozen=True, slots=True)
class EventData:
    """A file that was made; whoever got it calls `discard` when it was sent."""

    path: Path
    events: int
    digest: str
    """SHA-256, base64."""
    discard: Callable[[], None]


class EventDataRefused(Exception):
    """Nothing was made, and nothing left."""

    def __init__(self, code: Literal["unsigned", "tampered", "busy"]) -> None:
        super().__init__(code)
        self.code = code


class Processes(Protocol):
    """What really happened, cut to what policy lets one list."""

    def map(self, actor: Actor, query: MapQuery) -> MapFound:
        """Return the map of the span's things. Raises `NoMonth`."""
        ...

    def passages(
        self, actor: Actor, query: MapQuery, source: str, target: str, most: int
    ) -> tuple[Sequence[Passage], int]:
        """Who went from one step to the other, the longest first. Raises `NoMonth`."""
        ...

    def held_cases(
        self, actor: Actor, query: MapQuery, holder: tuple[str, str], most: int, late: bool
    ) -> tuple[Sequence[HeldCase], int]:
        """Cases in which a holder had time, the longest first. Raises `NoMonth`."""
        ...

    def event_data(self, visitor: Visitor, where: Where, asked: EventDataAsked) -> EventData:
        """The casework of the log that the reader may list, as a file; its entry is committed
        before it is handed out. Raises `NoMonth`, `EventDataRefused`."""
        ...
