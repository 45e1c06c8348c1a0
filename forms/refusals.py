"""Refusals: dispatches sent back and how they were ruled on, and orders of cases answered no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final
from urllib.parse import quote

from starlette.responses import Response

from cases.months import NoMonth, month_of
from cases.refused import MOST_ORDERS, Refused, RefusedOrder, RefusedQuery, SentBack
from forms.board_query import months_offered
from forms.incident_fields import GROUND_WORDS
from forms.lists import page_numbers
from forms.oversight import Names, address
from forms.process_words import span_word
from forms.rendering import Page
from forms.showing import show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_, word

PATH: Final = "/supervision/refusals"
ROWS: Final = 50
RULINGS: Final = {"stands": N_("裁定由原单位办"), "moves": N_("裁定改派")}


@dataclass(frozen=True)
class SentBackRow:
    """One dispatch that was sent back."""

    sent: SentBack
    url: str
    kind: str
    unit: str
    ground: str
    ruling: str
    to: str
    took: str
    """From the refusal to the ruling, or until now where it waits."""


@dataclass(frozen=True)
class UnitRow:
    """One unit among those that sent something back."""

    name: str
    n: int
    stood: int
    moved: int
    waiting: int


@dataclass(frozen=True)
class OrderRow:
    """One order that was refused."""

    order: RefusedOrder
    url: str
    matter: str
    department: str
    verb: str
    basis: str


@dataclass(frozen=True)
class CodeRow:
    """One reason."""

    code: str
    reason: str
    n: int
    parts: int
    """Of a hundred of the commonest, for the bar."""
    url: str


@dataclass(frozen=True)
class RefusalsPage(Page):
    """Refusals and arbitration."""

    template: ClassVar[str] = "refusals.html"

    query: Annotated[RefusedQuery, "The filters in force."]
    may_incidents: Annotated[bool, "The reader may list incidents."]
    sent_back: Annotated[tuple[SentBackRow, ...], "Dispatches sent back, the newest first."]
    units: Annotated[tuple[UnitRow, ...], "By unit, whoever sent most back on top."]
    orders: Annotated[tuple[OrderRow, ...], "Orders refused, the newest first."]
    total: Annotated[int, "How many orders there are under the filters."]
    codes: Annotated[tuple[CodeRow, ...], "Reasons, the commonest on top."]
    counted: Annotated[int, "Of how many orders the reasons are counted; 0: of all."]
    months: Annotated[tuple[str, ...], "Months to choose from, the newest first."]
    pages: Annotated[tuple[int, ...], "Page numbers to link; 0 stands for a gap."]
    links: Annotated[Mapping[str, str], "Name of a link → its address."]


async def refusals(visit: Visit) -> Response:
    """What was refused in the months asked for."""
    query = _query(visit)
    try:
        found = await visit.ask(visit.ports.supervision.refused, visit.actor, query, ROWS)
    except NoMonth as wrong:
        raise Stop(404, visit.told(str(wrong)), "no_month") from wrong
    visit.saw_rows(len(found.orders) + len(found.sent_back))
    names = Names(visit)
    verdict = await visit.ask(visit.ports.access.may, visit.actor, "list", "incident")
    last = max(1, -(-found.total // ROWS))
    page = RefusalsPage(
        title=visit.say(N_("退单、仲裁和退回")),
        query=query,
        may_incidents=verdict.allowed,
        sent_back=tuple(_sent_back(visit, names, one) for one in found.sent_back),
        units=tuple(_units(names, found.sent_back)),
        orders=tuple(_order(visit, names, one) for one in found.orders),
        total=found.total,
        codes=tuple(_codes(query, found)),
        counted=found.counted if found.counted >= MOST_ORDERS else 0,
        months=tuple(months_offered(visit)),
        pages=page_numbers(query.page, last),
        links={
            **{f"page:{n}": _at(query, n) for n in page_numbers(query.page, last) if n},
            "every": _at(replace(query, code="")),
            "board": address("/supervision", **{"from": query.first, "until": query.last}),
            "clear": PATH,
        },
    )
    return await show(visit, page)


def _query(visit: Visit) -> RefusedQuery:
    given = visit.request.query_params
    this = month_of(datetime.now(UTC), visit.options.zone)
    last = given.get("until", "").strip() or this
    first = given.get("from", "").strip() or last
    number = given.get("page", "1")
    return RefusedQuery(
        min(first, last),
        last,
        given.get("code", "").strip(),
        max(1, int(number)) if number.isdecimal() and len(number) < 7 else 1,
    )


def _at(query: RefusedQuery, page: int = 1) -> str:
    return address(
        PATH, **{"from": query.first, "until": query.last}, code=query.code,
        page=str(page) if page > 1 else "",
    )  # fmt: skip


def _sent_back(visit: Visit, names: Names, one: SentBack) -> SentBackRow:
    kind = visit.ports.incidents.kinds.get(one.type)
    english = visit.language == "en"
    until = one.ruled_at or (datetime.now(UTC) if one.waiting else None)
    return SentBackRow(
        one,
        f"/incidents/{one.incident_id}",
        one.type if kind is None else kind.english if english else kind.name,
        names.department(one.unit),
        visit.say(GROUND_WORDS[one.ground]) if one.ground in GROUND_WORDS else one.ground,
        visit.say(RULINGS[one.ruling]) if one.ruling in RULINGS else "",
        names.department(one.to) if one.to else "",
        span_word(visit, (until - one.at).total_seconds()) if until else "",
    )


def _units(names: Names, sent: Sequence[SentBack]) -> Sequence[UnitRow]:
    by: dict[str, list[SentBack]] = {}
    for one in sent:
        by.setdefault(one.unit, []).append(one)
    rows = [
        UnitRow(
            names.department(unit),
            len(those),
            sum(one.ruling == "stands" for one in those),
            sum(one.ruling == "moves" for one in those),
            sum(one.waiting for one in those),
        )
        for unit, those in by.items()
    ]
    return sorted(rows, key=lambda row: (-row.n, row.name))


def _order(visit: Visit, names: Names, one: RefusedOrder) -> OrderRow:
    return OrderRow(
        one,
        f"/cases/{quote(one.case_no, safe='')}",
        names.matter(one.matter, one.matter_name),
        names.department(one.department),
        visit.say(word("verb", one.verb)),
        visit.ports.catalogue.cited(one.basis) if one.basis else "",
    )


def _codes(query: RefusedQuery, found: Refused) -> Sequence[CodeRow]:
    most = max((n for n, _ in found.by_code.values()), default=0) or 1
    return [
        CodeRow(code, reason, n, round(100 * n / most), _at(replace(query, code=code, page=1)))
        for code, (n, reason) in found.by_code.items()
    ]
