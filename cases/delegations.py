"""Delegations: proposed by the one who will be away, accepted by the deputy, ended by either.

Every function works inside the caller's transaction; the caller writes the entry into the same
one. All instants are handed in, aware.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from cases.delegation_tables import delegation, deputy_now
from cases.deputies import Delegation, Deputyship, Why
from cases.messages import Grant
from cases.web_tables import account


class NotOpen(Exception):
    """No such delegation waits for that: it is settled, over, or not this person's."""


def propose(connection: Connection, new: Delegation) -> None:
    """Write a proposal; whoever calls has asked the gate (`policies.delegation`)."""
    connection.execute(
        insert(delegation).values(
            id=new.id,
            delegator=new.delegator,
            deputy=new.deputy,
            grants=[[grant.role, grant.department] for grant in new.grants],
            reason=new.reason,
            starts_at=new.starts_at,
            ends_at=new.ends_at,
            proposed_at=new.proposed_at,
            accepted_by="",
            ended_by="",
            why="",
        )
    )


def accept(connection: Connection, id: str, deputy: str, at: datetime) -> None:
    """The deputy agrees. Raises `NotOpen`."""
    changed = connection.execute(
        update(delegation)
        .where(delegation.c.id == id, delegation.c.deputy == deputy)
        .where(delegation.c.accepted_at.is_(None), delegation.c.ended_at.is_(None))
        .where(delegation.c.ends_at > at)
        .values(accepted_by=deputy, accepted_at=at)
    )
    if changed.rowcount != 1:
        raise NotOpen(id)


def end(connection: Connection, id: str, by: str, at: datetime, why: Why) -> None:
    """End it now, whether it was accepted or not. Raises `NotOpen`."""
    changed = connection.execute(
        update(delegation)
        .where(delegation.c.id == id, delegation.c.ended_at.is_(None))
        .values(ended_by=by, ended_at=at, why=why)
    )
    if changed.rowcount != 1:
        raise NotOpen(id)


def find(connection: Connection, id: str) -> Delegation | None:
    """Return one delegation."""
    row = connection.execute(select(delegation).where(delegation.c.id == id)).first()
    return None if row is None else _delegation(row)


def of_person(connection: Connection, user: str, most: int = 200) -> Sequence[Delegation]:
    """Return what a person has delegated or was asked to act in, the newest first."""
    rows = connection.execute(
        select(delegation)
        .where(or_(delegation.c.delegator == user, delegation.c.deputy == user))
        .order_by(delegation.c.proposed_at.desc(), delegation.c.id)
        .limit(most)
    )
    return [_delegation(row) for row in rows]


def unended(connection: Connection) -> Sequence[Delegation]:
    """Return every delegation that nobody and nothing has ended yet."""
    rows = connection.execute(select(delegation).where(delegation.c.ended_at.is_(None)))
    return [_delegation(row) for row in rows]


def deputyships(connection: Connection, deputy: str, at: datetime) -> Sequence[Deputyship]:
    """Return for whom a person may act at this moment."""
    rows = connection.execute(
        select(deputy_now)
        .where(deputy_now.c.deputy == deputy)
        .where(deputy_now.c.starts_at <= at, deputy_now.c.ends_at > at)
        .order_by(deputy_now.c.ends_at, deputy_now.c.id)
    )
    return [one for row in rows if (one := _deputyship(row)).grants]


def deputyship(connection: Connection, id: str, deputy: str, at: datetime) -> Deputyship | None:
    """Return one of `deputyships`; None when it does not count (any more)."""
    return next((one for one in deputyships(connection, deputy, at) if one.id == id), None)


def lapsed(connection: Connection, at: datetime) -> Sequence[tuple[Delegation, Why]]:
    """Return what no longer counts though nobody has ended it, with what ended it.

    Nothing waits for this: a delegation stops to count by itself (`deputy_now`).
    """
    open_ones = unended(connection)
    people = {one.delegator for one in open_ones} | {one.deputy for one in open_ones}
    rows = connection.execute(
        select(account.c.id, account.c.grants)
        .where(account.c.id.in_(sorted(people)), account.c.disabled_at.is_(None))
    )  # fmt: skip
    held = {row.id: _grants(row.grants) for row in rows}
    return [(one, why) for one in open_ones if (why := _why_over(one, held, at)) is not None]


def _why_over(one: Delegation, held: Mapping[str, Collection[Grant]], at: datetime) -> Why | None:
    if at >= one.ends_at:
        return "time"
    if one.delegator not in held or one.deputy not in held:
        return "account"
    return "grant" if set(held[one.delegator]).isdisjoint(one.grants) else None


def _delegation(row: Row[Any]) -> Delegation:
    return Delegation(
        id=row.id,
        delegator=row.delegator,
        deputy=row.deputy,
        grants=_grants(row.grants),
        reason=row.reason,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        proposed_at=row.proposed_at,
        accepted_at=row.accepted_at,
        ended_by=row.ended_by,
        ended_at=row.ended_at,
        why=row.why,
    )


def _deputyship(row: Row[Any]) -> Deputyship:
    return Deputyship(row.id, row.deputy, row.delegator, _grants(row.grants), row.ends_at)


def _grants(pairs: Sequence[Sequence[str]]) -> tuple[Grant, ...]:
    return tuple(Grant(role=role, department=department) for role, department in pairs)
