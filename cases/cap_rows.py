"""SQL of the CAP messages. The web is the only writer; the caller owns the transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from cases.cap_tables import cap_link
from cases.incidents.cap_chain import Link, Step
from cases.incidents.signal import Signal


@dataclass(frozen=True, slots=True)
class KeptAlert:
    """A message that was taken."""

    key: str
    digest: str
    what: str
    why: str
    signals: tuple[Signal, ...]
    is_out: bool


def named(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def find(connection: Connection, key: str) -> KeptAlert | None:
    """Return the message, None when it was never taken."""
    row = connection.execute(
        select(cap_link).where(cap_link.c.id == named(key), cap_link.c.digest != "")
    ).one_or_none()
    if row is None:
        return None
    signals = tuple(Signal.model_validate(one) for one in json.loads(row.signals))
    return KeptAlert(row.key, row.digest, row.what, row.why, signals, row.is_out)


def links(connection: Connection, keys: Collection[str]) -> dict[str, Link]:
    """Return the links of these messages, and of every chain they belong to."""
    ids = [named(key) for key in keys]
    roots = select(cap_link.c.root_id).where(cap_link.c.id.in_(ids))
    query = select(cap_link).where(or_(cap_link.c.id.in_(ids), cap_link.c.root_id.in_(roots)))
    return {row.key: _link(row) for row in connection.execute(query)}


def _link(row: Row[Any]) -> Link:
    return Link(row.key, row.root, row.seen, row.ended_by, row.told)


def keep(
    connection: Connection, taken: Step, digest: str, signals: Sequence[Signal], by: str,
    at: datetime,
) -> None:  # fmt: skip
    """Write a message, which is the step's first link, and what it changes of others."""
    own, *others = taken.links
    said = json.dumps([one.model_dump(mode="json") for one in signals], ensure_ascii=False)
    _put(
        connection, own,
        {"digest": digest, "what": taken.what, "why": taken.why, "sent_by": by, "received_at": at,
         "signals": said, "is_out": not signals},
    )  # fmt: skip
    for one in others:
        _put(connection, one, {})


def _put(connection: Connection, link: Link, more: Mapping[str, object]) -> None:
    values = {
        "key": link.key, "root": link.root, "root_id": named(link.root), "seen": link.seen,
        "ended_by": link.ended_by, "told": link.told, **more,
    }  # fmt: skip
    which = named(link.key)
    changed = connection.execute(update(cap_link).where(cap_link.c.id == which).values(**values))
    if changed.rowcount:
        return
    unseen = {"digest": "", "what": "", "why": "", "sent_by": "", "received_at": None,
              "signals": "[]", "is_out": True}  # fmt: skip
    connection.execute(insert(cap_link).values(id=which, **{**unseen, **values}))


def out(connection: Connection, key: str) -> None:
    """Note that the signals of a message lie in the stream."""
    connection.execute(update(cap_link).where(cap_link.c.id == named(key)).values(is_out=True))
