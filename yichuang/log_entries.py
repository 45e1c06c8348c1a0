"""Entries about the log itself: they are recorded in its own store, on one stream."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from audit.entry import LOG_STREAM, EntryDraft, Outcome, What, Who, entry_id
from audit.outbox import Recorded, record
from cases.database import open_engine
from yichuang.settings import Settings

STREAM: Final = LOG_STREAM

SYSTEM: Final = Who("system", "system")
"""Who acts when no person does: the sequencer at the turn of a half-year, a daily token."""


def record_of_the_log(
    settings: Settings,
    *,
    act: str,
    obj: What,
    command_id: UUID | str,
    why: str | None = None,
    who: Who = SYSTEM,
    res: Outcome = "ok",
    before: str | None = None,
    after: str | None = None,
    at: datetime | None = None,
) -> Recorded:
    """Record one entry in a transaction of its own; the sequencer takes it from there.

    The same `command_id` and `act` again is the same entry, whose first instant stays. Raises
    what `audit.outbox.record` does.
    """
    draft = draft_of_the_log(
        act=act,
        obj=obj,
        command_id=command_id,
        why=why,
        who=who,
        res=res,
        before=before,
        after=after,
        at=at,
    )
    engine = open_engine(settings.store_url("log"))
    try:
        with engine.begin() as connection:
            return record(connection, draft)
    finally:
        engine.dispose()


def draft_of_the_log(
    *,
    act: str,
    obj: What,
    command_id: UUID | str,
    why: str | None = None,
    who: Who = SYSTEM,
    res: Outcome = "ok",
    before: str | None = None,
    after: str | None = None,
    at: datetime | None = None,
) -> EntryDraft:
    """Return the entry, to be recorded by whoever holds the transaction."""
    return EntryDraft(
        id=entry_id(command_id, act),
        stream=STREAM,
        at=at or datetime.now(UTC),
        who=who,
        act=act,
        obj=obj,
        res=res,
        why=why,
        before=before,
        after=after,
    )
