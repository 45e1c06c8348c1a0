"""What the pages need to know who is there: sign-in, sessions, first password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cases.messages import Actor
from forms.deputy_ports import InName


@dataclass(frozen=True)
class Where:
    """Where a request comes from, for the log."""

    ip: str
    agent: str


@dataclass(frozen=True)
class Visitor:
    """Somebody signed in, as the session says."""

    actor: Actor
    login: str
    name: str
    department_name: str
    session: str
    """The session's public name (not the secret in the cookie)."""
    must_change: bool = False
    """The password is too old: nothing but changing it is offered."""
    proved_at: datetime | None = None
    """When they last proved who they are by a second factor; None: not in this session."""
    own: Actor | None = None
    """The person themselves, where `actor` acts in another's name; None: `actor` is they."""
    in_name: InName | None = None
    """In whose name the session acts or did until it ceased to count; None: in its own."""


@dataclass(frozen=True)
class SignInRefused:
    """Why somebody was not let in; `reason` is a Chinese sentence that tells what to do."""

    reason: str
    locked_until: datetime | None = None


@dataclass(frozen=True)
class SignedIn:
    """A new session; `secret` goes into the cookie and nowhere else."""

    secret: str
    visitor: Visitor


class Entrance(Protocol):
    """The way in. Every attempt is an entry of the log."""

    def sign_in(self, login: str, password: str, where: Where) -> SignedIn | SignInRefused: ...

    def enrol(
        self, login: str, code: str, password: str, where: Where
    ) -> SignedIn | SignInRefused: ...

    def visitor(self, secret: str) -> Visitor | None:
        """The session's owner; moves its idle limit. None when over, unknown or locked."""
        ...

    def sign_out(self, secret: str, where: Where) -> None: ...

    def change_password(
        self, secret: str, old: str, new: str, where: Where
    ) -> SignInRefused | None: ...
