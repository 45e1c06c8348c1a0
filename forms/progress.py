"""公开项目进展: how the city's plan and its projects go, for everybody and without a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from starlette.responses import Response

from cases.project_public import PublicProject
from forms.lists import page_numbers
from forms.plan import NumberLine, StageLine, number_line, stage_lines
from forms.project_words import STAGES
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class ProjectLine:
    """One project as everybody may know it."""

    number: str
    title: str
    kind: str
    state: str
    stage: str
    """Name of the stage that it is in; empty: nothing is left to reach."""
    planned: int
    achieved: int
    milestones: int
    next_on: date | None


@dataclass(frozen=True)
class ProgressPage(Page):
    """The plan's numbers, stages and the year's counts, for everybody."""

    template: ClassVar[str] = "progress.html"

    lines: Annotated[tuple[NumberLine, ...], "Every number, in the plan's order."]
    stages: Annotated[tuple[StageLine, ...], "The programme."]
    statistics: Annotated[Mapping[str, int], "Counts of the running year."]
    article: Annotated[str, "The article that makes them public."]
    projects: Annotated[tuple[ProjectLine, ...], "One page of the city's projects."]
    total: Annotated[int, "How many projects there are."]
    pages: Annotated[tuple[int, ...], "Page numbers to link; 0 stands for a gap."]
    page: Annotated[int, "Number of this page of projects."]
    links: Annotated[Mapping[str, str], "Name of a link → its address."]


async def progress(visit: Visit) -> Response:
    """The page for everybody; what it shows is counted anew every half minute at most."""
    visit.slow_down("questions")
    ports = visit.ports.plan
    lines = tuple(number_line(visit, one) for one in await visit.ask(ports.lines))
    asked = visit.request.query_params.get("page", "1")
    page = int(asked) if asked.isdecimal() and len(asked) < 7 else 1
    found = await visit.ask(ports.public_projects, page)
    numbers = tuple(page_numbers(found.page, found.pages)) if found.pages > 1 else ()
    return await show(
        visit,
        ProgressPage(
            title=visit.say(N_("智慧城市建设进展")),
            lines=lines,
            stages=stage_lines(visit, lines, await visit.ask(ports.running)),
            statistics=await visit.ask(ports.statistics),
            article=visit.ports.catalogue.cited("CSFA-119"),
            projects=tuple(_project(visit, one) for one in found.projects),
            total=found.total,
            pages=numbers,
            page=found.page,
            links={f"page:{n}": "/progress?" + urlencode({"page": n}) for n in numbers if n},
        ),
    )


def _project(visit: Visit, one: PublicProject) -> ProjectLine:
    template = visit.ports.projects.templates.get(one.template)
    stages = () if template is None else template.stages
    names = {each.id: each.en if visit.language == "en" else each.zh for each in stages}
    return ProjectLine(
        one.number, one.title,
        one.template if template is None else template.title_in(visit.language),
        visit.say(STAGES[one.state]), names.get(one.stage, ""), one.planned, one.achieved,
        one.milestones, one.next_on,
    )  # fmt: skip
