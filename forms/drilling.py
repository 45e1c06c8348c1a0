"""From a number to what it counts: the list behind it, by day, matter and department, to the case.

Each number of the board and of the comparison links here, with the filters under which it was
counted; the list is as long as the number says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from markupsafe import Markup
from starlette.responses import Response

from cases.boards import BoardQuery
from cases.charts import Series, columns
from cases.drilled import AT_END, COUNTS, Drilled, DrilledRow, DrillQuery, NoCount, NoDay
from cases.months import NoMonth, month_of
from forms.count_words import COUNT_WORDS
from forms.lists import page_numbers
from forms.oversight import Names, address, clock_url
from forms.rendering import Page
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_, timer_word

ROWS = 50
PATH = "/supervision/cases"


@dataclass(frozen=True)
class PartLine:
    """One part of a number, which leads to the list of that part."""

    name: str
    url: str
    n: int
    parts: int
    """Of a hundred of the largest, for the bar."""


@dataclass(frozen=True)
class DrillLine:
    """One row behind a number."""

    row: DrilledRow
    url: str
    matter: str
    department: str
    duty: str
    clock: str


@dataclass(frozen=True)
class DrillPage(Page):
    """What a number counts."""

    template: ClassVar[str] = "drilled.html"

    query: Annotated[DrillQuery, "The number and the filters in force."]
    found: Annotated[Drilled, "How many there are."]
    rows: Annotated[tuple[DrillLine, ...], "The lines of this page, the newest first."]
    days: Annotated[tuple[PartLine, ...], "By day or month, those that have any."]
    picture: Annotated[Markup, "The same as a picture; empty: nothing to draw."]
    matters: Annotated[tuple[PartLine, ...], "By matter."]
    duties: Annotated[tuple[PartLine, ...], "By the department to which it is put down."]
    filters: Annotated[tuple[tuple[str, str], ...], "Words and address without it, of each filter."]
    at_end: Annotated[bool, "It holds at an instant: there are no days."]
    pages: Annotated[tuple[int, ...], "Page numbers to link; 0 stands for a gap."]
    links: Annotated[Mapping[str, str], "Name of a link → its address."]


def drill_url(count: str, query: BoardQuery, **more: str) -> str:
    """Return where a number of a board with these filters leads; empty: no rows are behind it."""
    if count not in COUNTS:
        return ""
    own = {"matter": query.matter, "department": query.department} | more
    return address(PATH, count=count, **{"from": query.first, "until": query.last}, **own)


async def drilled(visit: Visit) -> Response:
    """The rows behind a number."""
    query = _query(visit)
    try:
        found = await visit.ask(visit.ports.supervision.drilled, visit.actor, query, ROWS)
    except NoCount as wrong:
        raise not_found(visit) from wrong
    except (NoMonth, NoDay) as wrong:
        raise Stop(404, visit.told(str(wrong)), "no_month") from wrong
    visit.saw_rows(len(found.rows))
    names = Names(visit)
    last = max(1, -(-found.total // ROWS))
    page = DrillPage(
        title=visit.say(COUNT_WORDS[query.count]),
        query=query,
        found=found,
        rows=tuple(_line(visit, names, one) for one in found.rows),
        days=tuple(_days(query, found)),
        picture=_picture(visit, query, found),
        matters=tuple(
            _parts(found.by_matter, names.matter, lambda code: replace(query, matter=code))
        ),
        duties=tuple(
            _parts(found.by_duty, names.department, lambda code: replace(query, duty=code))
        ),
        filters=tuple(_filters(visit, query, names)),
        at_end=query.count in AT_END,
        pages=page_numbers(query.page, last),
        links=_links(query, last),
    )
    return await show(visit, page)


def _query(visit: Visit) -> DrillQuery:
    given = visit.request.query_params
    this = month_of(datetime.now(UTC), visit.options.zone)
    last = given.get("until", "").strip() or this
    first = given.get("from", "").strip() or last
    number = given.get("page", "1")
    return DrillQuery(
        count=given.get("count", ""),
        first=first,
        last=last,
        matter=given.get("matter", "").strip(),
        department=given.get("department", "").strip(),
        duty=given.get("duty", "").strip(),
        day=given.get("day", "").strip(),
        page=max(1, int(number)) if number.isdecimal() and len(number) < 7 else 1,
    )


def _at(query: DrillQuery, page: int = 1) -> str:
    return address(
        PATH, count=query.count, **{"from": query.first, "until": query.last},
        matter=query.matter, department=query.department, duty=query.duty, day=query.day,
        page=str(page) if page > 1 else "",
    )  # fmt: skip


def _line(visit: Visit, names: Names, row: DrilledRow) -> DrillLine:
    family, _, task = row.key.partition(":")
    clock = visit.say(timer_word(family))
    return DrillLine(
        row,
        clock_url(row.case_no, row.key),
        names.matter(row.matter, row.matter_name),
        names.department(row.department),
        names.department(row.duty),
        f"{clock} · {names.step(row.matter, task)}" if task else clock,
    )


def _days(query: DrillQuery, found: Drilled) -> Sequence[PartLine]:
    most = max((n for _, n in found.by_time), default=0) or 1
    by_day = query.first == query.last

    def url(name: str) -> str:
        if by_day:
            return _at(replace(query, day=name))
        return _at(replace(query, first=name, last=name))

    return [PartLine(name, url(name), n, round(100 * n / most)) for name, n in found.by_time if n]


def _picture(visit: Visit, query: DrillQuery, found: Drilled) -> Markup:
    if not any(n for _, n in found.by_time):
        return Markup("")
    labels = [name[8:] if query.first == query.last else name[2:] for name, _ in found.by_time]
    series = [Series(visit.say(COUNT_WORDS[query.count]), [n for _, n in found.by_time])]
    return Markup(columns(labels, series, height=160))  # noqa: S704 -- our own SVG, words escaped


def _parts(
    parts: Mapping[str, int], named: Callable[[str], str], of: Callable[[str], DrillQuery]
) -> Sequence[PartLine]:
    most = max(parts.values(), default=0) or 1
    return [
        PartLine(named(code), _at(of(code)), n, round(100 * n / most)) for code, n in parts.items()
    ]


def _filters(visit: Visit, query: DrillQuery, names: Names) -> Sequence[tuple[str, str]]:
    say = visit.say
    found = []
    if query.day:
        found.append((query.day, _at(replace(query, day=""))))
    if query.matter:
        found.append((names.matter(query.matter), _at(replace(query, matter=""))))
    if query.department:
        words = say(N_("实施主体：{name}")).format(name=names.department(query.department))
        found.append((words, _at(replace(query, department=""))))
    if query.duty:
        words = say(N_("责任部门：{name}")).format(name=names.department(query.duty))
        found.append((words, _at(replace(query, duty=""))))
    return found


def _links(query: DrillQuery, last: int) -> Mapping[str, str]:
    links = {f"page:{n}": _at(query, n) for n in page_numbers(query.page, last) if n}
    links["previous"] = _at(query, query.page - 1) if query.page > 1 else ""
    links["next"] = _at(query, query.page + 1) if query.page < last else ""
    span = {"from": query.first, "until": query.last}
    links["board"] = address(
        "/supervision", **span, matter=query.matter, department=query.department
    )
    links["clear"] = _at(replace(query, matter="", department="", duty="", day=""))
    return links
