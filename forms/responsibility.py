"""责任清单: who is sent to which kind of incident in a street, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from starlette.responses import Response

from forms.rendering import Page
from forms.responsibility_ports import ShownLesson, ShownRoute
from forms.routing_words import why_sent
from forms.showing import show
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class ResponsibilityPage(Page):
    """The table of one street."""

    template: ClassVar[str] = "responsibility.html"

    routes: Annotated[Sequence[ShownRoute], "Every kind, with who is sent and why."]
    lessons: Annotated[Sequence[ShownLesson], "What rulings taught, the newest first."]
    streets: Annotated[Sequence[tuple[str, str, bool]], "Address, name, whether it is chosen."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    cited: Annotated[Mapping[str, str], "Article → how it is cited."]
    english: Annotated[bool, "Kinds are named in English."]


async def responsibility(visit: Visit) -> Response:
    """The table as it stands for one street, or for a place that nobody knows."""
    table = visit.ports.responsibility
    known = await visit.ask(table.streets)
    asked = visit.request.query_params.get("street", "")
    street = asked if asked in known else ""
    routes: Sequence[ShownRoute] = await visit.ask(table.routes, street)
    departments = visit.ports.catalogue.departments(visit.language)
    choices = [("/responsibility", visit.say(N_("地点不明")), not street)]
    choices += [
        (f"/responsibility?street={one}", departments.get(one, one), one == street) for one in known
    ]
    bases = {one.basis for route in routes for one in route.routed}
    return await show(
        visit,
        ResponsibilityPage(
            title=visit.say(N_("责任清单")),
            routes=tuple(
                replace(one, routed=tuple(replace(r, why=why_sent(visit, r)) for r in one.routed))
                for one in routes
            ),
            lessons=await visit.ask(table.lessons),
            streets=choices,
            departments=departments,
            cited={one: visit.ports.catalogue.cited(one) for one in sorted(bases)},
            english=visit.language == "en",
        ),
    )
