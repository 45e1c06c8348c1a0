"""Clocks that have ended, as one holder had them: longest first, along the index of the shares.

A holder may have two rows in a clock, of counted days and of days on which it stood; the first of
them tells both together. What policy and filters ask of the case is asked share by share, so that
a page looks at as many as it shows, or at a few more, whatever the size of the city.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Subquery,
    and_,
    exists,
    false,
    func,
    select,
    true,
)
from sqlalchemy import case as when

from cases.each_case import asked_each
from cases.tables import case, clock_share


def of_ended_clock(clock: FromClause, conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition on a share that its clock and case are such. `clock` is the table or an
    alias of it, as `conditions` name it."""
    same = and_(clock.c.case_id == clock_share.c.case_id, clock.c.key == clock_share.c.key)
    found = select(1).select_from(clock.join(case, case.c.id == clock.c.case_id))
    return exists(found.where(same, asked_each(conditions)).correlate(clock_share))


def how_many_shares(connection: Connection, chosen: Sequence[ColumnElement[bool]]) -> int:
    """Return in how many clocks the holder had such a share; row by row."""
    query = select(func.count()).select_from(clock_share).where(_FIRST, *chosen)
    return int(connection.execute(query).scalar_one())


def in_order(shares: FromClause) -> list[ColumnElement[Any]]:
    """Return how lists go: backwards along the index, so the latest id first among equals."""
    return [shares.c[name].desc() for name in ("together", "case_id", "key")]


def longest(chosen: Sequence[ColumnElement[bool]], size: int, start: int = 0) -> Subquery:
    """Return such shares, the longest first: case_id, key, together, used and paused days."""
    page = (
        select(clock_share)
        .where(_FIRST, *chosen)
        .order_by(*in_order(clock_share))
        .limit(size)
        .offset(start)
        .subquery("page")
    )
    second = clock_share.alias("second")
    also = and_(
        second.c.case_id == page.c.case_id, second.c.key == page.c.key,
        second.c.holder_kind == page.c.holder_kind, second.c.holder == page.c.holder,
        second.c.paused == true(), page.c.paused == false(),
    )  # fmt: skip
    return (
        select(
            page.c.case_id,
            page.c.key,
            page.c.together,
            when((page.c.paused, 0.0), else_=page.c.amount).label("used"),
            when((page.c.paused, page.c.amount), else_=func.coalesce(second.c.amount, 0.0)).label(
                "paused"
            ),
        )
        .select_from(page.outerjoin(second, also))
        .subquery("listed")
    )


_FIRST = clock_share.c.together.is_not(None)
