"""Which documents of a case somebody may open, and the articles that its page cites."""

from __future__ import annotations

from cases.facts import CaseFacts
from cases.views import CaseView
from catalogue.matters import SUPERVISION_PAPERS
from forms.visit import Visit


def printing(kind: str) -> str:
    """Return the act by which a document is opened: who supervises sees no applicant's papers,
    and an applicant not those of the supervision."""
    return "print_card" if kind in SUPERVISION_PAPERS else "print"


async def papers_of(visit: Visit, view: CaseView, facts: CaseFacts) -> frozenset[str]:
    """Return the ids of the documents that the visitor may open."""
    acts = {printing(d.kind) for d in view.documents}
    may = {
        a for a in acts if (await visit.ask(visit.ports.access.may, visit.actor, a, facts)).allowed
    }
    return frozenset(d.id for d in view.documents if printing(d.kind) in may)
