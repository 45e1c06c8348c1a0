"""The seam between settling and the press: what is ordered, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from pydantic import JsonValue

from cases.messages import Command, Person
from cases.state import CaseState
from catalogue.city import Department
from catalogue.matters import DocumentKind, Matter

ANEW: Final = "anew"
"""Fact of a document that is issued again: ground, version, number of the former one."""


@dataclass(frozen=True, slots=True)
class DocumentOrder:
    """One document to be rendered, with its number and verification code already given."""

    kind: DocumentKind
    number: str
    code: str
    """Printed with the address where it can be checked."""
    issued_at: datetime
    department: Department
    matter: Matter
    case: CaseState
    """The state after the step that issues it."""
    applicant: Person
    command: Command
    """The order that issues it: its body holds reasons, missing materials, recipient."""
    facts: dict[str, JsonValue]


class Press(Protocol):
    """Turns an order into a file. The same order gives the same bytes."""

    def render(self, order: DocumentOrder) -> bytes:
        """Return the PDF. Raises for a glyph that no font has: a 文书 with holes never leaves."""
        ...
