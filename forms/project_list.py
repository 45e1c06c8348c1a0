"""项目: the list with its filters in the address, and the same as a spreadsheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar, Final
from urllib.parse import quote, urlencode

from starlette.responses import Response

from cases.project_lists import Filters, ProjectRow
from forms.fields import Option
from forms.lists import page_numbers
from forms.project_ports import NO_MONEY, Money, ProjectList
from forms.project_words import REGIMES, SHADES, SLIPPAGES, STAGES
from forms.rendering import Page
from forms.showing import show
from forms.spreadsheet import MEDIA, Cell, Fen, Sheet, workbook
from forms.visit import Visit
from forms.words import N_

PER_PAGE: Final = 25
MOST: Final = 2_000
"""Lines of one spreadsheet, as of the list of cases."""
LONGEST: Final = 80
"""Characters that are searched for, at most."""


@dataclass(frozen=True)
class ProjectsPage(Page):
    """The projects that one may see."""

    template: ClassVar[str] = "projects.html"

    found: Annotated[ProjectList, "One page of them."]
    given: Annotated[Mapping[str, str], "Filters as they stand in the address."]
    choices: Annotated[
        Sequence[tuple[str, str, Sequence[Option]]], "Filter, its label, what may be chosen."
    ]
    lights: Annotated[
        Sequence[tuple[str, str, int, str]], "Class of lateness, word, how many, address."
    ]
    slippages: Annotated[Mapping[str, str], "Class of lateness → word."]
    shades: Annotated[Mapping[str, str], "Class of lateness → its pill."]
    stages: Annotated[Mapping[str, str], "Stage → word."]
    regimes: Annotated[Mapping[str, str], "Regime → word."]
    templates: Annotated[Mapping[str, str], "Template → name."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    no_money: Annotated[Money, "What stands where the fund has nothing of a project."]
    links: Annotated[Mapping[str, str], "Addresses: clear, xlsx, previous, next, page:N."]
    numbers: Annotated[Sequence[int], "Pages to choose; 0: some are left out."]
    may_establish: Annotated[bool, "May open a project."]


async def listing(visit: Visit) -> Response:
    """The list."""
    await visit.demand("list", "project")
    filters, page = filters_of(visit), page_of(visit)
    ports = visit.ports.projects
    found = await visit.ask(ports.listing, visit.actor, filters, page, PER_PAGE)
    visit.saw_rows(len(found.rows))
    say = visit.say
    given = _given(filters)
    departments = visit.ports.catalogue.departments(visit.language)
    templates = {key: one.title_in(visit.language) for key, one in ports.templates.items()}
    establish = await visit.ask(visit.ports.access.may, visit.actor, "establish", "project")
    words = {key: say(word) for key, word in SLIPPAGES.items()}
    shown = ProjectsPage(
        title=say(N_("项目")),
        found=found,
        given=given,
        choices=(
            ("regime", say(N_("适用制度")), _options(REGIMES, visit)),
            ("template", say(N_("模板")), [Option(k, v) for k, v in templates.items()]),
            ("department", say(N_("实施机构")), [Option(k, v) for k, v in departments.items()]),
            ("stage", say(N_("阶段")), _options(STAGES, visit)),
        ),
        lights=[
            (key, word, found.slippages.get(key, 0), _address(given | {"slippage": key}))
            for key, word in words.items()
        ],
        slippages=words,
        shades=SHADES,
        stages={key: say(word) for key, word in STAGES.items()},
        regimes={key: say(word) for key, word in REGIMES.items()},
        templates=templates,
        departments=departments,
        no_money=NO_MONEY,
        links=_links(given, found),
        numbers=page_numbers(found.page, found.pages),
        may_establish=establish.allowed,
    )
    return await show(visit, shown)


def _options(words: Mapping[str, str], visit: Visit) -> list[Option]:
    return [Option(key, visit.say(word)) for key, word in words.items()]


def filters_of(visit: Visit) -> Filters:
    """Return the filters that stand in the address; what is no choice is left out."""
    query = visit.request.query_params
    found = Filters(
        text=query.get("text", "").strip()[:LONGEST],
        template=query.get("template", "")[:64],
        department=query.get("department", "")[:64],
    )
    if query.get("regime") in REGIMES:
        found = replace(found, regime=query["regime"])
    if query.get("stage") in STAGES:
        found = replace(found, stage=query["stage"])
    for key in SLIPPAGES:
        if query.get("slippage") == key:
            found = replace(found, slippage=key)  # type: ignore[arg-type]  # the keys are the classes
    return found


def page_of(visit: Visit) -> int:
    """Return the page asked for, from 1."""
    asked = visit.request.query_params.get("page", "1")
    return max(1, int(asked)) if asked.isdecimal() and len(asked) < 6 else 1


def _given(filters: Filters) -> dict[str, str]:
    names = ("text", "regime", "template", "department", "stage", "slippage")
    return {name: str(getattr(filters, name)) for name in names}


def _address(given: Mapping[str, str], path: str = "/projects") -> str:
    said = urlencode({name: value for name, value in given.items() if value})
    return f"{path}?{said}" if said else path


def _links(given: Mapping[str, str], found: ProjectList) -> dict[str, str]:
    def at(page: int) -> str:
        return _address({**given, "page": str(page) if page > 1 else ""})

    links = {
        "clear": "/projects",
        "xlsx": _address(given, "/projects.xlsx"),
        "previous": at(found.page - 1) if found.page > 1 else "",
        "next": at(found.page + 1) if found.page < found.pages else "",
    }
    links |= {f"page:{n}": at(n) for n in page_numbers(found.page, found.pages) if n}
    return links


# --- as a spreadsheet ----------------------------------------------------------------------------

HEAD: Final = (
    N_("编号"), N_("项目"), N_("适用制度"), N_("模板"), N_("实施机构"), N_("运营方"), N_("阶段"),
    N_("进度"), N_("里程碑"), N_("已完成"), N_("下一里程碑"), N_("计划日期"), N_("概算（元）"),
    N_("总投资（元）"), N_("指标（元）"), N_("已付（元）"), N_("高风险"), N_("到期"),
)  # fmt: skip


async def exported(visit: Visit) -> Response:
    """Hand out the list whose filters stand in the address; the entry says how many and which."""
    await visit.demand("list", "project")
    filters = filters_of(visit)
    found = await visit.ask(visit.ports.projects.listing, visit.actor, filters, 1, MOST)
    said = [f"{name}={value}" for name, value in _given(filters).items()
            if value and name != "text"]  # fmt: skip
    visit.saw(id="&".join(said)[:200] or "-", lines=len(found.rows))
    at = datetime.now(visit.zone)
    above = visit.say(N_("{who} 于 {at} 导出，共 {n} 行（全部 {all} 行）")).format(
        who=f"{visit.who.name} {visit.actor.id}", at=at.strftime("%Y-%m-%d %H:%M"),
        n=len(found.rows), all=found.total,
    )  # fmt: skip
    name = visit.say(N_("项目"))
    head = [visit.say(one) for one in HEAD]
    departments = visit.ports.catalogue.departments(visit.language)
    templates = visit.ports.projects.templates
    names = {key: one.title_in(visit.language) for key, one in templates.items()}
    rows = [_line(visit, row, departments, names, found.money) for row in found.rows]
    content = workbook([Sheet(name, head, rows, (above,))], at, visit.zone)
    return spreadsheet(f"{name}{at:%Y%m%d}.xlsx", content)


def spreadsheet(name: str, content: bytes) -> Response:
    """Return a file as an answer that is saved."""
    response = Response(content, media_type=MEDIA)
    response.headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return response


def _line(
    visit: Visit, row: ProjectRow, departments: Mapping[str, str], templates: Mapping[str, str],
    money: Mapping[str, Money],
) -> list[Cell]:  # fmt: skip
    own = money.get(row.id, NO_MONEY)
    return [
        row.number, row.title, visit.say(REGIMES.get(row.regime, row.regime)),
        templates.get(row.template, row.template),
        departments.get(row.department, row.department),
        departments.get(row.operator, row.operator), visit.say(STAGES.get(row.stage, row.stage)),
        visit.say(SLIPPAGES[row.slippage]), row.milestones, row.achieved,
        visit.say(row.next_title or "—"), row.next_on, Fen(row.estimate_fen), Fen(row.total_fen),
        Fen(own.allotted_fen), Fen(own.paid_fen), row.high_risks, row.ends_on,
    ]  # fmt: skip
