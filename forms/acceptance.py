"""受理先后: who was accepted first, without a tie, and where the log proves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from starlette.responses import Response

from cases.views import Order
from forms.fields import Option
from forms.lists import page_numbers
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class AcceptancePage(Page):
    """The accepted applications for one matter, in the order that the law decides by."""

    template: ClassVar[str] = "acceptance.html"

    order: Annotated[Order | None, "The page of the order; None: no matter is chosen yet."]
    matter: Annotated[str, "Code of the matter chosen, or nothing."]
    matters: Annotated[tuple[Option, ...], "Matters to choose from."]
    article: Annotated[str, "The article by which the order decides, where it does."]
    pages: Annotated[tuple[int, ...], "Page numbers to link; 0 stands for a gap."]
    links: Annotated[Mapping[str, str], "Name of a link → its address."]


async def acceptance(visit: Visit) -> Response:
    """Show the last page first asked for: nothing is chosen until the reader does."""
    await visit.demand("list", "case")
    given = visit.request.query_params
    known = {one.code: one for one in visit.ports.catalogue.matters()}
    matter = given.get("matter", "")
    matter = matter if matter in known else ""
    number = given.get("page", "")
    page = int(number) if number.isdecimal() and len(number) < 9 else 1
    order = (
        await visit.ask(visit.ports.reader.acceptance, visit.actor, matter, page)
        if matter
        else None
    )
    visit.saw_rows(len(order.places) if order else 0)
    scarce = known[matter].scarcity if matter else None
    numbers = page_numbers(order.page, order.pages) if order else ()
    return await show(
        visit,
        AcceptancePage(
            title=visit.say(N_("受理先后")),
            order=order,
            matter=matter,
            matters=tuple(
                Option(code, one.name_en if visit.language == "en" else one.name)
                for code, one in known.items()
            ),
            article=visit.ports.catalogue.cited(scarce.basis)
            if scarce and scarce.by_acceptance
            else "",
            pages=tuple(numbers),
            links={
                f"page:{n}": "/acceptance?" + urlencode({"matter": matter, "page": n})
                for n in numbers
                if n
            },
        ),
    )
