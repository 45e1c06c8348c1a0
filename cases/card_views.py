"""Supervision cards as pages show them: plain values, made of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Literal

import orjson
from pydantic import AwareDatetime, Field, JsonValue

from cases.messages import Frozen
from cases.projection import unpacked

CardState = Literal["", "due", "missed", "given", "returned", "accepted", "revoked"]
"""What became of it: 待说明 · 逾期未说明 · 已说明 · 退回 · 采纳 · 撤销; empty: nothing is asked."""

STATES: Mapping[str, CardState] = {
    "explained": "given",
    "missed": "missed",
    "returned": "returned",
    "accepted": "accepted",
    "revoked": "revoked",
}
"""Kind of a mark → what the card is after it."""
CARDS_A_PAGE = 50


class CardMark(Frozen):
    """One event about a card after its issue."""

    kind: str
    at: AwareDatetime
    by: str
    by_name: str = ""
    why: str = ""
    text: str = ""
    """The words of the act, where the reader may see the case."""


class CardView(Frozen):
    """One card, with what became of it."""

    case_id: str
    case_no: str = ""
    matter_name: str = ""
    seq: int
    number: str
    rule: str
    level: Literal["reminder", "warning", "yellow", "red"]
    title: str
    article: str
    clock: str
    at: AwareDatetime
    told_at: AwareDatetime
    late_s: int
    department: str
    recipients: tuple[str, ...] = ()
    nobody: tuple[str, ...] = ()
    document: str = ""
    explain_days: int = 0
    is_public: bool = False
    digest: str = ""
    issued_by: str = ""
    issued_by_name: str = ""
    ground: str = ""
    unit: str = ""
    why: dict[str, JsonValue] = Field(default_factory=dict)
    found: str = ""
    """What a supervisor found, of a card issued by hand."""
    marks: tuple[CardMark, ...] = ()
    state: CardState = ""


class CardQuery(Frozen):
    """Filters of the list of cards; lives in the URL."""

    level: Literal["", "reminder", "warning", "yellow", "red"] = ""
    department: str = ""
    state: Literal["", "due", "missed", "given", "returned", "accepted", "revoked", "stands"] = ""
    since: date | None = None
    until: date | None = None
    page: int = Field(default=1, ge=1)


class CardList(Frozen):
    rows: tuple[CardView, ...]
    total: int
    page: int
    pages: int
    by_level: dict[str, int]
    """Of all that the filters but the level let through."""


def card_view(row: Any, marks: Sequence[Any], words: Mapping[int, Mapping[str, Any]]) -> CardView:
    """Return a card from its row and those of its marks; `words`: bodies of orders by step."""
    found = tuple(
        CardMark(
            kind=mark.kind,
            at=mark.at,
            by=mark.by,
            why=mark.why,
            text=_words(words.get(mark.seq, {})),
        )
        for mark in marks
    )
    state: CardState = "due" if row.explain_days else ""
    for mark in found:
        state = STATES.get(mark.kind, state)
    if any(mark.kind == "revoked" for mark in found):
        state = "revoked"
    return CardView(
        case_id=row.case_id,
        case_no=getattr(row, "case_no", ""),
        matter_name=getattr(row, "matter_name", ""),
        seq=row.seq,
        number=row.number,
        rule=row.rule,
        level=row.level,
        title=row.title,
        article=row.article,
        clock=row.clock,
        at=row.at,
        told_at=row.told_at,
        late_s=row.late_s,
        department=row.department,
        recipients=unpacked(row.recipients),
        nobody=unpacked(row.nobody),
        document=row.document,
        explain_days=row.explain_days,
        is_public=row.is_public,
        digest=row.digest,
        issued_by=row.issued_by,
        ground=row.ground,
        unit=row.unit,
        why=orjson.loads(row.why),
        found=str(words.get(row.seq, {}).get("text", "")) if row.issued_by else "",
        marks=found,
        state=state,
    )


def _words(body: Mapping[str, Any]) -> str:
    named = ("cause", "measures", "reason", "text")
    said = [str(body[name]).rstrip("。；") for name in named if body.get(name)]
    return "；".join(said)


def cards_from(
    rows: Iterable[Any], marks: Iterable[Any], words: Mapping[int, Mapping[str, Any]]
) -> tuple[CardView, ...]:
    """Return the cards of a case, the newest first."""
    by_card: dict[str, list[Any]] = {}
    for mark in sorted(marks, key=lambda one: (one.seq, one.n)):
        by_card.setdefault(mark.number, []).append(mark)
    found = [card_view(row, by_card.get(row.number, ()), words) for row in rows]
    return tuple(sorted(found, key=lambda one: (one.at, one.seq), reverse=True))
