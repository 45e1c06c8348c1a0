"""Supervision cards across all cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import quote, urlencode

from pydantic import ValidationError
from starlette.responses import Response

from cases.card_views import CardList, CardQuery, CardView
from forms.fields import Option
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import CARD_LEVELS, CARD_STATES, N_, Say, word

FILTERS = ("level", "department", "state", "since", "until", "page")


@dataclass(frozen=True)
class CardLine:
    """A card with what its page says in words."""

    card: CardView
    what: str
    """What happened, without the level, which stands beside it as a pill."""
    why: str
    """期限 10 个工作日，已用 10 个工作日; …"""
    clock: str
    basis: str
    """How the article is cited."""
    late: str = ""
    """How much later than its instant it was recorded; empty where it was not."""
    acts: tuple[tuple[str, str], ...] = ()
    """Words and address of what this reader may do about it."""


@dataclass(frozen=True)
class CardsPage(Page):
    """The cards of every case that the reader may list, the newest first."""

    template: ClassVar[str] = "cards.html"

    cards: Annotated[CardList, "The page of cards, and how many there are of each level."]
    lines: Annotated[tuple[CardLine, ...], "The same cards, in words."]
    query: Annotated[CardQuery, "The filters in force."]
    links: Annotated[Mapping[str, str], "Name of a link → its address: levels, pages."]
    states: Annotated[tuple[Option, ...], "States to filter by."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    filtered: Annotated[bool, "Some filter is on: an empty list offers to clear it."]


async def cards(visit: Visit) -> Response:
    query = _query(visit)
    found = await visit.ask(visit.ports.reader.cards, visit.actor, query)
    visit.saw_rows(len(found.rows))
    states = ("stands", "due", "missed", "given", "returned", "accepted", "revoked")
    page = CardsPage(
        title=visit.say(N_("监察牌")),
        cards=found,
        lines=lines_of(visit, found.rows),
        query=query,
        links=_links(query, found),
        states=tuple(Option(code, visit.say(CARD_STATES[code])) for code in states),
        departments=visit.ports.catalogue.departments(visit.language),
        filtered=bool(query.model_dump(exclude_defaults=True, exclude={"page"})),
    )
    return await show(visit, page)


def lines_of(
    visit: Visit, cards: Sequence[CardView], acts: Sequence[str] = ()
) -> tuple[CardLine, ...]:
    """Return the cards in words; `acts` are the verbs that this reader may do to the case."""
    return tuple(
        CardLine(
            card,
            card.title.removeprefix(f"{CARD_LEVELS[card.level]}："),
            why_in_words(card, visit.say),
            visit.say(word("timer", card.clock.partition(":")[0])),
            visit.ports.catalogue.cited(card.article),
            late_in_words(card.late_s, visit.say),
            tuple(_acts(card, acts, visit.say)),
        )
        for card in cards
    )


def _acts(card: CardView, acts: Sequence[str], say: Say) -> list[tuple[str, str]]:
    case = f"/cases/{quote(card.case_no)}/do"
    found = []
    if "explain_card" in acts and card.state in ("due", "missed", "returned"):
        found.append((say(N_("书面说明")), f"{case}/explain_card?task=explain-{card.number}"))
    if "review_explanation" in acts and card.state == "given":
        found.append((say(N_("审核说明")), f"{case}/review_explanation?card={card.number}"))
    if "revoke_card" in acts and card.state != "revoked":
        found.append((say(N_("撤销")), f"{case}/revoke_card?card={card.number}"))
    return found


def late_in_words(seconds: int, say: Say) -> str:
    """Return how late a card was recorded, in the largest unit of which there are two."""
    for unit, sentence in (
        (86400, N_("迟记 {n} 天")),
        (3600, N_("迟记 {n} 小时")),
        (60, N_("迟记 {n} 分钟")),
    ):
        if seconds >= 2 * unit:
            return say(sentence).format(n=seconds // unit)
    return ""


def why_in_words(card: CardView, say: Say) -> str:
    """Return why the card was given: amounts of its clock, or the ground it was issued for."""
    if card.ground:
        return say(word("card_ground", card.ground))
    why = card.why
    unit = say(word("unit", card.unit)) if card.unit else ""
    sentences = {
        "overdue_working_days": N_("已超期 {n} 个工作日"),
        "yellow_open_working_days": N_("黄牌发出后 {n} 个工作日未纠正"),
        "paused_at_left_working_days": N_("停表开始时还剩 {n} 个工作日"),
        "paused_total_percent": N_("停表合计为期限的 {n}%"),
    }
    said = []
    if "limit" in why:
        amounts = {name: _number(why.get(name)) for name in ("limit", "used", "left")}
        said.append(
            say(N_("期限 {limit} {unit}，已用 {used}，剩余 {left}")).format(unit=unit, **amounts)
        )
    said += [
        say(sentence).format(n=_number(why[name])) for name, sentence in sentences.items()
        if why.get(name)
    ]  # fmt: skip
    return "；".join(said)


def _number(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, int | float) else "0"


def _query(visit: Visit) -> CardQuery:
    """Return the filters of the address; one that cannot be read is left out."""
    given: dict[str, str] = {
        name: value.strip()
        for name, value in visit.request.query_params.items()
        if name in FILTERS and value.strip()
    }
    while True:
        try:
            return CardQuery.model_validate(given)
        except ValidationError as unreadable:
            for error in unreadable.errors():
                given.pop(str(error["loc"][0]), None)


def _links(query: CardQuery, found: CardList) -> Mapping[str, str]:
    def at(**changes: object) -> str:
        values = query.model_dump(mode="json", exclude_defaults=True, exclude={"page"}) | changes
        kept = {name: value for name, value in values.items() if value}
        return "/cards" + (f"?{urlencode(kept)}" if kept else "")

    links = {f"level:{level}": at(level=level) for level in ("", *CARD_LEVELS)}
    links["previous"] = at(page=found.page - 1) if found.page > 1 else ""
    links["next"] = at(page=found.page + 1) if found.page < found.pages else ""
    links["clear"] = "/cards"
    return links
