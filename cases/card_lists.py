"""The list of all supervision cards that a supervisor may see."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from cases.card_views import CARDS_A_PAGE, STATES, CardList, CardQuery, card_view
from cases.tables import card, card_mark, case


def card_list(
    connection: Connection, where: ColumnElement[bool], query: CardQuery, zone: str
) -> CardList:
    """Return one page of the cards whose cases `where` lets the reader see, the newest first."""
    others = and_(where, *_filters(query, zone))
    source = card.join(case, case.c.id == card.c.case_id).outerjoin(
        _NEWEST, _NEWEST.c.number == card.c.number
    )
    counted = select(card.c.level, func.count()).select_from(source).where(others)
    by_level = {row[0]: int(row[1]) for row in connection.execute(counted.group_by(card.c.level))}
    total = by_level.get(query.level, 0) if query.level else sum(by_level.values())
    pages = max(1, -(-total // CARDS_A_PAGE))
    page = min(query.page, pages)
    chosen = (
        _selected()
        .select_from(source)
        .where(others, *([card.c.level == query.level] if query.level else []))
        .order_by(card.c.at.desc(), card.c.number)
        .limit(CARDS_A_PAGE)
        .offset((page - 1) * CARDS_A_PAGE)
    )
    rows = connection.execute(chosen).all()
    marks = connection.execute(
        select(card_mark)
        .where(card_mark.c.number.in_([row.number for row in rows]))
        .order_by(card_mark.c.case_id, card_mark.c.seq, card_mark.c.n)
    ).all()
    by_card: dict[str, list[Any]] = {}
    for mark in marks:
        by_card.setdefault(mark.number, []).append(mark)
    return CardList(
        rows=tuple(card_view(row, by_card.get(row.number, ()), {}) for row in rows),
        total=total,
        page=page,
        pages=pages,
        by_level=by_level,
    )


def _selected() -> Select[Any]:
    return select(card, case.c.case_no, case.c.matter_name)


_LAST = (
    select(card_mark.c.number, func.max(card_mark.c.seq * 1000 + card_mark.c.n).label("last"))
    .where(card_mark.c.kind != "withheld")
    .group_by(card_mark.c.number)
    .subquery("last_mark")
)
_NEWEST = (
    select(card_mark.c.number, card_mark.c.kind)
    .join(
        _LAST,
        and_(
            _LAST.c.number == card_mark.c.number,
            _LAST.c.last == card_mark.c.seq * 1000 + card_mark.c.n,
        ),
    )
    .subquery("newest_mark")
)
"""The newest mark of each card: a case has far fewer than a thousand marks in one step."""


def _filters(query: CardQuery, zone: str) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.department:
        found.append(card.c.department == query.department)
    if query.since is not None:
        found.append(card.c.at >= _midnight(query.since, zone))
    if query.until is not None:
        found.append(card.c.at < _midnight(query.until + timedelta(days=1), zone))
    kinds = {state: kind for kind, state in STATES.items()}
    if query.state == "due":
        found += [_NEWEST.c.kind.is_(None), card.c.explain_days > 0]
    elif query.state == "stands":
        found.append(func.coalesce(_NEWEST.c.kind, "") != "revoked")
    elif query.state:
        found.append(_NEWEST.c.kind == kinds[query.state])
    return found


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone))
