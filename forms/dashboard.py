"""领导小组一览: projects, money, what is overdue, risks; each leads to its own page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar

from markupsafe import Markup
from starlette.responses import Response

from cases.charts import Bar, bars
from cases.fund import FUND_READ
from cases.fund import OBJECT as FUND
from cases.payments import yuan
from cases.project_lists import MilestoneRow, ProjectRow
from forms.access_ports import Thing
from forms.case import download
from forms.plan import NumberLine, number_line
from forms.project_list import page_of
from forms.project_ports import Dashboard
from forms.project_words import SHADES, SLIPPAGES
from forms.rendering import Page
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class DueLine:
    """A milestone of a project."""

    project: ProjectRow
    milestone: MilestoneRow
    days: int
    """Calendar days past its planned day; less than 0: still to come."""


@dataclass(frozen=True)
class DashboardPage(Page):
    """The leading group's first look."""

    template: ClassVar[str] = "dashboard.html"

    board: Annotated[Dashboard, "What stands on it."]
    lights: Annotated[
        Sequence[tuple[str, str, int, str]], "Class of lateness, word, how many, address."
    ]
    shades: Annotated[Mapping[str, str], "Class of lateness → its pill."]
    overdue: Annotated[Sequence[DueLine], "Planned before today, not reached."]
    coming: Annotated[Sequence[DueLine], "Planned within thirty days."]
    money: Annotated[Markup, "The fund as bars."]
    numbers: Annotated[Sequence[NumberLine], "The plan's numbers; empty: not for this reader."]
    quarters: Annotated[Sequence[str], "Quarters of which there is a report, the newest first."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    fund_url: Annotated[str, "Where the fund's money stands; empty: not for this reader."]


async def dashboard(visit: Visit) -> Response:
    """The page."""
    await visit.demand("list", "project")
    board = await visit.ask(visit.ports.projects.dashboard, visit.actor, page_of(visit))
    visit.saw_rows(len(board.overdue) + len(board.coming) + len(board.risks))
    funded = await visit.ask(visit.ports.access.may, visit.actor, FUND_READ, Thing(FUND))
    shown = DashboardPage(
        title=visit.say(N_("领导小组一览")),
        board=board,
        lights=[
            (key, visit.say(word), board.slippages.get(key, 0), f"/projects?slippage={key}")
            for key, word in SLIPPAGES.items()
        ],
        shades=SHADES,
        overdue=[_line(one, board.today) for one in board.overdue],
        coming=[_line(one, board.today) for one in board.coming],
        money=Markup(fund_bars(board, visit.say(N_("基金")), visit.say(N_("下达的指标")),  # noqa: S704 -- our own SVG, words escaped
                               visit.say(N_("已付")), visit.say(N_("已使用")))),
        numbers=await _numbers(visit),
        quarters=visit.ports.project_reports.latest(),
        departments=visit.ports.catalogue.departments(visit.language),
        fund_url="/fund" if funded.allowed else "",
    )  # fmt: skip
    return await show(visit, shown)


async def _numbers(visit: Visit) -> list[NumberLine]:
    """Return the plan's numbers, the red ones first, to whoever may read them."""
    if not (await visit.ask(visit.ports.access.may, visit.actor, "plan_read", "plan")).allowed:
        return []
    found = await visit.ask(visit.ports.plan.lines)
    order = ("red", "yellow", "grey", "green")
    ordered = sorted(found, key=lambda one: order.index(one.standing.light))
    return [number_line(visit, one) for one in ordered]


async def report(visit: Visit) -> Response:
    """Hand out the report of a quarter as PDF; its entry comes first."""
    await visit.demand("list", "project")
    quarter = visit.request.query_params.get("quarter", "")
    if quarter not in visit.ports.project_reports.latest():
        raise not_found(visit)
    make = visit.ports.project_reports.report
    return download(await visit.ask(make, visit.who, visit.where, quarter))


def _line(one: tuple[ProjectRow, MilestoneRow], today: date) -> DueLine:
    return DueLine(one[0], one[1], (today - one[1].plan_on).days)


def fund_bars(board: Dashboard, limit: str, allotted: str, paid: str, used: str) -> str:
    """Return the fund as bars: its size, 指标, 拨付, 使用; the sums stand as words beside them."""
    sums = (
        (limit, board.limit_fen), (allotted, board.fund.allotted_fen),
        (paid, board.fund.paid_fen), (used, board.fund.used_fen),
    )  # fmt: skip
    # Whole yuan are exact enough for a length.
    return bars([Bar(name, [fen // 100], yuan(fen)) for name, fen in sums], label_width=80)
