"""What the pages of accounts and rights need, as the roof hands it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from cases.messages import Actor, Grant
from forms.entrance_ports import SignInRefused, Visitor


@dataclass(frozen=True)
class AccountRow:
    """One line of the list of accounts."""

    id: str
    login: str
    name: str
    department: str
    grants: tuple[Grant, ...]
    kind: Literal["human", "service"]
    state: Literal["enrolment", "active", "closed", "expired", "asleep"]
    last_sign_in: datetime | None
    clearance: int
    compartments: tuple[str, ...]
    created_at: datetime
    valid_until: datetime | None
    nkey: str = ""
    """A service's public nkey; empty: none is registered."""
    token_until: datetime | None = None


class Accounts(Protocol):
    """The accounts of people and services. Every change is an entry of the log."""

    def service(self, token: str) -> Actor | None:
        """The service account that owns a bearer token, None when there is none."""
        ...

    def listing(self) -> Sequence[AccountRow]: ...

    def row(self, account: str) -> AccountRow | None:
        """One account; None: there is none, or it is an applicant's."""
        ...

    def create(
        self, by: Visitor, login: str, name: str, department: str, kind: str
    ) -> str | SignInRefused:
        """Create the account without roles; return its one-time code (a service's: its token)."""
        ...

    def rotate(self, by: Visitor, account: str) -> str | SignInRefused:
        """A service's next bearer token; the one before stays good for a week."""
        ...

    def set_key(self, by: Visitor, account: str, key: str) -> SignInRefused | None:
        """Register a service's public nkey."""
        ...

    def renew(self, by: Visitor, account: str) -> str | SignInRefused:
        """A new one-time code for an account whose owner lost the password."""
        ...

    def close(self, by: Visitor, account: str) -> SignInRefused | None: ...


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account holds, or shall hold."""

    grants: tuple[Grant, ...]
    clearance: int
    compartments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an account's rights: proposed by one, settled by another."""

    id: str
    account: str
    login: str
    name: str
    department: str
    kind: Literal["human", "service"]
    before: Holding
    after: Holding
    reason: str
    state: str
    proposed_by: str
    """Name."""
    proposer: str
    """Id."""
    proposed_at: datetime
    settled_by: str
    settled_at: datetime | None
    settled_reason: str
    faults: tuple[str, ...] = ()
    """What the gate says against it now; it is not approved while there is any."""
    notes: tuple[str, ...] = ()
    """What an approver must know and may approve all the same."""

    @property
    def added(self) -> tuple[Grant, ...]:
        return tuple(one for one in self.after.grants if one not in self.before.grants)

    @property
    def removed(self) -> tuple[Grant, ...]:
        return tuple(one for one in self.before.grants if one not in self.after.grants)

    @property
    def opened(self) -> tuple[str, ...]:
        """Compartments that are added."""
        return tuple(c for c in self.after.compartments if c not in self.before.compartments)

    @property
    def shut(self) -> tuple[str, ...]:
        """Compartments that are taken away."""
        return tuple(c for c in self.before.compartments if c not in self.after.compartments)


class Granting(Protocol):
    """Rights of accounts. What changes something returns an empty string, or why it did not."""

    def compartments(self) -> Mapping[str, str]:
        """Code → name of each compartment of the city."""
        ...

    def holding(self, account: str) -> Holding | None:
        """What an account holds now; None: no such account."""
        ...

    def propose(self, by: Visitor, account: str, after: Holding, reason: str) -> str: ...

    def approve(self, by: Visitor, change: str) -> str: ...

    def refuse(self, by: Visitor, change: str, reason: str) -> str: ...

    def withdraw(self, by: Visitor, change: str) -> str: ...

    def find(self, change: str) -> Change | None: ...

    def waiting(self) -> Sequence[Change]:
        """Those that wait for somebody, with what the gate says, the oldest first."""
        ...

    def settled(self) -> Sequence[Change]:
        """The newest that have been settled."""
        ...

    def history(self, account: str) -> Sequence[Change]:
        """Every change of an account, the newest first; of one that waits, what the gate says."""
        ...


@dataclass(frozen=True, slots=True)
class Soon:
    """An account that will end by itself within a week, or is due and spared."""

    account: str
    login: str
    name: str
    why: Literal["expired", "asleep"]
    at: datetime
    spared: bool


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One line of the quarterly review."""

    account: str
    login: str
    name: str
    department: str
    kind: Literal["human", "service"]
    grants: tuple[tuple[Grant, datetime], ...]
    """Each with since when."""
    clearance: int
    compartments: tuple[str, ...]
    last_sign_in: datetime | None
    valid_until: datetime | None
    why: str
    """expired, asleep: it will end so within a week; empty: it will not."""
    result: str
    """kept, removal; empty: not reviewed in this quarter."""
    reviewed_by: str
    reviewed_at: datetime | None


class Lives(Protocol):
    """How long accounts are good. What changes something returns a sentence, empty when done."""

    def soon(self) -> Sequence[Soon]: ...

    def set_term(self, by: Visitor, account: str, last: date | None) -> str:
        """Let an account be good through a day, in legal time; None: without end."""
        ...

    def wake(self, by: Visitor, account: str) -> str | SignInRefused:
        """Open what ended by itself; return its new one-time code (a service's: token)."""
        ...

    def quarter(self) -> str:
        """The quarter that is reviewed now: 2026Q4."""
        ...

    def listing(self) -> Sequence[Reviewed]:
        """Every open account with what it holds, since when, and what the review found."""
        ...

    def review(self, by: Visitor, account: str, result: Literal["kept", "removal"]) -> str:
        """Confirm what an account holds, or propose that it be taken away."""
        ...
