"""What waits for a person, told once on the morning of a working day; in the web store.

A digest holds numbers alone: no case, no name. It says what stood at its minute; the page of
notices counts anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid5

from sqlalchemy import Connection, Row, insert, select

from cases.delivery_tables import digest
from cases.messages import NAMESPACE
from cases.notices_out import KeptNotice
from cases.web_tables import account

KIND = "digest"
"""Kind of the notice that carries it, beside those of `cases.notices_out`."""

COUNTED = ("open", "overdue", "warning", "team", "unread")
"""What is counted: tasks of the person's own; of these past, or near, their limit; open tasks of
their departments that nobody holds; notices they have not read."""

KEPT = timedelta(days=30)
"""How far back digests are listed."""


@dataclass(frozen=True, slots=True)
class Digest:
    """One person's digest of one day, in the city's zone."""

    id: str
    person: str
    day: str
    counts: Mapping[str, int]
    made_at: datetime


def digest_id(person: str, day: date) -> str:
    """Return the id of a person's digest of a day: the same whoever makes it."""
    return str(uuid5(NAMESPACE, f"digest\n{person}\n{day.isoformat()}"))


def without(connection: Connection, day: date, since: datetime) -> list[str]:
    """Return whose account is open and older than `since`, and who have no digest of that day."""
    made = select(digest.c.person).where(digest.c.day == day.isoformat())
    rows = connection.execute(
        select(account.c.id, account.c.valid_until)
        .where(account.c.kind == "human", account.c.disabled_at.is_(None))
        .where(account.c.created_at < since, account.c.id.not_in(made))
        .order_by(account.c.id)
    )
    return [row.id for row in rows if row.valid_until is None or row.valid_until > since]


def make(connection: Connection, made: Digest) -> None:
    """Write a digest. Raises `IntegrityError` where another has: nothing of this may stand then."""
    counts = {name: int(made.counts.get(name, 0)) for name in COUNTED}
    connection.execute(
        insert(digest).values(
            id=made.id, person=made.person, day=made.day, counts=counts, made_at=made.made_at
        )
    )


def of_person(connection: Connection, person: str, at: datetime) -> list[Digest]:
    """Return a person's digests that say something, the newest first."""
    rows = connection.execute(
        select(digest)
        .where(digest.c.person == person, digest.c.made_at >= at - KEPT)
        .order_by(digest.c.made_at.desc())
    )
    return [one for one in map(_digest, rows) if any(one.counts.values())]


def as_notice(connection: Connection, notice_id: str) -> KeptNotice | None:
    """Return the notice that carries a digest; None for what is none."""
    row = connection.execute(select(digest).where(digest.c.id == notice_id)).first()
    return None if row is None else notice_of(_digest(row))


def notice_of(made: Digest) -> KeptNotice:
    """Return a digest as a notice to its person. It has no number among those of incidents."""
    return KeptNotice(0, made.id, "", made.person, KIND, dict(made.counts), False, made.made_at)


def _digest(row: Row[Any]) -> Digest:
    return Digest(row.id, row.person, row.day, row.counts, row.made_at)
