"""What the pages for citizens ask: whom the identity provider vouches for, and their own cases."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import AwareDatetime

from cases.messages import Actor
from cases.views import PublicStatus
from catalogue.matters import Material, Matter
from forms.entrance_ports import Where


@dataclass(frozen=True)
class Citizen:
    """Somebody who is signed in as a citizen."""

    id: str
    name: str
    id_number: str
    phone: str

    @property
    def actor(self) -> Actor:
        """As whom they keep drafts and files, and read what is theirs."""
        return Actor(id=self.id, kind="citizen")


@dataclass(frozen=True)
class CitizenIn:
    """A new session. `secret` goes into the cookie and nowhere else."""

    secret: str
    citizen: Citizen


@dataclass(frozen=True)
class NotVouched:
    """Why nobody is signed in."""

    reason: str


@dataclass(frozen=True)
class OwnCase:
    """One of the citizen's own cases."""

    case_id: str
    status: PublicStatus
    code: str
    """With the number it opens the public page too."""
    collectable: bool = False
    """A document waits to be collected on line."""


@dataclass(frozen=True)
class ToSupply:
    """What the one-time notice asks of the applicant."""

    lacking: Sequence[tuple[str, str]]
    """What, and why."""
    until: AwareDatetime | None
    """By when it is to be there."""
    form: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema of those fields of the application that are asked for and were not corrected yet;
    empty: none."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What the applicant said in them."""


@dataclass(frozen=True)
class Ahead:
    """A day that something is to be done by, as the applicant reads it."""

    key: str
    """As a clock's timer is called (`cases.state.Timer`)."""
    due_at: AwareDatetime
    article: str
    provisional: bool


@dataclass(frozen=True)
class Paper:
    """One document of the case that is meant for the applicant."""

    id: str
    kind: str
    number: str
    issued_at: AwareDatetime
    void: bool
    waits: bool
    """It takes effect by service, and was not served yet: it opens by being collected."""
    version: int = 1
    """2 and more: it was issued again."""
    replaced_by: str = ""
    """Number of the one that took its place."""


@dataclass(frozen=True)
class Beyond:
    """What lies ahead of a case, its papers, and what the applicant may do about it now."""

    ahead: Sequence[Ahead]
    """The soonest first."""
    papers: Sequence[Paper]
    collectable: bool
    """A document waits, and the applicant agreed to be served on line."""
    again: int
    """The step that issued again what waits; 0: it is the decision's first service."""
    served: Collection[int]
    """Steps that issued again what was served since; 0 among them: the decision was."""
    withdrawable: bool
    """Nothing was decided yet."""
    in_person: bool
    """The applicant is the citizen, not somebody they act for."""


@dataclass(frozen=True)
class Remembered:
    """What a citizen said of themselves or their organisation before."""

    case_no: str
    """The newest of their cases that says any of it."""
    values: Mapping[str, str]
    """Field of the form → what stood there."""


class Citizens(Protocol):
    """Citizens: their sign-in, and what is theirs."""

    @property
    def possible(self) -> bool:
        """Whether the city has an identity provider."""
        ...

    async def address(self, secret: str) -> str:
        """Where to send a browser that keeps `secret`. Raises `cases.reception.NotNow`."""
        ...

    async def sign_in(
        self, secret: str, state: str, code: str, where: Where
    ) -> CitizenIn | NotVouched:
        """Open a session for whom the code stands. Raises `cases.reception.NotNow`."""
        ...

    async def leaving(self) -> str:
        """Where the provider ends its own session; empty: it has no such address.

        Raises `cases.reception.NotNow`.
        """
        ...

    async def ended_elsewhere(self, token: str, where: Where) -> str:
        """End the sessions that the provider's logout token is about; say why not, or nothing.

        Raises `cases.reception.NotNow`.
        """
        ...

    def find(self, secret: str) -> Citizen | None: ...

    def sign_out(self, secret: str, where: Where) -> None: ...

    def sender(self) -> Actor | None:
        """In whose name the city's own door files; None: that account is closed."""
        ...

    def files(self, citizen: Citizen, reference: str) -> str:
        """Note beforehand that a case will be this citizen's; return its id. Empty: it is not."""
        ...

    def cases(self, citizen: Citizen, page: int) -> tuple[Sequence[OwnCase], int]:
        """One page of their cases, the newest first, and how many pages there are."""
        ...

    def case(self, citizen: Citizen, case_no: str) -> OwnCase | None:
        """A case of this very citizen."""
        ...

    def materials(self, case_id: str) -> Sequence[Material]:
        """Every material that the case's matter knows, those not yet received first."""
        ...

    def to_supply(self, case_id: str) -> ToSupply | None:
        """What is waited for from the applicant; None: nothing."""
        ...

    def beyond(self, case_id: str) -> Beyond | None:
        """What lies ahead of a case; None: there is none."""
        ...

    def paper(self, case_id: str, paper: str) -> tuple[str, bytes] | None:
        """Name and bytes (PDF) of a paper that `beyond` names and that waits for no service."""
        ...

    def remembered(self, citizen: Citizen, matter: Matter) -> Remembered | None:
        """What this very citizen has said in an earlier case that this form asks for again."""
        ...
