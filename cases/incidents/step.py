"""What goes into a step of an incident beside state and order, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import JsonValue

from cases.incidents.chains import Link
from cases.incidents.place import Place
from cases.incidents.routing import CENTRE, Routed
from cases.incidents.state import STAGES, IncidentState, Limits, Stage
from cases.notices_out import DUTY, LEADER, ROLE, Kind
from catalogue.incident_types import IncidentType

_ORDER: Final = tuple(STAGES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the machine must be told: it looks nothing up."""

    kind: IncidentType
    number: str = ""
    """Number of an incident that is just reported."""
    place: Place | None = None
    """The reported place with its cell and district; None: as reported."""
    limits: Limits | None = None
    """Of an incident that is just reported."""
    routed: tuple[Routed, ...] = ()
    """直派: whom to send at once; empty: a person dispatches."""
    links: tuple[Link, ...] | None = None
    """The reporting chain as the grade now asks it; None: it stays as it is."""
    graded: str = ""
    """Grade that the pack `accidents` gives for the figures; empty: it says nothing of the type."""
    regrade_open: bool = True
    lesson_due_at: datetime | None = None
    departments: frozenset[str] = frozenset()
    """Codes of the city's departments."""
    signals: frozenset[str] = frozenset()
    """Of the order's signals, those that belong to the incident and were not withdrawn."""
    case_linked: bool = False
    """The order's case is linked with the incident now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Whom to tell what, once under its key."""

    recipient: str
    kind: Kind
    key: str
    urgent: bool = False
    fields: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """A ruling for the responsibility table."""

    department: str
    ruling: Literal["stands", "moves"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One order carried out."""

    state: IncidentState
    told: tuple[Tell, ...] = ()
    said: Mapping[str, JsonValue] = field(default_factory=dict)
    """What of the order stands in the clear: codes, figures, instants; no typed text."""
    joined: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    taught: Taught | None = None
    linked_case: str = ""
    """Case that the order links."""
    unlinked_case: str = ""
    """Case whose link it takes back."""
    dispatched: bool = False
    """Units were sent by an order that is no dispatch (直派): who ordered it has dispatched."""

    def with_state(self, state: IncidentState) -> Step:
        return replace(self, state=state)


def advanced(state: IncidentState, stage: Stage | None = None, **changed: Any) -> IncidentState:
    """Return the state one step later; `stage` only ever goes forward."""
    if stage is not None and _ORDER.index(stage) > _ORDER.index(state.stage):
        changed["stage"] = stage
    return state.model_copy(update={"seq": state.seq + 1, **changed})


def centre(state: IncidentState, kind: Kind, key: str, **fields: JsonValue) -> Tell:
    """Return a notice to whoever is on duty in the command centre."""
    return Tell(recipient=f"{DUTY}{CENTRE}", kind=kind, key=key, urgent=state.urgent, fields=fields)


def unit(state: IncidentState, department: str, kind: Kind, key: str, **fields: JsonValue) -> Tell:
    """Return a notice to whoever is on duty in a unit."""
    return Tell(
        recipient=f"{DUTY}{department}", kind=kind, key=key, urgent=state.urgent,
        fields={"unit": department, **fields},
    )  # fmt: skip


def leaders(departments: Sequence[str], kind: Kind, key: str, **fields: JsonValue) -> list[Tell]:
    """Return notices to who leads the duty of these units."""
    return [
        Tell(recipient=f"{LEADER}{one}", kind=kind, key=key, urgent=True, fields=fields)
        for one in departments
    ]


def role(name: str, kind: Kind, key: str, **fields: JsonValue) -> Tell:
    """Return a notice to everybody who holds a role in the city."""
    return Tell(recipient=f"{ROLE}{name}:*", kind=kind, key=key, urgent=True, fields=fields)
