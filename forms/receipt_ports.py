"""Receipts as pages hand them out, as the roof hands them in."""

from __future__ import annotations

from typing import Protocol

from cases.messages import Actor
from forms.access_ports import Thing
from forms.entrance_ports import (
    Where,
)
from forms.reader_ports import File


class Receipts(Protocol):
    """Receipts of the log: proof for whoever holds a case's code, and for the clerk at the desk."""

    def of_case(
        self, actor: Actor | None, where: Where, case_id: str, paper: bool, opened: bool = True
    ) -> File | None:
        """Return the proof file, or the paper with the file inside, once its entry has committed.

        `opened`: what the applicant said is disclosed; else it is only proved. `actor` None: the
        applicant, who showed number and code. None: nothing to prove.
        """
        ...

    def of_entry(self, actor: Actor, where: Where, thing: Thing, entry: str) -> File | None:
        """Return the proof file of one entry about a thing, once the issue's own entry has
        committed. None: it is not in the log yet."""
        ...

    def policy(self) -> str:
        """Return whom the city says to trust: its logs, its witnesses, the quorum."""
        ...

    def program(self) -> bytes:
        """Return the verifier that is one file."""
        ...
