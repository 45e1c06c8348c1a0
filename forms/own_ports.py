"""What the pages about oneself need, as the roof hands it in: notices, and one's sign-ins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cases.messages import Actor
from cases.views import Notice


@dataclass(frozen=True)
class OwnNotice:
    """One line of the notices: of a case, or a morning's digest."""

    id: str
    at: datetime
    read: bool
    notice: Notice | None = None
    digest: Mapping[str, int] | None = None
    """What waited that morning: the names of `cases.digests.COUNTED` → numbers."""


@dataclass(frozen=True)
class SignInLine:
    """One line of the history of an account's sign-ins, as the log has it."""

    at: datetime
    act: str
    ok: bool
    why: str
    """Code of the refusal or of the factor; empty: none."""
    address: str
    entry: str


class Own(Protocol):
    """What concerns the person who is signed in, whoever they act for."""

    def notices(self, actor: Actor) -> Sequence[OwnNotice]:
        """The newest first: of cases the fifty newest that they may list, digests of a month."""
        ...

    def unread(self, actor: Actor) -> int:
        """How many of the last month are unread, counted up to a hundred."""
        ...

    def mark(self, actor: Actor, notices: Sequence[str]) -> None:
        """Note that they have read these; what was not theirs to read changes nothing."""
        ...

    def sign_ins(self, actor: Actor) -> Sequence[SignInLine]:
        """Sign-ins, failed tries at their account, changes of its secrets; the newest first."""
        ...
