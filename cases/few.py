"""A list that a filter cuts to few cases: these are found by an index, and each is asked the rest.

Policy's condition and a filter each leave the database an index to begin with, and it knows no
numbers (SQLite without ANALYZE): of whoever may see much it would ask every case of theirs whether
it came in on one day. So the cases of a filter are counted first, up to `MOST_LED`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from cases.each_case import asked_each
from cases.tables import case, task
from cases.views import WorklistQuery
from cases.worklists import MOST_WALKED, Lines, Tally, count_by_stage, tally_of, unled

MOST_LED = MOST_WALKED
"""Cases of a filter that are asked one after the other."""


@dataclass(frozen=True, slots=True)
class Way:
    """A condition that an index leads to."""

    condition: ColumnElement[bool]
    rows: Sequence[Select[Any]]
    """Its rows, from each index by itself: together no fewer than its cases."""


def ways(query: WorklistQuery, since: datetime | None, until: datetime | None) -> Iterator[Way]:
    """Yield the filters of a list of cases that an index leads to, the likely narrowest first.

    `since`, `until`: the instants between which a case came in, where the query names days.
    """
    days = [
        *([] if since is None else [case.c.received_at >= since]),
        *([] if until is None else [case.c.received_at < until]),
    ]
    if days:
        yield _own(and_(*days))
    if query.matter:
        stage = [case.c.stage == query.stage] if query.stage else []
        yield _own(and_(case.c.matter == query.matter, *stage))
    elif query.stage:
        yield _own(case.c.stage == query.stage)
    if query.department:
        tasks = select(task.c.case_id).where(task.c.department == query.department)
        of = case.c.department == query.department
        yield Way(
            or_(of, case.c.id.in_(tasks.correlate(None))), (select(case.c.id).where(of), tasks)
        )


def _own(condition: ColumnElement[bool]) -> Way:
    return Way(condition, (select(case.c.id).where(condition),))


def led(
    connection: Connection,
    found: Iterable[Way],
    where: ColumnElement[bool],
    most: int = MOST_LED,
) -> ColumnElement[bool] | None:
    """Return `where` such that the first filter of at most `most` cases leads; None: none does.

    `where` holds that filter too.
    """
    for one in found:
        if _few(connection, one, most):
            return and_(one.condition, unled(asked_each(where)))
    return None


def _few(connection: Connection, way: Way, most: int) -> bool:
    left = most
    for rows in way.rows:
        some = rows.limit(left + 1).subquery()
        left -= int(connection.execute(select(func.count()).select_from(some)).scalar_one())
        if left < 0:
            return False
    return True


def tally_few(
    connection: Connection, lines: Lines, condition: ColumnElement[bool], now: datetime
) -> Tally:
    """Count what is led, to its end."""
    stages = connection.execute(count_by_stage(lines, condition, now, MOST_LED)).all()
    return tally_of(stages, 0)


def page_of_few(
    connection: Connection, lines: Lines, condition: ColumnElement[bool], limit: int, offset: int
) -> Sequence[Any]:
    """Return a page of what is led: found, then sorted."""
    sort, *rest = lines.order()
    # Not the column itself: its index, in the order of the list, would lead instead.
    chosen = lines.select(condition).order_by(func.coalesce(sort, sort), *rest)
    return connection.execute(chosen.limit(limit).offset(offset)).all()
