"""What the pages need of files attached to an order that is no case's material."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cases.attached import Attached
from cases.messages import Actor
from forms.access_ports import Thing
from forms.entrance_ports import Visitor, Where
from forms.reader_ports import File


@dataclass(frozen=True)
class Offered:
    """A file of an earlier try of the same form."""

    file: Attached
    finding: str
    """What the scanner found in it; empty: nothing, or it has not been looked at yet."""


class AttachedFiles(Protocol):
    """Files of orders, sealed under a key of the thing; where a scanner is set, held until it found
    nothing. Whether one may, the caller has asked policy."""

    def keep(
        self, actor: Actor, thing: Thing, name: str, media: str, content: bytes
    ) -> Attached: ...

    def offered(self, actor: Actor, thing: Thing, upload: str) -> Offered | None:
        """A file that this very actor has kept for the thing; None otherwise."""
        ...

    def take(self, thing: Thing, files: Sequence[Attached]) -> None:
        """Note that an order names these: before it is given, so that no crash loses evidence."""
        ...

    def of(self, thing: Thing) -> Sequence[Attached]:
        """The files that orders to the thing name, the oldest first."""
        ...

    def held(self, thing: Thing, upload: str) -> Literal["", "waiting", "infected"]:
        """Why nobody gets it now; empty where that is not so."""
        ...

    def hand_out(self, visitor: Visitor, where: Where, thing: Thing, upload: str) -> File | None:
        """The file, once the entry of its reading is committed. None where there is none, or it is
        held, or destroyed with its thing."""
        ...
