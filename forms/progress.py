"""公开项目进展: how the city's plan goes, for everybody and without a session. Counts alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from starlette.responses import Response

from forms.plan import NumberLine, StageLine, number_line, stage_lines
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class ProgressPage(Page):
    """The plan's numbers, stages and the year's counts, for everybody."""

    template: ClassVar[str] = "progress.html"

    lines: Annotated[tuple[NumberLine, ...], "Every number, in the plan's order."]
    stages: Annotated[tuple[StageLine, ...], "The programme."]
    statistics: Annotated[Mapping[str, int], "Counts of the running year."]
    article: Annotated[str, "The article that makes them public."]


async def progress(visit: Visit) -> Response:
    """The page for everybody; what it shows is counted anew every half minute at most."""
    visit.slow_down("questions")
    lines = tuple(number_line(visit, one) for one in await visit.ask(visit.ports.plan.lines))
    return await show(
        visit,
        ProgressPage(
            title=visit.say(N_("智慧城市建设进展")),
            lines=lines,
            stages=stage_lines(visit, lines),
            statistics=await visit.ask(visit.ports.plan.statistics),
            article=visit.ports.catalogue.cited("CSFA-119"),
        ),
    )
