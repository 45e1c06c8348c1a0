"""Papers of incidents for the pages: made over the real stores, each with its entry first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import Engine

from activities.incident_papers import NotAnnounceable
from audit.entry import EntryDraft, What, Who
from audit.entry import Where as EntryWhere
from audit.outbox import record
from audit.vault import KeyDestroyed, UnknownSubject
from cases import paper_rows
from cases.database import bounded, reading
from cases.incident_lists import state_of
from cases.incidents.messages import OBJECT
from cases.messages import Actor
from cases.paper_rows import KeptPaper
from forms.access_ports import Thing
from forms.entrance_ports import Visitor, Where
from forms.incident_paper_ports import NothingToPrint, PaperKind
from forms.reader_ports import File
from policies.access import Access
from yichuang.incident_papers import GONE, TITLES, IncidentPapers, NoSuchPaper
from yichuang.web_supervision import Press

PAPER_STREAM: Final = "sys:read"
"""Where it stands that a paper left the house: who had it made, and the digest of the PDF."""


@dataclass(frozen=True)
class WebIncidentPapers:
    """`forms.incident_paper_ports.IncidentPapers`."""

    papers: IncidentPapers
    access: Access
    web: Engine
    """The web store, where the entries of the web's own acts begin."""
    pseudonym_of: Callable[[str], str]
    press: Press
    now: Callable[[], datetime]
    opened: Callable[[KeptPaper, bytes], bytes]
    """Opens a kept file. Raises `KeyDestroyed`, `UnknownSubject`, and for one that was changed."""
    page_role: str = ""
    """Role of PostgreSQL under which the papers' facts are read; empty: as who opened the store."""

    def thing(self, incident: str) -> Thing | None:
        with reading(self.papers.cases) as connection:
            state = state_of(connection, incident)
        if state is None:
            return None
        return Thing(OBJECT, incident, departments=state.departments)

    def paper(
        self, visitor: Visitor, where: Where, incident: str, kind: PaperKind,
        chain: str, typed: bool,
    ) -> File:  # fmt: skip
        seen = self.access.where(visitor.actor, "list", OBJECT)
        try:
            story, html = self.within(visitor.actor).html(incident, kind, chain, seen, typed=typed)
        except (NoSuchPaper, NotAnnounceable) as nothing:
            raise NothingToPrint(str(nothing)) from nothing
        content = self.press.print_html(html)
        draft = self._entry(visitor, where, incident, kind, content)
        with self.web.begin() as connection:
            record(connection, draft)
        return File(f"{story.number}{TITLES[kind]}.pdf", "application/pdf", content)

    def kept(self, actor: Actor, incident: str) -> Sequence[KeptPaper]:
        with reading(self.within(actor).cases) as connection:
            return paper_rows.listing(connection, incident)

    def kept_file(self, visitor: Visitor, where: Where, incident: str, paper: str) -> File:
        with reading(self.within(visitor.actor).cases) as connection:
            found = paper_rows.find(connection, incident, paper)
            state = state_of(connection, incident)
        if found is None or state is None:
            raise NothingToPrint("没有这份文书")
        kept, sealed = found
        try:
            content = self.opened(kept, sealed)
        except (KeyDestroyed, UnknownSubject) as gone:
            raise NothingToPrint(GONE) from gone
        draft = self._entry(visitor, where, incident, kept.kind, content)
        with self.web.begin() as connection:
            record(connection, draft)
        name = kept.number or f"{state.number}{TITLES[kept.kind]}"
        return File(f"{name}.pdf", "application/pdf", content)

    def within(self, actor: Actor) -> IncidentPapers:
        """Return the papers within what the database itself lets the reader see."""
        bounds = self.access.bounds(actor)
        return replace(self.papers, cases=bounded(self.papers.cases, self.page_role, bounds))

    def _entry(
        self, visitor: Visitor, where: Where, incident: str, kind: PaperKind,
        content: bytes,
    ) -> EntryDraft:  # fmt: skip
        actor = visitor.actor
        deputy = self.pseudonym_of(actor.on_behalf) if actor.on_behalf else None
        return EntryDraft(
            id=str(uuid4()),
            stream=PAPER_STREAM,
            at=self.now(),
            who=Who(
                self.pseudonym_of(actor.id), "human", org=actor.department or None,
                on_behalf=deputy,
            ),
            act="print",
            obj=What(OBJECT, incident, doc=hashlib.sha256(content).hexdigest()),
            why=kind,
            where=EntryWhere(ip=where.ip or None, svc="web"),
        )  # fmt: skip
