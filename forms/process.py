"""Pages of the process: what really happened, drawn; what lies behind an arrow; who held it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final

from markupsafe import Markup
from starlette.responses import Response

from cases.clocks.attribution import RULE
from cases.months import NoMonth, month_of, months_before
from cases.process import BEGIN, END, Arrow, ProcessMap, without_rare
from cases.process.picture import MapWords, costly, process_svg
from cases.process_rows import KINDS, MOST_THINGS, Held, HeldCase, Kind, Passage
from forms.fields import Option
from forms.oversight import Names, address, clock_url
from forms.process_ports import MapFound, MapQuery
from forms.process_words import KINDS as KIND_WORDS
from forms.process_words import SORTS, act_word, span_word
from forms.rendering import Page
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

SHARES: Final = (80, 95, 100)
"""Parts of a hundred of all that happened which the drawn arrows tell at least."""
USUAL: Final = 95
ROWS: Final = 100
"""Lines of a list; the longest are what is looked for."""
LATEST_MONTHS: Final = 24
USUAL_MONTHS: Final = 3


@dataclass(frozen=True)
class ArrowRow:
    """One arrow as a line."""

    source: str
    target: str
    count: int
    median: str
    nine: str
    longest: str
    whole: str
    url: str
    """Empty: into the first step, or out of the last."""
    dear: bool


@dataclass(frozen=True)
class WayRow:
    """One way through."""

    words: str
    count: int
    parts: int
    """Of a hundred of what is over."""


@dataclass(frozen=True)
class HeldRow:
    """One holder as a line; working days."""

    name: str
    cases: int
    used: str
    parts: int
    """Of a hundred of all that was used."""
    mean: str
    """Used per case."""
    paused: str
    late: str
    late_cases: int
    url: str
    late_url: str


@dataclass(frozen=True)
class ProcessPage(Page):
    """The map of a span."""

    template: ClassVar[str] = "process.html"

    query: Annotated[MapQuery, "The filters in force."]
    share: Annotated[int, "Parts of a hundred that the drawn arrows tell."]
    kinds: Annotated[tuple[Option, ...], "Kinds of things to choose from."]
    sort_label: Annotated[str, "What the second filter is called."]
    sorts: Annotated[tuple[Option, ...], "Matters, types or templates."]
    department_options: Annotated[tuple[Option, ...], "Departments to choose from."]
    months: Annotated[tuple[str, ...], "Months to choose from, the newest first."]
    shares: Annotated[tuple[int, ...], "Shares to choose from."]
    found: Annotated[MapFound, "The whole map and of how many things."]
    picture: Annotated[Markup, "The map; empty where nothing happened."]
    arrows: Annotated[tuple[ArrowRow, ...], "Every arrow in figures."]
    left_out: Annotated[int, "Arrows that are not drawn."]
    left_out_steps: Annotated[int, "How often those were taken."]
    ways: Annotated[tuple[WayRow, ...], "The commonest ways through."]
    held: Annotated[tuple[HeldRow, ...], "Who held the cases how long; cases alone."]
    links: Annotated[Mapping[str, str], "Name → address."]
    rule: Annotated[str, "Rule by which time is divided."]


@dataclass(frozen=True)
class PassageRow:
    """One thing that went along an arrow."""

    number: str
    url: str
    sort: str
    department: str
    began_at: datetime
    ended_at: datetime
    took: str


@dataclass(frozen=True)
class PassagesPage(Page):
    """What lies behind an arrow."""

    template: ClassVar[str] = "process_passages.html"

    rows: Annotated[tuple[PassageRow, ...], "The longest first."]
    total: Annotated[int, "How many there are."]
    most: Annotated[int, "Among so many of the newest things they were looked for."]
    sort_label: Annotated[str, "What sorts of things are called."]
    back: Annotated[str, "Address of the map."]


@dataclass(frozen=True)
class HeldCaseRow:
    """One case in which a holder had time."""

    number: str
    url: str
    matter: str
    department: str
    used: str
    paused: str
    whole: int
    limit: int
    on_time: bool


@dataclass(frozen=True)
class HeldPage(Page):
    """The cases behind a holder's time."""

    template: ClassVar[str] = "process_held.html"

    rows: Annotated[tuple[HeldCaseRow, ...], "The longest first."]
    total: Annotated[int, "How many there are."]
    late: Annotated[bool, "Only those that were late."]
    back: Annotated[str, "Address of the map."]
    rule: Annotated[str, "Rule by which time is divided."]


# --- the map -------------------------------------------------------------------------------------


async def process(visit: Visit) -> Response:
    """The map, its figures and who held the cases."""
    kinds = await _kinds(visit)
    query, share = _query(visit, kinds), _share(visit)
    found = await _asked(visit, query)
    visit.saw_rows(found.map.things)
    drawn = without_rare(found.map, share)
    names = Names(visit)
    page = ProcessPage(
        title=visit.say(N_("流程图")),
        query=query,
        share=share,
        kinds=tuple(Option(one, visit.say(KIND_WORDS[one])) for one in kinds),
        sort_label=visit.say(SORTS[query.kind]),
        sorts=_sorts(visit, query.kind, names),
        department_options=names.department_options,
        months=tuple(_months(visit)),
        shares=SHARES,
        found=found,
        picture=_picture(visit, query, drawn),
        arrows=tuple(_arrow_rows(visit, query, found.map)),
        left_out=drawn.left_out,
        left_out_steps=drawn.left_out_steps,
        ways=tuple(_way_rows(visit, query.kind, found.map)),
        held=tuple(_held_rows(query, names, found.held)),
        links={
            "clear": address("/process", kind=query.kind),
            "events": address("/process/events", **{"from": query.first, "until": query.last}),
            **{f"share:{one}": _at("/process", query, share=str(one)) for one in SHARES},
        },
        rule=visit.ports.catalogue.cited(RULE),
    )
    return await show(visit, page)


async def _kinds(visit: Visit) -> Sequence[Kind]:
    may = visit.ports.access.may
    return [
        kind for kind in KINDS if (await visit.ask(may, visit.actor, "list", kind)).allowed
    ] or list(KINDS[:1])


async def _asked(visit: Visit, query: MapQuery) -> MapFound:
    try:
        return await visit.ask(visit.ports.process.map, visit.actor, query)
    except NoMonth as wrong:
        raise Stop(404, visit.told(str(wrong)), "no_month") from wrong


def _query(visit: Visit, kinds: Sequence[Kind]) -> MapQuery:
    given = visit.request.query_params
    this = month_of(datetime.now(UTC), visit.options.zone)
    last = given.get("until", "").strip() or this
    try:
        first = given.get("from", "").strip() or months_before(last, USUAL_MONTHS - 1)
    except NoMonth as wrong:
        raise Stop(404, visit.told(str(wrong)), "no_month") from wrong
    chosen = given.get("kind", "")
    return MapQuery(
        next((one for one in kinds if one == chosen), kinds[0]),
        min(first, last),
        last,
        given.get("sort", "").strip(),
        given.get("department", "").strip(),
        given.get("by_itself", "") == "1",
    )


def _share(visit: Visit) -> int:
    given = visit.request.query_params.get("share", "")
    return next((one for one in SHARES if str(one) == given), USUAL)


def _months(visit: Visit) -> Sequence[str]:
    this = month_of(datetime.now(UTC), visit.options.zone)
    return [months_before(this, n) for n in range(LATEST_MONTHS)]


def _at(path: str, query: MapQuery, **more: str) -> str:
    return address(
        path,
        kind=query.kind, sort=query.sort, department=query.department, until=query.last,
        by_itself="1" if query.by_itself else "", **{"from": query.first}, **more,
    )  # fmt: skip


def _sorts(visit: Visit, kind: Kind, names: Names) -> tuple[Option, ...]:
    return tuple(Option(code, name) for code, name in _sort_names(visit, kind, names).items())


def _sort_names(visit: Visit, kind: Kind, names: Names) -> Mapping[str, str]:
    if kind == "case":
        return {one.value: one.label for one in names.matter_options}
    english = visit.language == "en"
    if kind == "incident":
        kinds = visit.ports.incidents.kinds.values()
        return {one.code: one.english if english else one.name for one in kinds}
    templates = visit.ports.projects.templates
    return {key: one.title_in(visit.language) for key, one in templates.items()}


def _picture(visit: Visit, query: MapQuery, drawn: ProcessMap) -> Markup:
    if not drawn.boxes:
        return Markup("")
    words = MapWords(
        act=lambda act: act_word(visit, query.kind, act),
        span=lambda seconds: span_word(visit, seconds),
        begin=visit.say(N_("开始")),
        end=visit.say(N_("结束")),
        times=visit.say(N_("{n} 次")),
        again=visit.say(N_("重复 {n} 次，中位 {span}")),
        title=visit.say(N_("流程图：{things} 件，{steps} 步")),
    )
    links = {
        (one.source, one.target): _passages_url(query, one) for one in drawn.arrows if one.is_timed
    }
    return Markup(process_svg(drawn, words, links))  # noqa: S704 -- our own SVG, words escaped


def _passages_url(query: MapQuery, one: Arrow) -> str:
    return _at("/process/passages", query, source=one.source, target=one.target)


def _arrow_rows(visit: Visit, query: MapQuery, whole: ProcessMap) -> Sequence[ArrowRow]:
    dear = costly(whole)

    def named(act: str) -> str:
        ends = {BEGIN: N_("开始"), END: N_("结束")}
        return visit.say(ends[act]) if act in ends else act_word(visit, query.kind, act)

    def span(one: Arrow, seconds: float) -> str:
        return span_word(visit, seconds) if one.is_timed else "—"

    return [
        ArrowRow(
            named(one.source), named(one.target), one.count, span(one, one.median),
            span(one, one.nine_in_ten), span(one, one.longest), span(one, one.whole),
            _passages_url(query, one) if one.is_timed else "",
            (one.source, one.target) in dear,
        )
        for one in sorted(whole.arrows, key=lambda one: (-one.whole, -one.count))
    ]  # fmt: skip


def _way_rows(visit: Visit, kind: Kind, whole: ProcessMap) -> Sequence[WayRow]:
    return [
        WayRow(
            " → ".join(act_word(visit, kind, act) for act in one.acts),
            one.count,
            round(100 * one.count / max(whole.over, 1)),
        )
        for one in whole.ways
    ]


def _held_rows(query: MapQuery, names: Names, held: Sequence[Held]) -> Sequence[HeldRow]:
    whole = sum(one.used for one in held) or 1.0

    def at(one: Held, **more: str) -> str:
        return _at("/process/held", query, holder_kind=one.kind, holder=one.name, **more)

    return [
        HeldRow(
            names.holder(one.kind, one.name), one.cases, f"{one.used:.1f}",
            round(100 * one.used / whole), f"{one.used / one.cases:.2f}",
            f"{one.paused:.1f}" if one.paused else "", f"{one.late:.1f}" if one.late else "",
            one.late_cases, at(one), at(one, late="1"),
        )
        for one in held
    ]  # fmt: skip


# --- what lies behind ----------------------------------------------------------------------------


async def passages(visit: Visit) -> Response:
    """Who went from one step to the other, the longest first."""
    query = _query(visit, await _kinds(visit))
    given = visit.request.query_params
    source, target = given.get("source", ""), given.get("target", "")
    if not source or not target:
        raise not_found(visit)
    try:
        rows, total = await visit.ask(
            visit.ports.process.passages, visit.actor, query, source, target, ROWS
        )
    except NoMonth as wrong:
        raise Stop(404, visit.told(str(wrong)), "no_month") from wrong
    visit.saw_rows(len(rows))
    names = Names(visit)
    sorts = _sort_names(visit, query.kind, names)
    title = visit.say(N_("{source} → {target}")).format(
        source=act_word(visit, query.kind, source), target=act_word(visit, query.kind, target)
    )
    page = PassagesPage(
        title=title,
        rows=tuple(_passage_row(visit, query.kind, one, names, sorts) for one in rows),
        total=total,
        most=MOST_THINGS,
        sort_label=visit.say(SORTS[query.kind]),
        back=_at("/process", query),
    )
    return await show(visit, page)


def _passage_row(
    visit: Visit, kind: Kind, one: Passage, names: Names, sorts: Mapping[str, str]
) -> PassageRow:
    return PassageRow(
        one.number, thing_url(kind, one.id, one.number), sorts.get(one.sort, one.sort),
        names.department(one.department), one.began_at, one.ended_at,
        span_word(visit, one.seconds),
    )  # fmt: skip


def thing_url(kind: Kind, id: str, number: str) -> str:
    """Return where a thing is seen day by day: a case's ledger, an incident's or project's page."""
    if kind == "case":
        return clock_url(number, "promised")
    return f"/{kind}s/{id}"


async def held(visit: Visit) -> Response:
    """The cases in which a holder had time, the longest first; each leads to its ledger."""
    query = _query(visit, await _kinds(visit))
    given = visit.request.query_params
    holder = given.get("holder_kind", ""), given.get("holder", "")
    late = given.get("late", "") == "1"
    if not holder[0]:
        raise not_found(visit)
    try:
        rows, total = await visit.ask(
            visit.ports.process.held_cases, visit.actor, query, holder, ROWS, late
        )
    except NoMonth as wrong:
        raise Stop(404, visit.told(str(wrong)), "no_month") from wrong
    visit.saw_rows(len(rows))
    names = Names(visit)
    page = HeldPage(
        title=visit.say(N_("{name}的用时")).format(name=names.holder(*holder)),
        rows=tuple(_held_case_row(one, names) for one in rows),
        total=total,
        late=late,
        back=_at("/process", query),
        rule=visit.ports.catalogue.cited(RULE),
    )
    return await show(visit, page)


def _held_case_row(one: HeldCase, names: Names) -> HeldCaseRow:
    return HeldCaseRow(
        one.number, f"{clock_url(one.number, 'promised')}#shares", names.matter(one.matter),
        names.department(one.department), f"{one.used:.2f}",
        f"{one.paused:.2f}" if one.paused else "", one.whole, one.limit, one.on_time,
    )  # fmt: skip
