"""Orders to erase or to only store one person's data, as the web store keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from cases.web_tables import erasure

Kind = Literal["erase", "restrict"]
State = Literal["asked", "approved", "refused", "done"]
PAGE = 200
"""Orders listed at once, the newest first."""


class NotAsked(Exception):
    """No such order waits to be settled: it is settled already, or it is one's own."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """One order. `asked_by` and `settled_by` are accounts, never the same."""

    id: str
    kind: Kind
    subject: str
    case_no: str
    ground: str
    """Id of the article in the law register."""
    state: State
    asked_by: str
    asked_at: datetime
    settled_by: str
    settled_at: datetime | None
    done_at: datetime | None
    counts: Mapping[str, int]
    """What was destroyed, by kind of copy; empty until done."""


def ask(connection: Connection, order: Erasure) -> None:
    """Write a new order in the caller's transaction."""
    row: dict[str, Any] = {name: getattr(order, name) for name in order.__slots__}
    connection.execute(insert(erasure).values(row | {"counts": dict(order.counts)}))


def settle(
    connection: Connection, order_id: str, state: Literal["approved", "refused"], by: str,
    at: datetime,
) -> None:  # fmt: skip
    """Approve or refuse what somebody else asked for. Raises `NotAsked`."""
    changed = connection.execute(
        update(erasure)
        .where(erasure.c.id == order_id, erasure.c.state == "asked", erasure.c.asked_by != by)
        .values(state=state, settled_by=by, settled_at=at)
    )
    if changed.rowcount != 1:
        raise NotAsked(order_id)


def finish(connection: Connection, order_id: str, counts: Mapping[str, int], at: datetime) -> None:
    """Mark an approved order as done; again changes nothing."""
    connection.execute(
        update(erasure)
        .where(erasure.c.id == order_id, erasure.c.state == "approved")
        .values(state="done", done_at=at, counts=dict(counts))
    )


def find(connection: Connection, order_id: str) -> Erasure | None:
    """Return one order."""
    row = connection.execute(select(erasure).where(erasure.c.id == order_id)).one_or_none()
    return None if row is None else Erasure(**row._mapping)


def listing(connection: Connection, states: Sequence[State] = ()) -> Sequence[Erasure]:
    """Return the newest orders first; of these states all, if any are named."""
    query = select(erasure).order_by(erasure.c.asked_at.desc(), erasure.c.id)
    query = query.where(erasure.c.state.in_(states)) if states else query.limit(PAGE)
    return [Erasure(**row._mapping) for row in connection.execute(query)]


def of_subject(
    connection: Connection, subject: str, kind: Kind, states: Sequence[State]
) -> Sequence[Erasure]:
    """Return the orders of one kind about a subject, the newest first."""
    chosen = (erasure.c.subject == subject) & (erasure.c.kind == kind)
    query = select(erasure).where(chosen, erasure.c.state.in_(states))
    return [
        Erasure(**row._mapping)
        for row in connection.execute(query.order_by(erasure.c.asked_at.desc()))
    ]
