"""At an incident's end the keys of its people's data go (突发事件应对法第八十五条).

First the entry `payload.erased`, committed with the row that says it must be carried through; then,
once the log has it, the key. A crash anywhere leaves a row to go on from, and never a key that is
gone without its entry. What is sealed under the key is from then on bytes that nothing opens, in
every store and every copy of one; a backup of the keys is the exception (docs/erasure.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from audit.entry import ERASED, What, entry_id
from audit.logstore import LogReader
from audit.outbox import record
from audit.shards import holding
from audit.vault import SubjectVault
from cases import incident_ends
from cases.database import StoreUnwritable, open_engine, reading
from cases.incident_ended import ended
from cases.incidents.personal import ARTICLE, personal_key
from yichuang import joining, temporal
from yichuang.erasing_elsewhere import StillRunning, delete_runs
from yichuang.log_entries import draft_of_the_log
from yichuang.settings import Settings

_log = logging.getLogger("yichuang.personal_ends")

Ended = Callable[[Connection, datetime], Sequence[str]]
"""Ids of archived incidents whose personal data nobody keeps, and whose end was not begun."""


@dataclass(frozen=True, slots=True)
class PersonalEnds:
    """Looks for incidents that have ended, and carries their ends through."""

    cases: Engine
    log: Engine
    """The log, read: an end is carried through only once its entry stands there."""
    vault: SubjectVault
    ended: Ended
    now: Callable[[], datetime]
    histories: Callable[[str], int] = lambda incident_id: 0
    """Deletes what Temporal keeps of an incident: orders as they came, with names in them, sealed
    under the master key alone. Raises `StillRunning`, and what says that Temporal is away."""

    def look(self) -> int:
        """Begin what has ended, finish what the log knows of; return how many were finished."""
        self._begin()
        return self._finish()

    def _begin(self) -> None:
        now = self.now()
        with reading(self.cases) as connection:
            found = list(self.ended(connection, now))
        for incident_id in found:
            draft = draft_of_the_log(
                act=ERASED,
                obj=What("subject", personal_key(incident_id)),
                command_id=f"{incident_id}:personal",
                why=ARTICLE,
                at=now,
            )
            with self.cases.begin() as connection:
                if incident_ends.begin(connection, incident_id, draft.id, now):
                    record(connection, draft)

    def _finish(self) -> int:
        done = 0
        with reading(self.cases) as connection:
            waiting = incident_ends.unfinished(connection)
        for one in waiting:
            if not self._is_logged(one.entry_id):
                continue
            self.vault.destroy(personal_key(one.incident_id))
            self.histories(one.incident_id)
            with self.cases.begin() as connection:
                incident_ends.finish(connection, one.incident_id, self.now())
            done += 1
        return done

    def _is_logged(self, wanted: str) -> bool:
        with holding(self.log, wanted) as connection:
            return LogReader(connection).entry(wanted) is not None


def end_entry(incident_id: str) -> str:
    """Return the id of the entry by which an incident's personal data ends."""
    return entry_id(f"{incident_id}:personal", ERASED)


EVERY_SECONDS: Final = 60.0
AWAY = (SQLAlchemyError, StoreUnwritable, RPCError, RuntimeError, StillRunning)
"""What may be away, or still under way: the next look goes on from there."""


async def carry_on(settings: Settings) -> None:
    """Look every minute until cancelled. Raises `KeyMissing`, `SettingMissing` at once."""
    ends = PersonalEnds(
        open_engine(settings.store_url("cases")),
        open_engine(settings.store_url("log"), read_only=True),
        joining.vault_of(settings),
        partial(ended, zone=settings.zone),
        lambda: datetime.now(UTC),
        lambda incident_id: asyncio.run(_forgotten(settings, incident_id)),
    )
    while True:
        try:
            done = await asyncio.to_thread(ends.look)
            if done:
                _log.info("个人信息销毁 %d 个事件", done)
        except AWAY as away:
            _log.warning("personal data does not end now, soon again: %s", away)
        await asyncio.sleep(EVERY_SECONDS)


async def _forgotten(settings: Settings, incident_id: str) -> int:
    return await delete_runs(await temporal.connect(settings), f"incident-{incident_id}")
