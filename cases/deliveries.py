"""How far notices got: whom each went to, over which channel, what came of it.

In the web store, in the caller's transaction. A channel that is down changes its own rows alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Row, and_, exists, func, insert, select, update

from cases.delivery_tables import delivery, notice_found
from cases.duty_tables import notice_mark
from cases.notices_out import KeptNotice

Channel = Literal["in_app", "email", "sms", "im", "webhook"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
State = Literal["queued", "sent", "delivered", "failed"]

CHANNEL_WORDS: Mapping[str, str] = MappingProxyType(
    {"in_app": "站内", "email": "邮件", "sms": "短信", "im": "即时消息", "webhook": "系统推送"}
)
STATE_WORDS: Mapping[str, str] = MappingProxyType(
    {"queued": "待发", "sent": "已发", "delivered": "已送达", "failed": "未送达"}
)

OFFICE = "@"
"""What stands before a department's code where a notice goes to its system and not to a person."""

PAUSES = tuple(timedelta(seconds=s) for s in (5, 15, 45, 120, 300, 600, 900, 1800))
"""Between a try and the next; after the last it has failed. An hour in all: what somebody hears
later than that about an incident, they hear elsewhere. The house's rule."""

CLAIM = timedelta(seconds=60)
"""How long a try may take before another takes it for dead; a channel's own patience is shorter."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a notice got to one person over one channel."""

    notice_id: str
    person: str
    channel: Channel
    state: State
    tries: int
    next_at: datetime | None
    changed_at: datetime
    reason: str


def newest(connection: Connection) -> int:
    """Return the highest number of a notice that was looked up; 0: none was."""
    return int(connection.execute(select(func.max(notice_found.c.n))).scalar() or 0)


def known(connection: Connection, ids: Collection[str]) -> set[str]:
    """Return which of these notices were looked up already."""
    query = select(notice_found.c.notice_id).where(notice_found.c.notice_id.in_(sorted(ids)))
    return set(connection.execute(query).scalars())


def found(
    connection: Connection,
    notice: KeptNotice,
    ways: Collection[tuple[str, Channel]],
    at: datetime,
    nobody: str = "",
) -> None:
    """Write whom a notice goes to, over which channels.

    `nobody` is the department that had nobody on duty, if so. Raises `IntegrityError` where
    another has looked it up: nothing of this transaction may stand then.
    """
    connection.execute(
        insert(notice_found).values(
            notice_id=notice.id, n=notice.n, incident_id=notice.incident_id, found_at=at,
            nobody=nobody,
        )
    )  # fmt: skip
    for person, channel in sorted(set(ways)):
        here = channel == "in_app"  # it is in the tray as soon as the row is there
        connection.execute(
            insert(delivery).values(
                notice_id=notice.id,
                person=person,
                channel=channel,
                state="delivered" if here else "queued",
                tries=0,
                next_at=None if here else at,
                changed_at=at,
                reason="",
            )
        )


def due(
    connection: Connection, channel: Channel, at: datetime, most: int = 50
) -> Sequence[Delivery]:
    """Return what one channel has to try now, the longest waiting first."""
    rows = connection.execute(
        select(delivery)
        .where(delivery.c.channel == channel, delivery.c.next_at <= at)
        .order_by(delivery.c.next_at, delivery.c.notice_id)
        .limit(most)
    )
    return [_delivery(row) for row in rows]


def claim(connection: Connection, one: Delivery, at: datetime) -> bool:
    """Take a try for oneself; False when another has it. It comes back after `CLAIM`."""
    changed = connection.execute(
        update(delivery)
        .where(_same(one), delivery.c.next_at == one.next_at, delivery.c.tries == one.tries)
        .values(next_at=at + CLAIM, tries=one.tries + 1)
    )
    return changed.rowcount == 1


def went(
    connection: Connection, one: Delivery, state: State, at: datetime, reason: str = ""
) -> bool:
    """Write what came of a try that was claimed. What has arrived stays so: False when it had.

    `queued` means that it is tried again, after a pause that grows; after the last it has failed.
    """
    next_at = None
    if state == "queued":
        if one.tries < len(PAUSES):
            next_at = at + PAUSES[one.tries]
        else:
            state = "failed"
    changed = connection.execute(
        update(delivery)
        .where(_same(one), delivery.c.state != "delivered")
        .values(state=state, next_at=next_at, changed_at=at, reason=reason[:200])
    )
    return changed.rowcount == 1


def one(connection: Connection, notice_id: str, person: str, channel: str) -> Delivery | None:
    """Return one delivery."""
    row = connection.execute(
        select(delivery).where(
            delivery.c.notice_id == notice_id,
            delivery.c.person == person,
            delivery.c.channel == channel,
        )
    ).first()
    return None if row is None else _delivery(row)


def of_notices(connection: Connection, ids: Collection[str]) -> Mapping[str, Sequence[Delivery]]:
    """Return the deliveries of each notice; a notice that was not looked up yet has none."""
    out: dict[str, list[Delivery]] = {}
    rows = connection.execute(
        select(delivery)
        .where(delivery.c.notice_id.in_(sorted(ids)))
        .order_by(delivery.c.notice_id, delivery.c.person, delivery.c.channel)
    )
    for row in rows:
        out.setdefault(row.notice_id, []).append(_delivery(row))
    return out


def tray(connection: Connection, person: str, most: int = 100) -> list[str]:
    """Return the ids of what one person was told here, the newest first."""
    query = (
        select(delivery.c.notice_id)
        .where(delivery.c.person == person, delivery.c.channel == "in_app")
        .order_by(delivery.c.changed_at.desc(), delivery.c.notice_id)
        .limit(most)
    )
    return list(connection.execute(query).scalars())


def unread(connection: Connection, person: str, most: int = 100) -> int:
    """Return how many notices of the tray the person has not read, counted up to `most`."""
    read = exists().where(
        notice_mark.c.person == person, notice_mark.c.notice == delivery.c.notice_id
    )
    query = (
        select(delivery.c.notice_id)
        .where(delivery.c.person == person, delivery.c.channel == "in_app", ~read)
        .limit(most)
    )
    return len(connection.execute(query).all())


def nobody_of(connection: Connection, ids: Collection[str]) -> Mapping[str, str]:
    """Return for which notices nobody was on duty: notice → department."""
    query = select(notice_found.c.notice_id, notice_found.c.nobody).where(
        notice_found.c.notice_id.in_(sorted(ids)), notice_found.c.nobody != ""
    )
    return {row.notice_id: row.nobody for row in connection.execute(query)}


def _same(one: Delivery) -> Any:
    return and_(
        delivery.c.notice_id == one.notice_id,
        delivery.c.person == one.person,
        delivery.c.channel == one.channel,
    )


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        row.notice_id, row.person, row.channel, row.state, row.tries, row.next_at, row.changed_at,
        row.reason,
    )  # fmt: skip
