"""Entries about messages: what came in over NATS, and what went out, many in one entry.

One entry stands for what one transaction took or sent, so that a storm of messages is no storm of
entries. `after` is the digest of one line per message, in this order; the rows of the same
transaction tell the lines again, so that a message left out is noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import uuid4

from audit.entry import EntryDraft, Outcome, What, Where, Who

ORDERS: Final = "sys:orders"
"""Messages that came to the gateway. Only the gateway's store has it."""
READINGS: Final = "sys:readings"
"""Messages with readings. Only the readings store has it."""
SIGNALS: Final = "sys:signals"
"""Signals and what became of them. Only the store of signals has it."""
EVENTS: Final = "sys:events:"
"""Events that were published, per store whose outbox they stood in."""

TAKEN: Final = "message_taken"
REPEATED: Final = "message_repeated"
BURIED: Final = "message_buried"
PUBLISHED: Final = "events_published"


def digest_of_lines(lines: Iterable[Sequence[object]]) -> str:
    """Return the hex SHA-256 of one line per message: its values, length before each."""
    total = hashlib.sha256()
    for line in lines:
        for value in line:
            text = str(value).encode(errors="surrogatepass")
            total.update(len(text).to_bytes(4) + text)
        total.update(b"\n")
    return total.hexdigest()


def covering(
    stream: str,
    act: str,
    lines: Sequence[Sequence[object]],
    at: datetime,
    *,
    who: Who,
    svc: str,
    span: str = "-",
    res: Outcome = "ok",
    why: str | None = None,
) -> EntryDraft:
    """Return the entry that stands for these messages. `span` names them where they have numbers.

    Its id is its own: the same message coming twice has come twice.
    """
    return EntryDraft(
        id=str(uuid4()),
        stream=stream,
        at=at,
        who=who,
        act=act,
        obj=What("message", span, str(len(lines))),
        res=res,
        why=why,
        where=Where(svc=svc),
        after=digest_of_lines(lines),
    )
