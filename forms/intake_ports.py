"""What the pages and interfaces need to hand in signals and to tell what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from cases.incidents.signal import Signal, SignalReceipt
from cases.messages import Actor
from catalogue.grid import Grid
from catalogue.incident_types import IncidentTypes
from forms.entrance_ports import Where


@dataclass(frozen=True)
class CapAnswer:
    """What came of a CAP message; refused, `code` and `faults` say why."""

    key: str
    what: Literal["new", "update", "cancel", "nothing", "refused"]
    why: str = ""
    signals: tuple[str, ...] = ()
    """Ids under which their fate can be asked."""
    repeated: bool = False
    code: str = ""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class SignalFate:
    """What became of a signal, newest first word: one of `cases.incidents.signal.STATES`."""

    signal_id: str
    state: str
    incident_id: str
    because: str
    at: datetime


def fate_told(found: Sequence[SignalFate]) -> dict[str, Any]:
    """Return everything that became of a signal, oldest first, as interfaces tell it."""
    return {
        "signal": found[0].signal_id,
        "state": found[-1].state,
        "incident": found[-1].incident_id,
        "turns": [
            {"at": one.at.isoformat(), "state": one.state, "because": one.because} for one in found
        ],
    }


@dataclass(frozen=True)
class PublicReport:
    """A report of the public as everybody may see it: nothing of who sent it or what they wrote,
    and no finer place than a cell of the grid."""

    id: str
    type: str
    state: str
    stage: str
    """Stage of its incident; empty: it has none."""
    is_open: bool
    lead: str
    """Department that leads; empty: not known yet."""
    cell: str
    requested_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class ReportQuery:
    """Which reports of the public. Ids are exact; without ids a span of time counts."""

    ids: Sequence[str] = ()
    types: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    is_open: bool | None = None
    limit: int = 200


class Intake(Protocol):
    """Signals of pages, interfaces and alerts."""

    def types(self) -> IncidentTypes: ...

    def grid(self) -> Grid: ...

    async def submit(self, signal: Signal) -> SignalReceipt:
        """Lay a signal into the stream. Raises `NotNow`; send the same one again."""
        ...

    async def take_cap(self, actor: Actor, where: Where, body: bytes) -> CapAnswer:
        """Take a CAP message. Raises `NotNow`; send the same one again."""
        ...

    def fates(self, signal_id: str) -> Sequence[SignalFate]:
        """Everything that became of a signal, oldest first; nothing: it was not taken yet."""
        ...

    def reports(self, query: ReportQuery) -> Sequence[PublicReport]:
        """Reports that the public sent in by Open311, the newest first."""
        ...
