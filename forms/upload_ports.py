"""Files on their way into a case, as the roof hands them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cases.messages import Actor
from forms.reader_ports import File


@dataclass(frozen=True)
class Kept:
    """An upload that the web keeps, sealed."""

    id: str
    name: str
    media_type: str
    digest: str
    """SHA-256 (hex) of the bytes as they came."""
    size: int
    finding: str = ""
    """What the scanner found in it; empty: nothing, or it has not been looked at yet."""


@dataclass(frozen=True)
class ComingFile:
    """A file on its way in pieces."""

    id: str
    name: str
    size: int
    came: int
    """Bytes that are here, from the beginning without a gap."""


class Uploads(Protocol):
    """Files handed in, sealed at rest; where a scanner is set, held until it found nothing."""

    def keep(self, actor: Actor, name: str, media_type: str, content: bytes) -> Kept: ...

    def known(self, actor: Actor, upload: str) -> Kept | None:
        """An upload of this very actor that no case has yet; None otherwise."""
        ...

    def read(self, upload: str, case_id: str) -> File | None:
        """The file, unless another case has it: naming an upload makes it nobody's own. None where
        there is none, or it is held."""
        ...

    def held(self, upload: str, case_id: str) -> Literal["", "waiting", "infected"]:
        """Why nobody gets it now; empty where that is not so, or another case has it."""
        ...

    def begin(self, actor: Actor, name: str, size: int) -> ComingFile | None:
        """A file will come in pieces; None: too many of this actor are on their way."""
        ...

    def coming(self, actor: Actor, file: str) -> ComingFile | None:
        """A file of this very actor that is on its way."""
        ...

    def add(self, actor: Actor, file: ComingFile, start: int, content: bytes) -> int:
        """Keep the piece that comes next; return how many bytes are here now."""
        ...

    def whole(self, actor: Actor, file: ComingFile) -> bytes:
        """The whole file, out of its pieces."""
        ...

    def give_up(self, actor: Actor, file: str) -> None:
        """Forget a file on its way."""
        ...

    def hand_over(self, actor: Actor, uploads: Sequence[str], case_id: str) -> None:
        """Note that a case has these uploads of the actor now; nobody may use them again."""
        ...
