"""What is proposed, gated and signed, as the roof hands it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from cases.retiming import Direction
from forms.dossier_ports import ShownDossier
from forms.entrance_ports import (
    Visitor,
)


@dataclass(frozen=True)
class Release:
    """A proposed or active version of a matter, pack, policy, calendar or template."""

    id: str
    kind: str
    name: str
    version: str
    digest: str
    state: Literal["proposed", "blocked", "active", "rejected", "superseded", "revoked"]
    proposed_by: str
    """User id; the policy keeps them from signing it themselves."""
    proposed_at: datetime
    in_force_from: datetime | None
    signed_by: str = ""
    findings: tuple[str, ...] = ()
    revoke_asked_by: str = ""
    needs_dossier: bool = False
    """It may not be signed before it was tried over the past."""
    endorsed_by: str = ""
    """Who has signed its dossier first."""
    dossier: str = ""
    """Digest of the dossier that was signed first."""


class Releases(Protocol):
    """The one mechanism by which a version is activated: proposal, gate, second signer."""

    def listing(self) -> Sequence[Release]: ...

    def propose(self, visitor: Visitor, kind: str, text: str) -> Release | str:
        """The proposal with the gate's findings, or a Chinese sentence why there is none."""
        ...

    def sign(
        self,
        visitor: Visitor,
        release: str,
        preview: str = "",
        dossier: str = "",
        since: datetime | None = None,
    ) -> str:
        """Activate with a second signature; empty, or a Chinese sentence why not.

        `preview`: digest of the list of what a calendar would move, as the signer saw it;
        `dossier`: of the dossier, for what must be tried over the past; `since`: from when it
        counts, None: from now, never before its own first day.
        """
        ...

    def simulate(self, visitor: Visitor, release: str, months: int) -> str:
        """Have the dossier of a proposal made anew; empty, or why not."""
        ...

    def endorse(self, visitor: Visitor, release: str, dossier: str) -> str:
        """Sign the dossier of one's own proposal; empty, or why not."""
        ...

    def dossier(self, release: str) -> ShownDossier | None:
        """Return the newest dossier of a version's text; None: there is none yet."""
        ...

    def look_ahead(self, visitor: Visitor, release: str, direction: Direction) -> str:
        """See anew what a version, or taking it back, would move; empty, or why not."""
        ...

    def ask_revocation(self, visitor: Visitor, release: str, reason: str) -> str:
        """Ask that a signed version cease to count; empty, or why not."""
        ...

    def revoke(self, visitor: Visitor, release: str, preview: str) -> str:
        """Agree that it cease to count, having seen that list; empty, or why not."""
        ...

    def withdraw(self, visitor: Visitor, release: str) -> str:
        """Take one's own proposal back; empty, or a Chinese sentence why not."""
        ...
