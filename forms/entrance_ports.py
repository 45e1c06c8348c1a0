"""What the pages need to know who is there: sign-in in two steps, sessions, second factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cases.factors import AppOffer, FactorKind, KeptFactor, Proof
from cases.messages import Actor
from cases.sessions import Ended, OpenSession
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
    must_keep_codes: bool = False
    """There is no list of recovery codes yet: nothing but making it is offered."""
    form_key: str = ""
    """What the tokens of this session's forms come from; it outlives a new secret."""


@dataclass(frozen=True)
class SignInRefused:
    """Why somebody was not let in; `reason` is a Chinese sentence that tells what to do."""

    reason: str
    locked_until: datetime | None = None
    over: bool = False
    """The first step is over: it begins again with login and password."""


@dataclass(frozen=True)
class SignedIn:
    """A new session; `secret` goes into the cookie and nowhere else."""

    secret: str
    visitor: Visitor


@dataclass(frozen=True)
class HalfIn:
    """A password was right; `secret` goes into a cookie of its own and nowhere else."""

    secret: str
    login: str
    name: str
    user: str
    kinds: frozenset[FactorKind]
    """What second factors the person has; none: the first must be registered now."""


class Entrance(Protocol):
    """The way in. Every attempt is an entry of the log."""

    def sign_in(self, login: str, password: str, where: Where) -> HalfIn | SignInRefused: ...

    def enrol(self, login: str, code: str, password: str, where: Where) -> HalfIn | SignInRefused:
        """Set the first password by a one-time code."""
        ...

    def half_way(self, secret: str) -> HalfIn | None: ...

    def prove(self, secret: str, proof: Proof, where: Where) -> SignedIn | SignInRefused:
        """Make a half-way sign-in a session."""
        ...

    def set_up(
        self, secret: str, kind: FactorKind, shown: str, name: str, where: Where
    ) -> SignedIn | SignInRefused:
        """Make a half-way sign-in a session by the account's first factor."""
        ...

    def asked(self, secret: str, *, half: bool) -> str:
        """What the browser needs to use a passkey (JSON); empty where there is none."""
        ...

    def app_offer(self, secret: str, *, half: bool) -> AppOffer | None: ...

    def passkey_offer(self, secret: str, *, half: bool) -> str:
        """What the browser needs to make a passkey (JSON); empty where there can be none."""
        ...

    def visitor(self, secret: str) -> Visitor | None:
        """The session's owner; moves its idle limit. None when over, unknown or locked."""
        ...

    def still(self, secret: str) -> Visitor | None:
        """The visitor as `visitor` has them, for a page that only listens: it is no activity, and
        the session goes on being idle."""
        ...

    def screen(self, session: str) -> Visitor | None:
        """Whose session has a screen of the wall, though it be idle or past its hours; None when
        somebody ended it, or it is too old for that. Whoever asks has seen the screen's mark."""
        ...

    def opened_wall(self, session: str) -> None:
        """Note that a session opened the wall, whose screen its owner may end by itself."""
        ...

    def ended(self, secret: str) -> tuple[Ended, str]:
        """Why the session of a cookie is over, and whose it was."""
        ...

    def sign_out(self, secret: str, where: Where) -> None: ...

    def prove_again(self, secret: str, proof: Proof, where: Where) -> SignedIn | SignInRefused:
        """Show the second factor once more; the session's secret is a new one."""
        ...

    def change_password(
        self, secret: str, old: str, new: str, where: Where
    ) -> SignInRefused | None: ...

    def factors(self, visitor: Visitor) -> Sequence[KeptFactor]: ...

    def codes_left(self, visitor: Visitor) -> int: ...

    def add_factor(
        self, secret: str, kind: FactorKind, shown: str, name: str, where: Where
    ) -> SignInRefused | None: ...

    def remove_factor(self, secret: str, factor: str, where: Where) -> SignInRefused | None: ...

    def new_codes(self, secret: str, where: Where) -> tuple[str, ...]: ...

    def keep_codes(self, secret: str, where: Where) -> bool: ...

    def sessions(self, visitor: Visitor) -> Sequence[OpenSession]: ...

    def end_session(self, secret: str, session: str, where: Where) -> bool: ...

    def end_others(self, secret: str, where: Where) -> int: ...


__all__ = [
    "AppOffer",
    "Ended",
    "Entrance",
    "FactorKind",
    "HalfIn",
    "KeptFactor",
    "OpenSession",
    "Proof",
    "SignInRefused",
    "SignedIn",
    "Visitor",
    "Where",
]
