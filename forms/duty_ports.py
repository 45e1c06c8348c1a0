"""What the pages of duty and of notices need, as the roof hands it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Protocol

from cases.messages import Actor
from cases.notices_out import OF_PROJECTS


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """One person's time on duty, overrides counted in."""

    shift: str
    override: str
    """Empty: it is their own turn."""
    department: str
    part: str
    person: str
    name: str
    starts_at: datetime
    ends_at: datetime
    is_there: bool
    """False: the account is closed, so nobody is."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Who is on duty for a department now."""

    department: str
    people: Sequence[ShownTurn]

    @property
    def answers(self) -> bool:
        """Somebody is there to answer, not only to lead."""
        return any(one.part == "duty" for one in self.people)


@dataclass(frozen=True, slots=True)
class ShownHole:
    """When nobody answers for a department."""

    department: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class AskedOverride:
    """Somebody asks another to stand in, or has agreed with them."""

    id: str
    shift: str
    department: str
    person: str
    name: str
    """Who stands in."""
    instead_of: str
    """Name of the person whose turn it is."""
    starts_at: datetime
    ends_at: datetime
    reason: str
    accepted: bool
    for_me: bool
    """The reader is asked to stand in."""


@dataclass(frozen=True, slots=True)
class ShownHandover:
    """What one shift told the next."""

    id: str
    department: str
    given_by: str
    given_at: datetime
    incidents: Sequence[tuple[str, str, str]]
    """Id, number and stage as they were then."""
    note: str
    taken_by: str
    """Name; empty: nobody has taken over yet."""
    taken_at: datetime | None
    may_take: bool


@dataclass(frozen=True, slots=True)
class DutyOverview:
    """The first page of duty."""

    desks: Sequence[Desk]
    holes: Sequence[ShownHole]
    """Of the days ahead, of departments that keep a rota."""
    mine: Sequence[ShownTurn]
    """The reader's own turns of the days ahead."""
    asked: Sequence[AskedOverride]
    handovers: Sequence[ShownHandover]
    """Of departments in which the reader is on duty now or next: the newest, open ones first."""
    may_hand_over: Sequence[str]
    """Departments for which the reader is on duty now, or just was."""


@dataclass(frozen=True, slots=True)
class DutyDay:
    """One day of a week."""

    day: date
    is_off: bool
    turns: Sequence[ShownTurn]


@dataclass(frozen=True, slots=True)
class DutyWeek:
    """Seven days of one department."""

    department: str
    days: Sequence[DutyDay]
    holes: Sequence[ShownHole]
    overrides: Sequence[AskedOverride]


@dataclass(frozen=True, slots=True)
class Laying:
    """A rota to lay out; days are legal days, both included."""

    department: str
    part: str
    first: date
    last: date
    hours: tuple[time, ...]
    crews: tuple[tuple[str, ...], ...]
    """Names or logins of who comes together, crew after crew."""
    rest_crews: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class StandIn:
    """Who is to stand in for a turn or a piece of it."""

    shift: str
    person: str
    starts_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Contact:
    """Where the reader is reached over one channel."""

    channel: str
    address: str
    """Their own, in full; empty: not said."""
    carried: bool
    """The channel is set up in this city."""


@dataclass(frozen=True, slots=True)
class ShownDelivery:
    """How far a notice got to one person over one channel."""

    name: str
    channel: str
    state: str
    tries: int
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ShownNotice:
    """One notice with what became of it."""

    id: str
    incident_id: str
    kind: str
    text: str
    at: datetime
    urgent: bool
    nobody: str
    """Department that had nobody on duty; empty: somebody was."""
    deliveries: Sequence[ShownDelivery] = ()
    read: bool = False

    @property
    def url(self) -> str:
        """Return where that stands which it tells of; empty: nowhere."""
        room = "projects" if self.kind in OF_PROJECTS else "incidents"
        return f"/{room}/{self.incident_id}" if self.incident_id else ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who could be on duty."""

    id: str
    name: str
    login: str


class Duty(Protocol):
    """The rota and the notices. Each change, and each refusal, is an entry of the log."""

    def overview(self, own: Actor) -> DutyOverview: ...

    def week(self, department: str, first: date) -> DutyWeek: ...

    def planned_by(self, actor: Actor) -> Sequence[str]:
        """Departments whose rota the actor may plan."""
        ...

    def people(self, department: str) -> Sequence[Person]:
        """Who could be on duty for a department: whoever sits or holds a role there."""
        ...

    def department_of(self, shift: str) -> str:
        """The department of a turn; empty: there is none."""
        ...

    def lay_out(self, own: Actor, ip: str, asked: Laying) -> Sequence[str]:
        """Write the turns; nothing, or every reason against it: then none is written."""
        ...

    def withdraw(self, own: Actor, ip: str, shift: str) -> str:
        """Take a turn back; empty, or why not."""
        ...

    def stand_in(self, own: Actor, ip: str, asked: StandIn, plans: bool) -> str:
        """Ask somebody to stand in. `plans`: the asker plans this rota, so it counts at once."""
        ...

    def answer(self, own: Actor, ip: str, override: str, accept: bool, plans: bool) -> str:
        """Agree to stand in, or end it; empty, or why not."""
        ...

    def override_department(self, override: str) -> str:
        """The department of an override; empty: there is none."""
        ...

    def open_incidents(self, department: str) -> Sequence[tuple[str, str, str]]:
        """Id, number and stage of what is open for a department now."""
        ...

    def hand_over(self, own: Actor, ip: str, department: str, note: str) -> str:
        """Tell the next shift; empty, or why not."""
        ...

    def handover(self, own: Actor, id: str) -> ShownHandover | None:
        """One hand-over of a department of the reader's."""
        ...

    def take_over(self, own: Actor, ip: str, id: str) -> str:
        """Take over; empty, or why not."""
        ...

    def contacts(self, own: Actor) -> Sequence[Contact]: ...

    def set_contact(self, own: Actor, ip: str, channel: str, address: str) -> str:
        """Say, change or (empty) take back where one is reached; empty, or why not."""
        ...

    def tray(self, own: Actor) -> Sequence[ShownNotice]:
        """What the reader was told here, the newest first."""
        ...

    def unread(self, own: Actor) -> int: ...

    def acknowledge(self, own: Actor, ip: str, notice: str) -> bool:
        """Acknowledge a notice of one's own tray; False: there is none."""
        ...

    def told(self, incident_id: str) -> Sequence[ShownNotice]:
        """Who was told what of an incident, and how far it got: for who may read the incident."""
        ...

    def names(self) -> Mapping[str, str]:
        """Departments that keep a rota, by code."""
        ...
