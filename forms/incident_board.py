"""The board of open incidents: list, map, figures; and the own unit's list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from cases.incident_lists import Filters
from forms.fields import Option
from forms.incident_lines import Line, Scene, Spot, counter_words, line_of, spot_of, spot_svg
from forms.incident_ports import MARKS, BoardView
from forms.incident_words import DOMAINS, KEYS, LEVELS, STAGES, VERBS
from forms.lists import page_numbers
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

SIZES = (25, 50, 100)
"""Lines of one page: of 2,000 open incidents a browser holds a hundred lines at most."""

ENDED = ("closed", "archived", "unfounded", "merged")


@dataclass(frozen=True)
class Asked:
    """What the address asks for."""

    filters: Filters
    page: int
    size: int
    given: Mapping[str, str]
    """The filters as the form shows them again."""


@dataclass(frozen=True)
class BoardPage(Page):
    """All night's work on one page."""

    template: ClassVar[str] = "incidents.html"

    lines: Annotated[tuple[Line, ...], "The incidents of this page, red first."]
    spots: Annotated[tuple[tuple[Spot, str], ...], "Every mark of the map, with its SVG."]
    cells: Annotated[Sequence[tuple[str, str, str]], "Path, district, name of each cell."]
    borders: Annotated[Sequence[str], "Paths of the districts' borders."]
    view_box: Annotated[str, "Of the map."]
    figures: Annotated[Sequence[tuple[str, str, int, str]], "Name, words, count, address."]
    given: Annotated[Mapping[str, str], "The filters in force."]
    levels: Annotated[tuple[Option, ...], "Levels to filter by."]
    kinds: Annotated[tuple[Option, ...], "Types to filter by."]
    domains: Annotated[tuple[Option, ...], "Domains to filter by."]
    districts: Annotated[tuple[Option, ...], "Districts to filter by."]
    stages: Annotated[tuple[Option, ...], "Stages to filter by."]
    filtered: Annotated[bool, "Some filter is on."]
    links: Annotated[Mapping[str, str], "Name of a link → address."]
    sizes: Annotated[tuple[int, ...], "Lines of a page to choose from."]
    size: Annotated[int, "The one in force."]
    page: Annotated[int, "Number of the page, from 1."]
    pages: Annotated[tuple[int, ...], "Page numbers to link; 0 stands for a gap."]
    total: Annotated[int, "How many the filters leave."]
    counts: Annotated[Sequence[tuple[str, float, float, str]], "Cell, where, its number."]
    names: Annotated[Sequence[tuple[str, float, float]], "Name of each district, and where."]
    crowded: Annotated[bool, "There are more than the map marks one by one."]
    marks: Annotated[int, "How many the map marks at most."]
    stream: Annotated[str, "Address of the live changes after what is shown."]
    keys: Annotated[Sequence[tuple[str, str]], "Key and what it does, of this reader's acts."]
    mine: Annotated[bool, "The own unit's list."]
    may_report: Annotated[bool, "The reader may report an incident by hand."]


def asked(visit: Visit, department: str = "") -> Asked:
    """Return what the address asks for; what cannot be read is left out."""
    query = visit.request.query_params

    def one(name: str, known: Mapping[str, object]) -> str:
        value = query.get(name, "")
        return value if value and value in known else ""

    grid = visit.ports.incidents.grid
    given = {
        "level": one("level", LEVELS),
        "type": one("type", visit.ports.incidents.kinds),
        "domain": one("domain", DOMAINS),
        "district": one("district", grid.district_by_code),
        "stage": one("stage", STAGES),
        "only": one("only", {"ungraded": 1, "unsent": 1, "unsigned": 1, "late": 1}),
    }
    stages: tuple[str, ...] = (given["stage"],) if given["stage"] else ()
    only = given["only"]
    filters = Filters(
        levels=_some(given["level"]), types=_some(given["type"]), domains=_some(given["domain"]),
        districts=_some(given["district"]), stages=stages, department=department,
        ungraded=only == "ungraded", unsent=only == "unsent", unsigned=only == "unsigned",
        late=only == "late", include_over=given["stage"] in ENDED,
    )  # fmt: skip
    size = _number(query.get("size", ""), 50)
    return Asked(filters, _number(query.get("page", ""), 1), size if size in SIZES else 50, given)


def _some(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _number(text: str, otherwise: int) -> int:
    return max(1, int(text)) if text.isdecimal() and len(text) < 6 else otherwise


async def scene_of(visit: Visit) -> Scene:
    """Return what the lines of this reader's board depend on."""
    verbs = set()
    for verb in KEYS:
        if (await visit.ask(visit.ports.access.may, visit.actor, verb, "incident")).allowed:
            verbs.add(verb)
    own = {one.department for one in visit.actor.grants if one.role == "unit_duty"}
    departments = visit.ports.catalogue.departments(visit.language)
    own = set(departments) if "*" in own else own
    return Scene(visit, departments, frozenset(verbs), frozenset(own))


async def board_of(visit: Visit, wanted: Asked) -> BoardView:
    return await visit.ask(
        visit.ports.incidents.board, visit.actor, wanted.filters, wanted.page, wanted.size
    )


async def board(visit: Visit) -> Response:
    """Every open incident that I may see."""
    return await _board(visit, "")


async def unit(visit: Visit) -> Response:
    """What my unit was sent to."""
    own = next((g.department for g in visit.actor.grants if g.role == "unit_duty"), "")
    own = visit.actor.department if own == "*" else own
    if not own:
        return RedirectResponse("/incidents", 303)
    return await _board(visit, own)


async def _board(visit: Visit, department: str) -> Response:
    wanted = asked(visit, department)
    view, scene = await board_of(visit, wanted), await scene_of(visit)
    visit.saw_rows(len(view.window))
    say, path = visit.say, visit.request.url.path
    grid = visit.ports.incidents.grid
    links = _links(path, wanted, view)
    may = await visit.ask(visit.ports.access.may, visit.actor, "report", "incident")
    page = BoardPage(
        title=say(N_("本单位的派单")) if department else say(N_("突发事件")),
        lines=tuple(line_of(scene, row, view.units.get(row.id, ())) for row in view.window),
        spots=tuple((one, spot_svg(one)) for one in spots_of(visit, view)),
        cells=[
            (path_of, cell.district, cell.named(visit.language == "en"))
            for cell, path_of in grid.shapes
        ],
        borders=[one for _, one in grid.borders],
        view_box=grid.view_box,
        figures=figures_of(visit, view),
        given=wanted.given,
        levels=tuple(Option(code, say(words)) for code, words in LEVELS.items() if code),
        kinds=tuple(
            Option(one.code, one.english if visit.language == "en" else one.name)
            for one in visit.ports.incidents.kinds.values()
        ),
        domains=tuple(Option(code, say(words)) for code, words in DOMAINS.items()),
        districts=tuple(
            Option(one.code, one.name_en if visit.language == "en" else one.name)
            for one in grid.districts
        ),
        stages=tuple(
            Option(code, say(words), str(view.counters.by_stage.get(code, "")))
            for code, words in STAGES.items()
        ),
        filtered=any(wanted.given.values()),
        links=links,
        sizes=SIZES,
        size=wanted.size,
        page=view.page,
        pages=page_numbers(view.page, view.pages),
        total=view.total,
        counts=counts_of(visit, view),
        names=district_names(visit),
        crowded=view.total > MARKS,
        marks=MARKS,
        stream=links["stream"],
        keys=[(KEYS[verb], say(VERBS[verb])) for verb in KEYS if verb in scene.verbs],
        mine=bool(department),
        may_report=may.allowed,
    )
    return await show(visit, page)


def spots_of(visit: Visit, view: BoardView) -> list[Spot]:
    """Return the marks, the gravest last: it is drawn above the others."""
    grid = visit.ports.incidents.grid
    found = [spot_of(visit, grid, row) for row in reversed(view.marked)]
    return [one for one in found if one is not None]


def counts_of(visit: Visit, view: BoardView) -> Sequence[tuple[str, float, float, str]]:
    """Return for each cell where its number stands, and the number; empty where nothing is."""
    grid = visit.ports.incidents.grid
    found = []
    for cell in grid.cells:
        x, y = grid.spot(*cell.centre)
        count = view.cells.get(cell.id, 0)
        found.append((cell.id, x + 14, y - 10, str(count) if count > 1 else ""))
    return found


def district_names(visit: Visit) -> Sequence[tuple[str, float, float]]:
    """Return each district's name and the middle of its cells, in the map's units."""
    grid = visit.ports.incidents.grid
    found = []
    for one in grid.districts:
        spots = [grid.spot(*cell.centre) for cell in grid.cells if cell.district == one.code]
        x = sum(spot[0] for spot in spots) / len(spots)
        y = sum(spot[1] for spot in spots) / len(spots)
        name = one.name_en if visit.language == "en" else one.name
        found.append((name, round(x, 1), round(y, 1)))
    return found


def figures_of(visit: Visit, view: BoardView) -> Sequence[tuple[str, str, int, str]]:
    """Return the strip: name, words, count, and the list that it counts."""
    only = {
        "open": "", "red": "level=red", "ungraded": "only=ungraded", "unsent": "only=unsent",
        "unsigned": "only=unsigned", "late": "only=late",
    }  # fmt: skip
    path = visit.request.url.path.removesuffix("/changes")
    return [
        (name, words, getattr(view.counters, name), f"{path}?{only[name]}".removesuffix("?"))
        for name, words in counter_words(visit).items()
    ]


def _links(path: str, wanted: Asked, view: BoardView) -> dict[str, str]:
    def at(**changes: object) -> str:
        values = {**wanted.given, "size": wanted.size if wanted.size != 50 else "", **changes}
        said = {name: value for name, value in values.items() if value}
        return path + (f"?{urlencode(said)}" if said else "")

    here = at(page=view.page if view.page > 1 else "")
    links = {f"size:{size}": at(size=size) for size in SIZES}
    links |= {f"page:{n}": at(page=n) for n in page_numbers(view.page, view.pages) if n}
    links["previous"] = at(page=view.page - 1) if view.page > 1 else ""
    links["next"] = at(page=view.page + 1) if view.page < view.pages else ""
    links["clear"] = path
    query = here.partition("?")[2]
    links["stream"] = f"{path}/changes?" + (f"{query}&" if query else "") + f"after={view.change}"
    return links
