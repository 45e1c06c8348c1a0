"""Pages for supervisors: the board, the list of running clocks, the month as CSV and as PDF."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, ClassVar
from urllib.parse import quote

from markupsafe import Markup
from starlette.responses import Response

from cases.boards import Board, BoardQuery, WatchQuery
from cases.clocks.attribution import RULE
from cases.metrics import Group
from cases.months import NoMonth
from cases.oversight import Watch
from forms.board_query import WATCHES, board_query, months_offered
from forms.case import download
from forms.drilling import drill_url
from forms.fields import Option
from forms.lists import page_numbers
from forms.live_supervision import OLD_SECONDS, drawn, shown_of
from forms.oversight import (
    ClockRow,
    DepartmentRow,
    Figure,
    ForecastRow,
    GroupRow,
    Names,
    ShareText,
    address,
    clock_row,
    departments_of,
    figures_of,
    forecast_of,
    matters_of,
    outside_of,
    trend_of,
    volume_of,
)
from forms.rendering import Page
from forms.showing import show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_, timer_word

SUPERVISE = ("supervise", "supervision")
REPORT = ("report", "supervision")
ROWS = 50
CLOCKS = ("promised", "statutory", "step", "notice", "delivery", "rectify", "check")

WATCH_WORDS: Mapping[Watch, str] = {
    "": N_("全部在走"),
    "warning": N_("预警"),
    "overdue": N_("超期"),
    "standing": N_("停表"),
    "provisional": N_("到期暂定"),
}


@dataclass(frozen=True)
class BoardPage(Page):
    """The board of supervision."""

    template: ClassVar[str] = "supervision.html"

    board: Annotated[Board, "What was counted, and the query that asked for it."]
    running: Annotated[Markup, "What runs late and soon will."]
    at: Annotated[datetime, "When that was read."]
    stream: Annotated[str, "Address of what comes after."]
    old_seconds: Annotated[int, "After so long without news it is old."]
    figures: Annotated[tuple[Figure, ...], "Every metric, this span and the one before."]
    links: Annotated[Mapping[str, str], "Name → address: other boards, CSV, report."]
    forecast: Annotated[tuple[ForecastRow, ...], "Who is about to breach."]
    departments: Annotated[tuple[DepartmentRow, ...], "Departments compared."]
    outside: Annotated[tuple[ShareText, ...], "What applicants and procedures used."]
    matters: Annotated[tuple[GroupRow, ...], "Matters compared."]
    trend: Annotated[Markup, "Timeliness over the months, as a picture."]
    volume: Annotated[Markup, "Cases received and closed, as a picture."]
    months: Annotated[tuple[str, ...], "Months to choose from, the newest first."]
    matter_options: Annotated[tuple[Option, ...], "Matters to choose from."]
    department_options: Annotated[tuple[Option, ...], "Departments to choose from."]
    may_report: Annotated[bool, "The reader may make the monthly report."]
    rule: Annotated[str, "Id of the rule by which time is divided."]


@dataclass(frozen=True)
class WatchPage(Page):
    """Running clocks, due soonest first."""

    template: ClassVar[str] = "watch.html"

    query: Annotated[WatchQuery, "The filters in force."]
    rows: Annotated[tuple[ClockRow, ...], "The lines of this page."]
    total: Annotated[int, "How many there are."]
    cases: Annotated[int | None, "How many cases they belong to; None with clocks of one kind."]
    watches: Annotated[tuple[Option, ...], "States of watch to choose from."]
    clocks: Annotated[tuple[Option, ...], "Clocks to choose from."]
    matter_options: Annotated[tuple[Option, ...], "Matters to choose from."]
    department_options: Annotated[tuple[Option, ...], "Departments to choose from."]
    pages: Annotated[tuple[int, ...], "Page numbers to link; 0 stands for a gap."]
    links: Annotated[Mapping[str, str], "Name of a link → its address."]
    rule: Annotated[str, "Id of the rule by which time is divided."]


# --- the board -----------------------------------------------------------------------------------


async def board(visit: Visit) -> Response:
    query = board_query(visit)
    found = await _board(visit, query)
    visit.saw_rows(len(found.overdue) + len(found.warning))
    verdict = await visit.ask(visit.ports.access.may, visit.actor, *REPORT)
    names = Names(visit)
    now = await shown_of(visit, query, found)
    page = BoardPage(
        title=visit.say(N_("监察看板")),
        board=found,
        running=drawn(visit, now),
        at=now.at,
        stream=address("/supervision/changes", **_span(query), **_own(query)),
        old_seconds=OLD_SECONDS,
        figures=tuple(figures_of(visit, found, lambda count: drill_url(count, query))),
        links=_links(query),
        forecast=tuple(forecast_of(visit, names, found)),
        departments=tuple(departments_of(visit, names, found, partial(_of_department, query))),
        outside=tuple(outside_of(names, found)),
        matters=tuple(
            matters_of(
                visit, names, found, lambda count, code: drill_url(count, query, matter=code)
            )
        ),
        trend=Markup(trend_of(visit, found.months)),  # noqa: S704 -- our own SVG, words escaped
        volume=Markup(volume_of(visit, found.months)),  # noqa: S704
        months=tuple(months_offered(visit)),
        matter_options=names.matter_options,
        department_options=names.department_options,
        may_report=verdict.allowed,
        rule=RULE,
    )
    return await show(visit, page)


def _of_department(query: BoardQuery, count: str, code: str) -> str:
    """Return where a department's count leads: its own cases, or its steps and cards in any."""
    if count == "closed":
        return drill_url(count, query, department=code)
    return drill_url(count, query, duty=code)


async def _board(visit: Visit, query: BoardQuery) -> Board:
    try:
        return await visit.ask(visit.ports.supervision.board, visit.actor, query)
    except NoMonth as wrong:
        raise Stop(404, visit.told(str(wrong)), "no_month") from wrong


def _links(query: BoardQuery) -> Mapping[str, str]:
    own, span = _own(query), _span(query)
    return {
        "process": address("/process", sort=query.matter, department=query.department, **span),
        "departments": address("/supervision/departments", **span, matter=query.matter),
        "refusals": address("/supervision/refusals", **span),
        "shares": address("/supervision/shares", **span, **own),
        "csv": address("/supervision.csv", **span, **own),
        "report": f"/supervision/report/{query.last}",
        "clear": "/supervision",
    }


def _own(query: BoardQuery) -> Mapping[str, str]:
    return {"matter": query.matter, "department": query.department}


def _span(query: BoardQuery) -> Mapping[str, str]:
    return {"from": query.first, "until": query.last}


# --- running clocks ------------------------------------------------------------------------------


async def watch(visit: Visit) -> Response:
    """The list of running clocks, with whose time each has been."""
    query = _watch_query(visit)
    rows, total = await visit.ask(visit.ports.supervision.watched, visit.actor, query, ROWS)
    visit.saw_rows(len(rows))
    names = Names(visit)
    last = max(1, -(-total // ROWS))
    page = WatchPage(
        title=visit.say(WATCH_WORDS[query.watch]),
        query=query,
        rows=tuple(clock_row(visit, names, one) for one in rows),
        total=total,
        cases=await _cases_of(visit, query),
        watches=tuple(Option(one, visit.say(WATCH_WORDS[one])) for one in WATCHES),
        clocks=tuple(Option(one, visit.say(timer_word(one))) for one in CLOCKS),
        matter_options=names.matter_options,
        department_options=names.department_options,
        pages=page_numbers(query.page, last),
        links=_watch_links(query, last),
        rule=RULE,
    )
    return await show(visit, page)


async def _cases_of(visit: Visit, query: WatchQuery) -> int | None:
    """Return the number the board's tile has, which leads to this list; kept of all clocks."""
    if query.clock:
        return None
    ask = visit.ports.supervision.counts
    found = await visit.ask(ask, visit.actor, query.matter, query.department)
    return int(getattr(found, query.watch or "total"))


def _watch_query(visit: Visit) -> WatchQuery:
    given = visit.request.query_params
    chosen = given.get("watch", "")
    clock = given.get("clock", "")
    number = given.get("page", "1")
    return WatchQuery(
        watch=next((one for one in WATCHES if one == chosen), ""),
        clock=clock if clock in CLOCKS else "",
        matter=given.get("matter", "").strip(),
        department=given.get("department", "").strip(),
        page=max(1, int(number)) if number.isdecimal() and len(number) < 7 else 1,
    )


def _watch_links(query: WatchQuery, last: int) -> Mapping[str, str]:
    own = {"clock": query.clock, "matter": query.matter, "department": query.department}

    def at(page: int, watch: Watch = query.watch) -> str:
        number = str(page) if page > 1 else ""
        return address("/supervision/clocks", watch=watch, **own, page=number)

    links = {f"page:{n}": at(n) for n in page_numbers(query.page, last) if n}
    links |= {f"watch:{watch}": at(1, watch) for watch in WATCHES}
    links["previous"] = at(query.page - 1) if query.page > 1 else ""
    links["next"] = at(query.page + 1) if query.page < last else ""
    links["clear"] = "/supervision/clocks"
    return links


# --- to take away --------------------------------------------------------------------------------


async def table(visit: Visit) -> Response:
    """The board's metrics as CSV: all, by matter, by department, by month."""
    query = board_query(visit)
    found = await _board(visit, query)
    names = Names(visit)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["分组", "名称", "指标编号", "指标", "公式", "分子", "分母", "值"])
    groups: list[tuple[str, str, Group]] = [("全部", "", found.everything)]
    groups += [("事项", names.matter(one.key), one) for one in found.matters]
    groups += [("实施主体", names.department(one.code), one.group) for one in found.departments]
    groups += [("月份", one.key, one) for one in found.months]
    for kind, name, group in groups:
        for one in group.measured():
            value = "" if one.value is None else f"{float(one.value):.6f}"
            writer.writerow(
                [kind, name, one.metric.id, one.metric.title, one.metric.formula, one.above,
                 one.below, value]
            )  # fmt: skip
    visit.saw(lines=text.getvalue().count("\n"))
    # With a byte order mark: spreadsheets of the office take the file for GBK otherwise.
    response = Response("\ufeff" + text.getvalue(), media_type="text/csv; charset=utf-8")
    name = quote(f"监察指标-{query.first}-{query.last}.csv", safe="")
    response.headers["content-disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


async def report(visit: Visit) -> Response:
    """The monthly report as PDF; its entry is written first."""
    month = visit.request.path_params["month"]
    try:
        found = await visit.ask(visit.ports.supervision.report, visit.who, visit.where, month)
    except NoMonth as wrong:
        raise Stop(404, visit.told(str(wrong)), "no_month") from wrong
    return download(found)
