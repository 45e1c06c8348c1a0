"""Departments side by side: timeliness, steps, cards, whose time it was; each number is a link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, ClassVar

from markupsafe import Markup
from starlette.responses import Response

from cases.boards import BoardQuery, Compared, DepartmentLine
from cases.charts import Bar, bars
from cases.clocks.attribution import RULE
from cases.metrics import Figures
from cases.months import NoMonth
from forms.board_query import board_query, months_offered
from forms.drilling import drill_url
from forms.fields import Option
from forms.oversight import Names, address
from forms.rendering import Page
from forms.showing import show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

PATH = "/supervision/departments"


@dataclass(frozen=True)
class Told:
    """A number and where it leads; no address: nothing is behind it."""

    text: str
    url: str = ""
    late: bool = False


@dataclass(frozen=True)
class ComparedRow:
    """One department."""

    name: str
    url: str
    """The board of its own cases."""
    shares_url: str
    cells: tuple[Told, ...]
    """In the order of `COLUMNS`."""


@dataclass(frozen=True)
class ColumnHead:
    """One column: its words, and where it leads to be sorted by."""

    id: str
    words: str
    url: str
    sorted: bool


@dataclass(frozen=True)
class ComparisonPage(Page):
    """Departments side by side."""

    template: ClassVar[str] = "comparison.html"

    query: Annotated[BoardQuery, "The filters in force."]
    heads: Annotated[tuple[ColumnHead, ...], "The columns."]
    rows: Annotated[tuple[ComparedRow, ...], "Departments, in the chosen order."]
    timeliness: Annotated[Markup, "Timeliness as a picture; empty: nothing was closed."]
    time: Annotated[Markup, "Whose time as a picture; empty: nothing was closed."]
    months: Annotated[tuple[str, ...], "Months to choose from, the newest first."]
    matter_options: Annotated[tuple[Option, ...], "Matters to choose from."]
    sort: Annotated[str, "Id of the column that it is sorted by."]
    rule: Annotated[str, "Id of the rule by which time is divided."]
    links: Annotated[Mapping[str, str], "Name of a link → its address."]


def _ratio(figures: Figures, above: str, below: str) -> Fraction | None:
    n = figures.get(below, 0)
    return Fraction(figures.get(above, 0), n) if n else None


def _timely(line: DepartmentLine) -> Fraction | None:
    return _ratio(line.group.figures, "on_time_promised", "closed")


def _steps_timely(line: DepartmentLine) -> Fraction | None:
    return _ratio(line.steps, "steps_on_time", "steps")


def _mean(line: DepartmentLine) -> Fraction | None:
    return line.group.value("YC-ZB-17")


def _own(name: str) -> Callable[[DepartmentLine], int]:
    return lambda line: line.group.figures.get(name, 0)


def _step(name: str) -> Callable[[DepartmentLine], int]:
    return lambda line: line.steps.get(name, 0)


Order = Callable[[DepartmentLine], "float | Fraction | None"]

COLUMNS: Mapping[str, tuple[str, Order]] = {
    "closed": (N_("办结"), _own("closed")),
    "timely": (N_("按时（承诺）"), _timely),
    "late": (N_("超期"), _own("late")),
    "mean": (N_("平均时长"), _mean),
    "steps": (N_("审查环节"), _step("steps")),
    "steps_timely": (N_("环节按时"), _steps_timely),
    "steps_open": (N_("在办环节"), _step("steps_open")),
    "steps_late": (N_("超期环节"), _step("steps_late")),
    "yellow": (N_("黄牌"), _step("yellow")),
    "red": (N_("红牌"), _step("red")),
    "used": (N_("用时归属（工作日）"), lambda line: line.used),
}
"""Id → words, and by what it is sorted: the largest on top, what has no value below."""


async def comparison(visit: Visit) -> Response:
    """Departments side by side."""
    query = board_query(visit)
    try:
        found = await visit.ask(visit.ports.supervision.compared, visit.actor, query)
    except NoMonth as wrong:
        raise Stop(404, visit.told(str(wrong)), "no_month") from wrong
    visit.saw_rows(len(found.departments))
    asked = visit.request.query_params.get("sort", "")
    sort = asked if asked in COLUMNS else "used"
    names = Names(visit)
    lines = _ordered(found.departments, sort)
    page = ComparisonPage(
        title=visit.say(N_("部门比较")),
        query=query,
        heads=tuple(
            ColumnHead(id, visit.say(words), _at(query, id), id == sort)
            for id, (words, _) in COLUMNS.items()
        ),
        rows=tuple(_row(names, found, one) for one in lines),
        timeliness=_timeliness(names, lines),
        time=_time(names, lines),
        months=tuple(months_offered(visit)),
        matter_options=names.matter_options,
        sort=sort,
        rule=visit.ports.catalogue.cited(RULE),
        links={
            "board": address("/supervision", **_span(query), matter=query.matter),
            "shares": address("/supervision/shares", **_span(query), matter=query.matter),
            "clear": PATH,
        },
    )
    return await show(visit, page)


def _span(query: BoardQuery) -> Mapping[str, str]:
    return {"from": query.first, "until": query.last}


def _at(query: BoardQuery, sort: str) -> str:
    return address(PATH, **_span(query), matter=query.matter, sort="" if sort == "used" else sort)


def _ordered(lines: Sequence[DepartmentLine], sort: str) -> Sequence[DepartmentLine]:
    value = COLUMNS[sort][1]

    def key(line: DepartmentLine) -> tuple[bool, float, str]:
        found = value(line)
        return found is None, -float(found or 0), line.code

    return sorted(lines, key=key)


def _percent(value: Fraction | None) -> str:
    return "—" if value is None else f"{float(value * 100):.1f}%"


def _changed(value: Fraction | None, before: Fraction | None) -> str:
    """Return a ratio with what it has gained in points since the span before."""
    if value is None or before is None:
        return _percent(value)
    points = float((value - before) * 100)
    return f"{_percent(value)}（{points:+.1f}）"


def _row(names: Names, found: Compared, line: DepartmentLine) -> ComparedRow:
    query, code = found.query, line.code
    past = found.before.get(code)
    figures, steps = line.group.figures, line.steps

    def own(name: str, *, late: bool = False) -> Told:
        n = figures.get(name, 0)
        url = drill_url(name, query, department=code) if n else ""
        return Told(str(n), url, late and n > 0)

    def step(name: str, *, late: bool = False) -> Told:
        n = steps.get(name, 0)
        return Told(str(n), drill_url(name, query, duty=code) if n else "", late and n > 0)

    mean = _mean(line)
    on_time = figures.get("on_time_promised", 0)
    cells = {
        "closed": own("closed"),
        "timely": Told(
            _changed(_timely(line), _timely(past) if past else None),
            drill_url("on_time_promised", query, department=code) if on_time else "",
        ),
        "late": own("late", late=True),
        "mean": Told("—" if mean is None else f"{float(mean):.1f}"),
        "steps": step("steps"),
        "steps_timely": Told(
            _changed(_steps_timely(line), _steps_timely(past) if past else None),
            drill_url("steps_on_time", query, duty=code) if steps.get("steps_on_time") else "",
        ),
        "steps_open": step("steps_open"),
        "steps_late": step("steps_late", late=True),
        "yellow": step("yellow"),
        "red": step("red"),
        "used": Told(f"{line.used:.1f}"),
    }
    span = _span(query)
    return ComparedRow(
        names.department(code),
        address("/supervision", **span, matter=query.matter, department=code),
        address("/supervision/shares", **span, matter=query.matter, holder=f"department:{code}"),
        tuple(cells[id] for id in COLUMNS),
    )


def _timeliness(names: Names, lines: Sequence[DepartmentLine]) -> Markup:
    shown = []
    for line in lines:
        value = _steps_timely(line)
        if value is not None:
            shown.append(Bar(names.department(line.code), [float(value * 100)], _percent(value)))
    if not shown:
        return Markup("")
    return Markup(bars(shown, width=680))  # noqa: S704 -- our own SVG, words escaped


def _time(names: Names, lines: Sequence[DepartmentLine]) -> Markup:
    shown = [
        Bar(names.department(line.code), [line.used], f"{line.used:.1f}")
        for line in lines
        if line.used
    ]
    return Markup(bars(shown, width=680)) if shown else Markup("")  # noqa: S704
