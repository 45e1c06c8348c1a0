"""Cards, notices and explanations of open cases that wait for somebody: counted by recipient.

A card waits until it is explained, reviewed or revoked, or its case has ended. The caller opens the
connection; nothing here knows who there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import Connection, and_, exists, func, or_, select

from cases.card_rows import ISSUED
from cases.card_tables import card, card_mark
from cases.projection import unpacked
from cases.tables import case, notification, task

ANSWERED = ("revoked", "explained", "accepted", "returned")
"""Kinds of marks after which a card has been heard: somebody did something about it."""

What = Literal["cards", "notices", "tasks"]
WHATS: tuple[What, ...] = get_args(What)


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many of one kind that wait for one recipient."""

    what: What
    recipient: str
    count: int
    case_no: str
    """One of the cases."""
    told_at: datetime | None
    """When the newest was told; None: somebody must be there now."""


@dataclass(frozen=True, slots=True)
class Unowned:
    """So many cards for a role that nobody held when they were given."""

    role: str
    department: str
    """The department responsible: the role is looked for there and above."""
    count: int
    case_no: str


@dataclass(frozen=True, slots=True)
class Missed:
    """So many cards of a department whose explanation was not given in time, nor since."""

    department: str
    count: int
    number: str
    """One of them."""


_HEARD = exists().where(card_mark.c.number == card.c.number, card_mark.c.kind.in_(ANSWERED))


def waiting(connection: Connection) -> list[Waiting]:
    """Return what waits, by recipient as it was addressed."""
    return [*_cards(connection), *_notices(connection), *_tasks(connection)]


def unowned(connection: Connection) -> list[Unowned]:
    """Return the cards that found nobody for a role."""
    query = (
        select(card.c.nobody, card.c.department, func.count().label("n"), func.min(case.c.case_no))
        .join(case, case.c.id == card.c.case_id)
        .where(case.c.is_open, card.c.nobody != "", ~_HEARD)
        .group_by(card.c.nobody, card.c.department)
    )
    return [
        Unowned(role, department, count, case_no)
        for nobody, department, count, case_no in connection.execute(query)
        for role in unpacked(nobody)
    ]


def missed(connection: Connection) -> list[Missed]:
    """Return the departments that owe explanations whose time is over."""
    later = card_mark.alias("later")
    answered = exists().where(
        later.c.number == card_mark.c.number,
        later.c.kind.in_(ANSWERED),
        or_(
            later.c.seq > card_mark.c.seq,
            and_(later.c.seq == card_mark.c.seq, later.c.n > card_mark.c.n),
        ),
    )
    numbers = card.c.number
    query = (
        select(card.c.department, func.count(numbers.distinct()), func.min(numbers))
        .join(card_mark, card_mark.c.number == numbers)
        .join(case, case.c.id == card.c.case_id)
        .where(case.c.is_open, card_mark.c.kind == "missed", ~answered)
        .group_by(card.c.department)
        .order_by(card.c.department)
    )
    return [Missed(*row) for row in connection.execute(query)]


def _cards(connection: Connection) -> Iterator[Waiting]:
    query = (
        select(
            card.c.recipients,
            func.count().label("n"),
            func.min(case.c.case_no),
            func.max(card.c.told_at),
        )
        .join(case, case.c.id == card.c.case_id)
        .where(case.c.is_open, ~_HEARD)
        .group_by(card.c.recipients)
    )
    for recipients, count, case_no, told_at in connection.execute(query):
        yield from (Waiting("cards", to, count, case_no, told_at) for to in unpacked(recipients))


def _notices(connection: Connection) -> Iterator[Waiting]:
    told = notification
    query = (
        select(told.c.recipient, func.count(), func.min(case.c.case_no), func.max(told.c.at))
        .join(case, case.c.id == told.c.case_id)
        .where(case.c.is_open, told.c.kind != ISSUED)
        .group_by(told.c.recipient)
    )
    for row in connection.execute(query):
        yield Waiting("notices", *row)


def _tasks(connection: Connection) -> Iterator[Waiting]:
    query = (
        select(task.c.holder, task.c.department, func.count(), func.min(case.c.case_no))
        .join(case, case.c.id == task.c.case_id)
        .where(case.c.is_open, task.c.kind == "explain", task.c.state == "open")
        .group_by(task.c.holder, task.c.department)
    )
    for holder, department, count, case_no in connection.execute(query):
        yield Waiting("tasks", holder or f"d:{department}", count, case_no, None)
