"""The census of timers, for who keeps the clock honest: 0/0, or each case by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from starlette.responses import Response

from cases.census_view import CensusView
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class CensusPage(Page):
    """Counts, cases, lateness, and when it was last looked."""

    template: ClassVar[str] = "census.html"

    census: Annotated[CensusView, "What the census says at this moment."]
    linked: Annotated[bool, "Whether the reader may open cases: their numbers are links then."]


async def census(visit: Visit) -> Response:
    view = await visit.ask(visit.ports.census.view, visit.actor)
    linked = (await visit.ask(visit.ports.access.may, visit.actor, "list", "case")).allowed
    return await show(visit, CensusPage(visit.say(N_("定时器对账")), view, linked))
