"""Whose share of the time it was, by department and article; each number leads to its clocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from markupsafe import Markup
from starlette.responses import Response

from cases.charts import Bar, bars
from cases.clocks.attribution import RULE
from cases.delay_shares import SharedClock, ShareLine, ShareQuery
from cases.months import NoMonth, month_of
from forms.board_query import months_offered
from forms.fields import Option
from forms.lists import page_numbers
from forms.oversight import Names, address, clock_url
from forms.rendering import Page
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_, timer_word

PATH = "/supervision/shares"
ROWS = 50
DRAWN = 12
"""Holders in the picture."""
CLOCKS = ("promised", "statutory")
"""The clocks that are divided."""


@dataclass(frozen=True)
class ShareRow:
    """What one holder used under one article."""

    name: str
    article: str
    clocks: int
    used: str
    parts: int
    """Of a hundred of all that was used."""
    paused: str
    late_clocks: int
    late_used: str
    late_parts: int
    """Of a hundred of all that was used in late clocks."""
    url: str
    late_url: str


@dataclass(frozen=True)
class SharesPage(Page):
    """Whose the time was."""

    template: ClassVar[str] = "shares.html"

    query: Annotated[ShareQuery, "The filters in force."]
    rows: Annotated[tuple[ShareRow, ...], "The most in late clocks on top."]
    picture: Annotated[Markup, "Whose time, in time and late; empty: nothing ended."]
    months: Annotated[tuple[str, ...], "Months to choose from, the newest first."]
    clocks: Annotated[tuple[Option, ...], "Clocks to choose from."]
    matter_options: Annotated[tuple[Option, ...], "Matters to choose from."]
    department_options: Annotated[tuple[Option, ...], "Departments to choose from."]
    holder: Annotated[str, "Whose lines alone are shown; empty: everybody's."]
    rule: Annotated[str, "Id of the rule by which time is divided."]
    links: Annotated[Mapping[str, str], "Name of a link → its address."]


@dataclass(frozen=True)
class SharedLine:
    """One clock in which the holder had time."""

    clock: SharedClock
    url: str
    matter: str
    department: str
    words: str
    used: str
    paused: str


@dataclass(frozen=True)
class SharedPage(Page):
    """The clocks behind a share."""

    template: ClassVar[str] = "shared_clocks.html"

    query: Annotated[ShareQuery, "The share and the filters in force."]
    rows: Annotated[tuple[SharedLine, ...], "The lines of this page, the longest first."]
    total: Annotated[int, "How many there are."]
    article: Annotated[str, "Article of the clock; empty: any."]
    pages: Annotated[tuple[int, ...], "Page numbers to link; 0 stands for a gap."]
    links: Annotated[Mapping[str, str], "Name of a link → its address."]
    rule: Annotated[str, "Id of the rule by which time is divided."]


async def shares(visit: Visit) -> Response:
    """Whose the time was, by department and article."""
    query = _query(visit)
    try:
        found = await visit.ask(visit.ports.supervision.shares, visit.actor, query)
    except NoMonth as wrong:
        raise Stop(404, visit.told(str(wrong)), "no_month") from wrong
    visit.saw_rows(len(found))
    names = Names(visit)
    page = SharesPage(
        title=visit.say(N_("用时归属")),
        query=query,
        rows=tuple(_rows(visit, names, query, found)),
        picture=_picture(visit, names, found),
        months=tuple(months_offered(visit)),
        clocks=tuple(Option(one, visit.say(timer_word(one))) for one in CLOCKS),
        matter_options=names.matter_options,
        department_options=names.department_options,
        holder=_holder(names, query),
        rule=visit.ports.catalogue.cited(RULE),
        links={
            "board": address("/supervision", **_span(query), matter=query.matter,
                             department=query.department),
            "departments": address("/supervision/departments", **_span(query),
                                   matter=query.matter),
            "everybody": _at(PATH, replace(query, holder="")),
            "clear": PATH,
        },
    )  # fmt: skip
    return await show(visit, page)


async def shared(visit: Visit) -> Response:
    """The clocks behind a share."""
    query = _query(visit)
    if not query.holder:
        raise not_found(visit)
    try:
        rows, total = await visit.ask(
            visit.ports.supervision.shared_clocks, visit.actor, query, ROWS
        )
    except NoMonth as wrong:
        raise Stop(404, visit.told(str(wrong)), "no_month") from wrong
    visit.saw_rows(len(rows))
    names = Names(visit)
    last = max(1, -(-total // ROWS))
    path = f"{PATH}/clocks"
    links = {
        f"page:{n}": _at(path, replace(query, page=n)) for n in page_numbers(query.page, last) if n
    }
    links["back"] = _at(PATH, replace(query, holder="", article="", late=False, page=1))
    page = SharedPage(
        title=visit.say(N_("{name}的用时")).format(name=_holder(names, query)),
        query=query,
        rows=tuple(_line(visit, names, one) for one in rows),
        total=total,
        article=visit.ports.catalogue.cited(query.article) if query.article else "",
        pages=page_numbers(query.page, last),
        links=links,
        rule=visit.ports.catalogue.cited(RULE),
    )
    return await show(visit, page)


def _query(visit: Visit) -> ShareQuery:
    given = visit.request.query_params
    this = month_of(datetime.now(UTC), visit.options.zone)
    last = given.get("until", "").strip() or this
    first = given.get("from", "").strip() or last
    clock, number = given.get("clock", ""), given.get("page", "1")
    return ShareQuery(
        first=min(first, last),
        last=last,
        clock=clock if clock in CLOCKS else CLOCKS[0],
        matter=given.get("matter", "").strip(),
        department=given.get("department", "").strip(),
        holder=given.get("holder", "").strip(),
        article=given.get("article", "").strip(),
        late=given.get("late", "") == "1",
        page=max(1, int(number)) if number.isdecimal() and len(number) < 7 else 1,
    )


def _span(query: ShareQuery) -> Mapping[str, str]:
    return {"from": query.first, "until": query.last}


def _at(path: str, query: ShareQuery) -> str:
    return address(
        path, **_span(query), clock="" if query.clock == CLOCKS[0] else query.clock,
        matter=query.matter, department=query.department, holder=query.holder,
        article=query.article,
        late="1" if query.late else "", page=str(query.page) if query.page > 1 else "",
    )  # fmt: skip


def _holder(names: Names, query: ShareQuery) -> str:
    kind, _, name = query.holder.partition(":")
    return names.holder(kind, name) if query.holder else ""


def _rows(
    visit: Visit, names: Names, query: ShareQuery, found: Sequence[ShareLine]
) -> Sequence[ShareRow]:
    whole = sum(one.used for one in found) or 1.0
    whole_late = sum(one.late_used for one in found) or 1.0

    def url(one: ShareLine, *, late: bool = False) -> str:
        asked = replace(
            query, holder=f"{one.kind}:{one.name}", article=one.article, late=late, page=1
        )
        return _at(f"{PATH}/clocks", asked)

    return [
        ShareRow(
            names.holder(one.kind, one.name), visit.ports.catalogue.cited(one.article), one.clocks,
            f"{one.used:.1f}", round(100 * one.used / whole),
            f"{one.paused:.1f}" if one.paused else "", one.late_clocks,
            f"{one.late_used:.1f}" if one.late_used else "",
            round(100 * one.late_used / whole_late), url(one, late=query.late),
            url(one, late=True),
        )
        for one in found
    ]  # fmt: skip


def _picture(visit: Visit, names: Names, found: Sequence[ShareLine]) -> Markup:
    by: dict[tuple[str, str], tuple[float, float]] = {}
    for one in found:
        timely, late = by.get((one.kind, one.name), (0.0, 0.0))
        by[one.kind, one.name] = timely + one.used - one.late_used, late + one.late_used
    drawn = sorted(by.items(), key=lambda pair: (-sum(pair[1]), pair[0]))[:DRAWN]
    rows = [
        Bar(names.holder(*who), [timely, late], f"{timely + late:.1f}")
        for who, (timely, late) in drawn
        if timely + late
    ]
    if not rows:
        return Markup("")
    words = [visit.say(N_("按时件中用的")), visit.say(N_("超期件中用的"))]
    return Markup(bars(rows, words, width=680))  # noqa: S704 -- our own SVG, words escaped


def _line(visit: Visit, names: Names, one: SharedClock) -> SharedLine:
    family, _, task = one.key.partition(":")
    words = visit.say(timer_word(family))
    return SharedLine(
        one,
        f"{clock_url(one.case_no, one.key)}#shares",
        names.matter(one.matter, one.matter_name),
        names.department(one.department),
        f"{words} · {names.step(one.matter, task)}" if task else words,
        f"{one.used:.2f}",
        f"{one.paused:.2f}" if one.paused else "",
    )
