"""A document in the browser: what it is, what became of it, and the file itself beside that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import quote

from starlette.responses import Response

from cases.masking import is_erased
from cases.views import DocumentView, ServiceView
from forms.act_decision import METHODS
from forms.act_reissue import GROUNDS
from forms.around import FRAMED_FILE_POLICY
from forms.case import facts_of, view_of
from forms.case_files import handed_out
from forms.case_papers import papers_of, printing
from forms.reader_ports import File
from forms.rendering import Page
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import word


@dataclass(frozen=True)
class DocumentPage(Page):
    """One document of a case."""

    template: ClassVar[str] = "document.html"

    document: Annotated[DocumentView, "The document."]
    case_no: Annotated[str, "Number of its case."]
    matter_name: Annotated[str, "What the case is about."]
    address: Annotated[str, "Address of the case."]
    erased: Annotated[bool, "Its file was erased by law."]
    alike: Annotated[tuple[DocumentView, ...], "Others of its kind in the case, the newest first."]
    papers: Annotated[frozenset[str], "Ids of the documents that this reader may open."]
    services: Annotated[tuple[ServiceView, ...], "How it was served, or what it is a record of."]
    current: Annotated[
        DocumentView | None, "The one that took its place; None: it is not replaced."
    ]
    grounds: Annotated[Mapping[str, str], "Why a document is issued again → what clerks call it."]
    documents: Annotated[tuple[DocumentView, ...], "All documents of the case, for their numbers."]
    methods: Annotated[Mapping[str, str], "Manner of service → what clerks call it."]


async def document_page(visit: Visit) -> Response:
    """Show a document. The file itself is asked for by the browser, and is an entry then."""
    facts = await facts_of(visit, "read")
    view = await view_of(visit, facts)
    wanted = visit.request.path_params["document"]
    document = next((one for one in view.documents if one.id == wanted), None)
    await visit.demand(printing(document.kind if document else ""), facts)
    if document is None:
        raise not_found(visit)
    every = (*view.served_again, *((view.service,) if view.service else ()))
    services = tuple(s for s in every if document.number == s.served or document.id == s.record)
    name = visit.say(word("document", document.kind))
    page = DocumentPage(
        title=f"{name} {document.number}",
        document=document,
        case_no=view.row.case_no,
        matter_name=view.row.matter_name,
        address=f"/cases/{quote(view.row.case_no)}",
        erased=is_erased(view.applicant),
        alike=tuple(
            one for one in reversed(view.documents)
            if one.kind == document.kind and one.id != document.id
        ),
        papers=await papers_of(visit, view, facts),
        services=services,
        current=next((d for d in view.documents if d.number == document.replaced_by), None),
        grounds={code: visit.say(words) for code, words in GROUNDS.items()},
        documents=view.documents,
        methods={code: visit.say(words) for code, words in METHODS.items()},
    )  # fmt: skip
    return await show(visit, page)


async def inline(visit: Visit) -> Response:
    """Hand a document to the browser's own viewer, as an object of our page or by itself."""
    return shown(await handed_out(visit))


def shown(found: File) -> Response:
    """Return a file that we ourselves have printed, to be shown.

    What others have handed in never comes this way: `forms.case.download`.
    """
    response = Response(found.content, media_type="application/pdf")
    name = quote(found.name, safe="")
    response.headers["content-disposition"] = f"inline; filename*=UTF-8''{name}"
    response.headers["content-security-policy"] = FRAMED_FILE_POLICY
    return response
