"""Telling somebody about an incident: a row in the transaction of what happened, then its way out.

`tell` only writes down that somebody is to be told; who that is at this minute, and over which
channel, is found when it goes out (`yichuang/notifying.py`), so that a change of shift between the
two reaches the new shift. The caller owns the transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import uuid5

import orjson
from pydantic import JsonValue
from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cases.messages import NAMESPACE
from cases.notice_tables import delivery as delivery_table
from cases.notice_tables import notice as notice_table
from cases.projection import json_text

Channel = Literal["in_app", "email", "sms", "im", "webhook"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
State = Literal["queued", "sent", "delivered", "failed"]

Kind = Literal[
    "reported", "dispatched", "rung_again", "escalated", "refused", "arbitrated", "forgotten",
    "report_due", "response", "warning", "merged", "handover", "lesson", "rota_hole", "other",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

DUTY = "duty:"
"""Recipient: whoever is on duty for the department of that code."""
LEADER = "leader:"
"""Recipient: who leads the duty of the department of that code (带班领导)."""
ROLE = "r:"
"""Recipient: `r:<role>:<department>`, everybody who holds it there (`*`: in the whole city)."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What somebody is to be told."""

    recipient: str
    """A user id, `duty:<department>`, `leader:<department>` or `r:<role>:<department>`."""
    kind: Kind
    incident_id: str
    key: str
    """What makes it one notice: told again under the same key to the same recipient, it is not."""
    fields: Mapping[str, JsonValue] = field(default_factory=dict)
    """number, type, level, district, due, rung …: what the sentence is made of. They go over SMS
    and e-mail: nothing personal, no text that somebody typed."""
    urgent: bool = False

    @property
    def id(self) -> str:
        """Id of the notice, the same whenever it is told again."""
        text = f"notice\n{self.incident_id}\n{self.kind}\n{self.recipient}\n{self.key}"
        return str(uuid5(NAMESPACE, text))


@dataclass(frozen=True, slots=True)
class KeptNotice:
    """A notice as it stands in the store."""

    n: int
    id: str
    incident_id: str
    recipient: str
    kind: str
    fields: Mapping[str, JsonValue]
    urgent: bool
    told_at: datetime
    nobody: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a notice got to one person over one channel."""

    notice_id: str
    person: str
    channel: Channel
    state: State
    tries: int
    changed_at: datetime
    reason: str


def tell(connection: Connection, notice: Notice, at: datetime) -> bool:
    """Write down that somebody is to be told; False when they were told under this key already.

    In the caller's transaction: the notice is true if and only if what it tells is.
    """
    insertion = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insertion(notice_table).values(
        id=notice.id,
        incident_id=notice.incident_id,
        recipient=notice.recipient,
        kind=notice.kind,
        fields=json_text(dict(notice.fields)),
        urgent=notice.urgent,
        told_at=at,
        nobody="",
    )
    landed = statement.on_conflict_do_nothing().returning(notice_table.c.id)
    return connection.execute(landed).first() is not None


# --- the way out ------------------------------------------------------------------------------


def unfound(connection: Connection, most: int = 200) -> Sequence[KeptNotice]:
    """Return notices for which nobody has been looked up yet: urgent ones first, then as told."""
    rows = connection.execute(
        select(notice_table)
        .where(notice_table.c.found_at.is_(None))
        .order_by(notice_table.c.urgent.desc(), notice_table.c.n)
        .limit(most)
    )
    return [_notice(row) for row in rows]


def found(
    connection: Connection,
    notice_id: str,
    ways: Collection[tuple[str, Channel]],
    at: datetime,
    nobody: str = "",
) -> bool:
    """Write whom a notice goes to, over which channels; False when somebody had looked it up.

    `nobody` is the department that had nobody on duty, if so.
    """
    changed = connection.execute(
        update(notice_table)
        .where(notice_table.c.id == notice_id, notice_table.c.found_at.is_(None))
        .values(found_at=at, nobody=nobody)
    )
    if changed.rowcount != 1:
        return False
    for person, channel in sorted(set(ways)):
        here = channel == "in_app"  # it is in the tray as soon as the row is there
        connection.execute(
            insert(delivery_table).values(
                notice_id=notice_id,
                person=person,
                channel=channel,
                state="delivered" if here else "queued",
                tries=0,
                next_at=None if here else at,
                changed_at=at,
                reason="",
            )
        )
    return True


def due(
    connection: Connection, channel: Channel, at: datetime, most: int = 50
) -> Sequence[tuple[KeptNotice, Delivery]]:
    """Return what one channel has to try now: urgent ones first, then the longest waiting."""
    table = delivery_table
    rows = connection.execute(
        select(notice_table, table.c.person, table.c.channel, table.c.state, table.c.tries,
               table.c.changed_at, table.c.reason)
        .join(notice_table, notice_table.c.id == table.c.notice_id)
        .where(table.c.channel == channel, table.c.next_at <= at)
        .order_by(notice_table.c.urgent.desc(), table.c.next_at, notice_table.c.n)
        .limit(most)
    )  # fmt: skip
    return [(_notice(row), _delivery(row, row.id)) for row in rows]


def went(
    connection: Connection,
    one: Delivery,
    state: State,
    at: datetime,
    *,
    next_at: datetime | None = None,
    reason: str = "",
    tried: bool = True,
) -> bool:
    """Write what came of a try. What has arrived stays so: False when it had already.

    `next_at` is when it is tried again; None: not any more.
    """
    table = delivery_table
    changed = connection.execute(
        update(table)
        .where(table.c.notice_id == one.notice_id, table.c.person == one.person)
        .where(table.c.channel == one.channel, table.c.state != "delivered")
        .values(
            state=state,
            tries=one.tries + (1 if tried else 0),
            next_at=next_at,
            changed_at=at,
            reason=reason[:200],
        )
    )
    return changed.rowcount == 1


# --- readers ----------------------------------------------------------------------------------


def of_incident(
    connection: Connection, incident_id: str
) -> Sequence[tuple[KeptNotice, Sequence[Delivery]]]:
    """Return who was told what of an incident, and how far it got, as it was told."""
    notices = [
        _notice(row)
        for row in connection.execute(
            select(notice_table)
            .where(notice_table.c.incident_id == incident_id)
            .order_by(notice_table.c.n)
        )
    ]
    by_notice: dict[str, list[Delivery]] = {one.id: [] for one in notices}
    rows = connection.execute(
        select(delivery_table)
        .where(delivery_table.c.notice_id.in_(sorted(by_notice)))
        .order_by(delivery_table.c.person, delivery_table.c.channel)
    )
    for row in rows:
        by_notice[row.notice_id].append(_delivery(row, row.notice_id))
    return [(one, by_notice[one.id]) for one in notices]


def tray(connection: Connection, person: str, most: int = 100) -> Sequence[KeptNotice]:
    """Return what one person was told here, the newest first."""
    rows = connection.execute(
        select(notice_table)
        .join(delivery_table, delivery_table.c.notice_id == notice_table.c.id)
        .where(delivery_table.c.person == person, delivery_table.c.channel == "in_app")
        .order_by(notice_table.c.n.desc())
        .limit(most)
    )
    return [_notice(row) for row in rows]


def find(connection: Connection, notice_id: str, person: str) -> KeptNotice | None:
    """Return a notice of the person's tray."""
    row = connection.execute(
        select(notice_table)
        .join(delivery_table, delivery_table.c.notice_id == notice_table.c.id)
        .where(notice_table.c.id == notice_id, delivery_table.c.person == person)
        .where(delivery_table.c.channel == "in_app")
    ).first()
    return None if row is None else _notice(row)


def waiting(connection: Connection, before: datetime) -> int:
    """Return how many deliveries have waited since before an instant, all channels together."""
    table = delivery_table
    query = (
        select(func.count())
        .select_from(table)
        .join(notice_table, notice_table.c.id == table.c.notice_id)
        .where(table.c.state == "queued", notice_table.c.told_at < before)
    )
    return int(connection.execute(query).scalar_one())


def _notice(row: Row[Any]) -> KeptNotice:
    return KeptNotice(
        row.n, row.id, row.incident_id, row.recipient, row.kind, orjson.loads(row.fields),
        bool(row.urgent), row.told_at, row.nobody,
    )  # fmt: skip


def _delivery(row: Row[Any], notice_id: str) -> Delivery:
    return Delivery(
        notice_id, row.person, row.channel, row.state, row.tries, row.changed_at, row.reason
    )
