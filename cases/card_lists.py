"""The list of all supervision cards that a supervisor may see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, func, select

from cases.card_state import STATE
from cases.card_tables import card, card_mark
from cases.card_views import CARDS_A_PAGE, CardList, CardQuery, card_view
from cases.each_case import asked_each
from cases.months import span_of
from cases.tables import case
from cases.tally_cards import CardsSummed
from cases.worklists import unled


class Kept(Protocol):
    """Sums made ahead, as the reader sees them (`cases.tallied`): the same cards as the rows'."""

    def cards(self) -> Sequence[CardsSummed]: ...


def card_list(
    connection: Connection,
    where: ColumnElement[bool],
    query: CardQuery,
    zone: str,
    kept: Kept | None = None,
) -> CardList:
    """Return one page of the cards whose cases `where` lets the reader see, the newest first.

    From `kept` it is told how many there are, and in which months: days are not kept.
    """
    # The list goes along the instants of the cards, each asked for its case and marks.
    others = and_(unled(asked_each(where)), *_filters(query, zone))
    source = card.join(case, case.c.id == card.c.case_id)
    if kept is None or query.since or query.until:
        by_level = _counted(connection, source, and_(where, *_filters(query, zone)))
        within = []
    else:
        found = [one for one in kept.cards() if _is_chosen(query, one)]
        by_level = _by_level(found)
        within = _months_of(found, query.level, zone)
    total = by_level.get(query.level, 0) if query.level else sum(by_level.values())
    pages = max(1, -(-total // CARDS_A_PAGE))
    page = min(query.page, pages)
    chosen = (
        _selected()
        .select_from(source)
        .where(others, *within, *([card.c.level == query.level] if query.level else []))
        .order_by(card.c.at.desc(), card.c.number)
        .limit(CARDS_A_PAGE)
        .offset((page - 1) * CARDS_A_PAGE)
    )
    rows = connection.execute(chosen).all() if total else []
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


def _counted(
    connection: Connection, source: FromClause, where: ColumnElement[bool]
) -> dict[str, int]:
    counted = select(card.c.level, func.count()).select_from(source).where(where)
    return {row[0]: int(row[1]) for row in connection.execute(counted.group_by(card.c.level))}


def _is_chosen(query: CardQuery, one: CardsSummed) -> bool:
    if query.state == "stands":
        is_such = one.state != "revoked"
    else:
        is_such = query.state in ("", one.state)
    return is_such and query.department in ("", one.department)


def _by_level(found: Sequence[CardsSummed]) -> dict[str, int]:
    by_level: dict[str, int] = {}
    for one in found:
        by_level[one.level] = by_level.get(one.level, 0) + one.n
    return by_level


def _months_of(found: Sequence[CardsSummed], level: str, zone: str) -> list[ColumnElement[bool]]:
    """Return between which instants all of them arose: few of many are not sought among all."""
    months = [one.month for one in found if level in ("", one.level)]
    if not months:
        return []
    first, last = (span_of(month, month, zone) for month in (min(months), max(months)))
    return [card.c.at >= first.since, card.c.at < last.until]


def _selected() -> Select[Any]:
    return select(card, case.c.case_no, case.c.matter_name)


def _filters(query: CardQuery, zone: str) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.department:
        found.append(card.c.department == query.department)
    if query.since is not None:
        found.append(card.c.at >= _midnight(query.since, zone))
    if query.until is not None:
        found.append(card.c.at < _midnight(query.until + timedelta(days=1), zone))
    if query.state == "stands":
        found.append(STATE.element != "revoked")
    elif query.state:
        found.append(STATE.element == query.state)
    return found


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone))
