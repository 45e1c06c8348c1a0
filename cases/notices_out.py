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
from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects import postgresql, sqlite

from cases.messages import NAMESPACE
from cases.notice_tables import notice as notice_table
from cases.projection import json_text

Kind = Literal[
    "reported", "dispatched", "rung_again", "escalated", "refused", "arbitrated", "forgotten",
    "report_due", "response", "warning", "merged", "handover", "lesson", "rota_hole", "milestone",
    "security", "capital", "project", "other",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
OF_PROJECTS = frozenset({"milestone", "security", "capital", "project"})
"""Kinds of notices about a project: `incident_id` is the project's id then."""

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
    )
    landed = statement.on_conflict_do_nothing().returning(notice_table.c.id)
    return connection.execute(landed).first() is not None


# --- readers ----------------------------------------------------------------------------------


def after(connection: Connection, n: int, most: int = 500) -> Sequence[KeptNotice]:
    """Return the notices with a number above `n`, as they were told."""
    query = select(notice_table).where(notice_table.c.n > n).order_by(notice_table.c.n)
    return [_notice(row) for row in connection.execute(query.limit(most))]


def of_incident(connection: Connection, incident_id: str) -> Sequence[KeptNotice]:
    """Return the notices about an incident, as they were told."""
    rows = connection.execute(
        select(notice_table)
        .where(notice_table.c.incident_id == incident_id)
        .order_by(notice_table.c.n)
    )
    return [_notice(row) for row in rows]


def with_ids(connection: Connection, ids: Collection[str]) -> Sequence[KeptNotice]:
    """Return these notices, the newest first."""
    rows = connection.execute(
        select(notice_table)
        .where(notice_table.c.id.in_(sorted(ids)))
        .order_by(notice_table.c.n.desc())
    )
    return [_notice(row) for row in rows]


def _notice(row: Row[Any]) -> KeptNotice:
    return KeptNotice(
        row.n, row.id, row.incident_id, row.recipient, row.kind, orjson.loads(row.fields),
        bool(row.urgent), row.told_at,
    )  # fmt: skip
