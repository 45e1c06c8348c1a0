"""A signal: what a source says has happened, before anybody has looked at it.

Every signal ends as one of `STATES`, and keeps saying why.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal
from uuid import uuid5

from pydantic import AwareDatetime, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from cases.incidents.place import Place
from cases.messages import NAMESPACE, Frozen, Name, Remark

Level = Literal["", "blue", "yellow", "orange", "red"]
"""The level a source gives, as the colours of 突发事件应对法第六十三条; empty: it gives none.
It is neither the grade of the event nor the level of a response."""

URGENT: Final = frozenset({"orange", "red"})
"""Levels at which one signal suffices: no threshold of a burst is waited for."""

RANK: Final[dict[str, int]] = {"red": 0, "orange": 1, "yellow": 2, "blue": 3, "": 4}
"""Order in which what waits is taken: the lowest first."""

Change = Literal["new", "update", "cancel"]

State = Literal["incident", "merged", "noted", "suppressed", "duplicate", "refused"]
STATES: Final[tuple[State, ...]] = (
    "incident", "merged", "noted", "suppressed", "duplicate", "refused",
)  # fmt: skip
"""What becomes of a signal: it opens an incident; joins one; is kept and waits for others of its
kind (a threshold of a burst, or a cancelled signal that never opened anything); falls into a
planned window; says what is known already; or cannot be taken, with its reason."""

Key = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Reference = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
SourceName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}(/[\w.:-]{1,64})?$")
]
"""Who says so: `lifts`, `open311/app`, `cap/weather`."""
TypeCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
"""A code of the catalogue's incident types: one word of a subject of messages."""


class Reporter(Frozen):
    """Who called. Personal data: sealed wherever it is kept, destroyed at the incident's end
    (突发事件应对法第八十五条)."""

    name: Remark = ""
    phone: Annotated[str, StringConstraints(strip_whitespace=True, max_length=40)] = ""


class Signal(Frozen):
    """What a source says. `occurred_at` is the instant of the happening, not of the sending.

    `id` is the sender's own and names this message for ever; `reference` names what it speaks of:
    an update or a cancel bears the reference of what it changes.
    """

    id: Key
    source: SourceName
    type: TypeCode
    level: Level = ""
    title: Name
    text: Remark = ""
    place: Place = Place()
    occurred_at: AwareDatetime
    reference: Reference = ""
    change: Change = "new"
    reporter: Reporter | None = None

    @model_validator(mode="after")
    def _names_what_it_changes(self) -> Signal:
        if self.change != "new" and not self.reference:
            raise PydanticCustomError("reference_missing", "update and cancel need a reference")
        return self

    @property
    def lane(self) -> str:
        """The last word of its subject: what is red does not wait behind the others."""
        return self.level or PLAIN


PLAIN: Final = "plain"
LANES: Final = ("red", "orange", "yellow", "blue", PLAIN)


class SignalReceipt(Frozen):
    """What a sender holds: the signal lies in the stream, once. `id` asks what became of it."""

    id: str
    repeated: bool = False
    """It lay there already."""


def signal_id(sender: str, source: str, key: str) -> str:
    """Return the id of a signal, the same for ever for one sender, source and key."""
    return str(uuid5(NAMESPACE, f"signal\n{sender}\n{source}\n{key}"))


def incident_of(signal: str) -> str:
    """Return the id of the incident that a signal opens, the same for ever."""
    return str(uuid5(NAMESPACE, f"incident\nsignal\n{signal}"))


def content_digest(signal: Signal) -> str:
    """Return the hex SHA-256 of what a signal says, its own id apart."""
    return hashlib.sha256(signal.model_dump_json(exclude={"id"}).encode()).hexdigest()
