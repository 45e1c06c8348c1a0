"""Who may do what, as pages ask for it and as the roof hands it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cases.facts import CaseFacts
from cases.messages import Actor, Command


@dataclass(frozen=True)
class Verdict:
    """Whether somebody may, and if not, which rule says so and who could grant it."""

    allowed: bool
    reason: str = ""
    remedy: str = ""
    """Who could do it, or grant it."""


@dataclass(frozen=True)
class Thing:
    """An object of access that is no case: a release, a dead letter, an account."""

    type: str
    id: str = ""
    about: str = ""
    """User id that the thing is about."""
    proposed_by: str = ""
    department: str = ""
    """Code of the department whose thing it is; for which unit an order speaks."""
    departments: tuple[str, ...] = ()
    """Units that were sent to an incident."""
    hands: tuple[str, ...] = ()
    """Who dispatched or handled it, deputies and whom they act for alike."""


class Access(Protocol):
    """What policy says. Deny by default; asking leaves no trace, acting does."""

    def may(self, actor: Actor, act: str, thing: CaseFacts | Thing | str) -> Verdict:
        """May the actor do `act` on this case or thing? A mere name of a type asks for menus and
        empty forms: is there any object of that type on which they may?"""
        ...

    def would(self, command: Command, facts: CaseFacts) -> Verdict:
        """What the door would be told of this very order to this case; nothing is signed."""
        ...
