"""What the pages ask for an incident's papers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, get_args

from cases.messages import Actor
from cases.paper_rows import KeptPaper
from forms.access_ports import Thing
from forms.entrance_ports import Visitor, Where
from forms.reader_ports import File

PaperKind = Literal["brief", "after_action", "report", "announcement"]
PAPERS: tuple[PaperKind, ...] = get_args(PaperKind)


class NothingToPrint(LookupError):
    """There is nothing to announce or to report yet; the sentence says what is missing."""


class IncidentPapers(Protocol):
    """Papers of one incident, made when they are asked for."""

    def thing(self, incident: str) -> Thing | None:
        """The incident as policy is asked about it; None: there is none."""
        ...

    def paper(
        self,
        visitor: Visitor,
        where: Where,
        incident: str,
        kind: PaperKind,
        chain: str,
        typed: bool,
    ) -> File:
        """Return the PDF; its entry is committed first. `typed`: the reader may see what people
        typed. Raises `NothingToPrint`."""
        ...

    def kept(self, actor: Actor, incident: str) -> Sequence[KeptPaper]:
        """The papers that were issued, sent or filed, as they were, the oldest first."""
        ...

    def kept_file(self, visitor: Visitor, where: Where, incident: str, paper: str) -> File:
        """Return the PDF of one of them; its entry is committed first. Raises `NothingToPrint`."""
        ...
