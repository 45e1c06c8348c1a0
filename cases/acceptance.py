"""受理先后: in which order applications for one matter were accepted (行政许可法第五十七条).

The order is total and the same for everybody who asks: by the instant of acceptance in law (of a
deemed acceptance that of the receipt), then by the instant of receipt, then by case number, of
which no two are equal and which are given in the order of filing. What it is read from stands in
the rows that the entry of the accepting step has sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from cases.state import Bar, CaseState
from cases.tables import case, clock_event, step
from cases.tables import state as state_table
from cases.views import Order, Place, Standing

BARRING = ("refused", "not_accepted", "revoked")
"""Endings that may bar the applicant from applying again."""

ORDER = (case.c.accepted_at, case.c.received_at, case.c.case_no)


def _before(accepted_at: datetime, received_at: datetime, case_no: str) -> ColumnElement[bool]:
    return or_(
        case.c.accepted_at < accepted_at,
        and_(case.c.accepted_at == accepted_at, case.c.received_at < received_at),
        and_(
            case.c.accepted_at == accepted_at,
            case.c.received_at == received_at,
            case.c.case_no < case_no,
        ),
    )


def _is_undecided() -> ColumnElement[bool]:
    """Whether it still asks: neither decided, nor withdrawn or otherwise ended."""
    return and_(case.c.decided_at.is_(None), case.c.ending == "", case.c.is_open)


def standing_of(connection: Connection, state: CaseState) -> Standing | None:
    """Return the case's place among the accepted ones of its matter; None before acceptance."""
    if state.accepted_at is None or state.received_at is None:
        return None
    earlier = and_(
        case.c.matter == state.plan.matter,
        case.c.accepted_at.is_not(None),
        _before(state.accepted_at, state.received_at, state.case_no),
    )
    count = connection.execute(select(func.count()).select_from(case).where(earlier)).scalar_one()
    undecided = connection.execute(
        select(case.c.case_no).where(earlier, _is_undecided()).order_by(*ORDER)
    ).scalars()
    return Standing(place=count + 1, undecided=tuple(undecided))


PAGE = 50


def order_of_acceptance(
    connection: Connection,
    matter: str,
    page: int = 1,
    where: ColumnElement[bool] | None = None,
) -> Order:
    """Return a page of the accepted applications for a matter, the last page the newest.

    `where` is the condition that policy made of the cases that the reader may list: places count
    every case, and those that may not be listed are left out.
    """
    rows = connection.execute(_accepted(matter)).all()
    pages = max(1, -(-len(rows) // PAGE))
    page = min(max(page, 1), pages)
    chosen = range((page - 1) * PAGE, min(page * PAGE, len(rows)))
    shown = {rows[n].id for n in chosen}
    if where is not None:
        listed = select(case.c.id).where(case.c.id.in_(shown), where)
        shown = set(connection.execute(listed).scalars())
    places = tuple(_place(rows, n) for n in chosen if rows[n].id in shown)
    return Order(places=places, total=len(rows), page=page, pages=pages)


def _accepted(matter: str) -> Select[Any]:
    """The accepted cases of a matter in order, each with the step that told its acceptance."""
    told = clock_event.alias("told")
    tells = and_(told.c.case_id == case.c.id, told.c.kind.in_(("accepted", "deemed_accepted")))
    return (
        select(
            case.c.id, case.c.case_no, case.c.accepted_at, case.c.received_at, case.c.stage,
            case.c.ending, case.c.decided_at, case.c.is_open, case.c.closed_at, told.c.kind,
            step.c.entry_id, step.c.recorded_at,
        )
        .join(told, tells)
        .join(step, and_(step.c.case_id == told.c.case_id, step.c.seq == told.c.seq))
        .where(case.c.matter == matter, case.c.accepted_at.is_not(None))
        .order_by(*ORDER)
    )  # fmt: skip


def _place(rows: Sequence[Any], n: int) -> Place:
    row, before = rows[n], rows[:n]
    granted = row.ending in ("granted", "revoked") and row.decided_at is not None
    return Place(
        place=n + 1,
        case_id=row.id,
        case_no=row.case_no,
        accepted_at=row.accepted_at,
        received_at=row.received_at,
        deemed=row.kind == "deemed_accepted",
        stage=row.stage,
        ending=row.ending,
        decided_at=row.decided_at,
        entry=row.entry_id,
        recorded_at=row.recorded_at,
        ahead=sum(_open(one) for one in before),
        overtook=tuple(
            one.case_no for one in before if granted and not _settled_by(one, row.decided_at)
        ),
    )


def _open(row: Any) -> bool:
    return row.decided_at is None and row.ending == "" and bool(row.is_open)


def _settled_by(row: Any, at: datetime) -> bool:
    """Whether an application had been decided, or had ended, by an instant."""
    ended = row.decided_at or row.closed_at
    return ended is not None and bool(ended <= at)


def bars_of(connection: Connection, subject: str, matter: str) -> tuple[int, list[tuple[str, Bar]]]:
    """Return how many cases the applicant had in a matter, and the bars that came of them.

    Each bar with its case number. `subject` is the pseudonym; the day is judged by the caller.
    """
    mine = and_(case.c.subject == subject, case.c.matter == matter)
    count = connection.execute(select(func.count()).select_from(case).where(mine)).scalar_one()
    rows = connection.execute(
        select(case.c.case_no, state_table.c.state)
        .join(state_table, state_table.c.case_id == case.c.id)
        .where(mine, case.c.ending.in_(BARRING))
        .order_by(case.c.case_no)
    )
    states = [(row.case_no, CaseState.model_validate_json(row.state)) for row in rows]
    return count, [(case_no, state.bar) for case_no, state in states if state.bar is not None]
