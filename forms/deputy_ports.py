"""What the pages of deputies need, as the roof hands it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from cases.messages import Actor, Grant


@dataclass(frozen=True, slots=True)
class InName:
    """In whose name a session acts besides its own."""

    delegation: str
    delegator: str
    """User id."""
    name: str
    department_name: str
    until: datetime
    actor: Actor | None
    """Who acts; None: the delegation has ceased to count, and the person acts as their own."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the window of a delegation would meet: the preflight."""

    lines: Sequence[Finding] = ()
    hidden: int = 0
    """Findings on cases that not both may see: counted, without a number."""
    stalls: int = 0
    clashes: int = 0
    clearance: int = 0
    due: int = 0
    cut: bool = False
    """There are more cases than were looked at."""

    @property
    def clean(self) -> bool:
        return not (self.stalls or self.clashes or self.clearance)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should settle before the leave begins."""

    kind: str
    """stall, clash, clearance, due."""
    case_no: str
    matter: str
    step: str
    """Verb of the act that waits."""
    sentence: str
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class ShownDelegation:
    """One delegation as one of the two sees it."""

    id: str
    gave: bool
    """The reader is the delegator."""
    other: str
    """Name of the other person."""
    other_department: str
    grants: Sequence[Grant]
    reason: str
    starts_at: datetime
    ends_at: datetime
    phase: str
    """proposed, waiting, running, ended."""
    why: str
    """What ended it; empty while it has not."""
    counts: bool
    """The reader may act by it now."""
    findings: Findings | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody asks of a colleague; days are legal days, both included."""

    deputy: str
    grants: tuple[Grant, ...]
    reason: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who could be asked."""

    id: str
    name: str
    department: str
    grants: tuple[Grant, ...] = field(default=())


class Deputies(Protocol):
    """Delegations of the people who ask. Each change, and each refusal, is an entry of the log."""

    def whose(self, own: Actor, session: str) -> InName | None:
        """In whose name the session acts; None: in its own person's."""
        ...

    def names(self, own: Actor) -> Sequence[tuple[str, str]]:
        """Id and delegator's name of every delegation in which the person is or was deputy."""
        ...

    def listing(self, own: Actor) -> Sequence[ShownDelegation]:
        """What the person gave and was given, the newest first."""
        ...

    def find(self, own: Actor, delegation: str) -> ShownDelegation | None:
        """One of `listing`, with its preflight as of now."""
        ...

    def colleagues(self, own: Actor) -> Sequence[Colleague]:
        """Whom the person could ask: of their own departments, themselves left out."""
        ...

    def delegable(self, own: Actor) -> Sequence[Grant]:
        """Which of the person's own roles may be delegated."""
        ...

    def propose(self, own: Actor, ip: str, asked: Proposal) -> Sequence[str]:
        """Write the proposal; nothing, or every reason against it."""
        ...

    def accept(self, own: Actor, ip: str, delegation: str) -> str:
        """Agree to be deputy; empty, or why not."""
        ...

    def end(self, own: Actor, ip: str, delegation: str) -> str:
        """Withdraw, refuse or end it, whichever it is; empty, or why not."""
        ...

    def act(self, own: Actor, ip: str, session: str, delegation: str) -> str:
        """Act in somebody's name from now on; an empty delegation: in one's own. Empty, or why
        not."""
        ...
