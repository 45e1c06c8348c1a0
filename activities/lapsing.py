"""A warning whose own time has run out: that it lapsed is announced, as its issue was.

Nobody orders it. One transaction: the act with its CAP message, its entry, the event for the
outbox, all keyed by what lapses, so that of two who look at once one writes and the other finds it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from activities.entries import STEP
from activities.warning_news import news_of
from audit.entry import EntryDraft, What, Where, Who, entry_id
from audit.outbox import record_many
from cases import warning_rows
from cases.alarms import announce
from cases.database import reading
from cases.incidents.cap import write_alert
from cases.warning_rows import KeptAct, NewAct
from cases.warnings import ENDS, LAPSE, OBJECT, lapse_command_id
from cases.warnings_cap import Said, alert_of
from catalogue.grid import Grid

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Lapsing:
    """Announces what has lapsed. Only the worker may: it writes the cases store."""

    engine: Engine
    city: str
    address: str
    """Public address without trailing slash."""
    grid: Callable[[], Grid]
    now: Callable[[], datetime]

    def look(self) -> tuple[list[str], list[str]]:
        """Announce what has lapsed; return the warnings (new), and nothing that is gone."""
        now = self.now()
        with reading(self.engine) as connection:
            found = warning_rows.lapsed(connection, now)
        return [one.warning for one in found if self._lapse(one, now)], []

    def _lapse(self, stands: KeptAct, now: datetime) -> bool:
        try:
            with self.engine.begin() as connection:
                earlier = warning_rows.acts(connection, stands.warning)
                if earlier[-1].seq != stands.seq or earlier[-1].verb in ENDS:
                    return False
                self._write(connection, earlier, now)
        except IntegrityError:
            # On PostgreSQL somebody else's act of this warning was faster: looked at anew.
            return False
        return True

    def _write(self, connection: Connection, earlier: list[KeptAct], now: datetime) -> None:
        last = earlier[-1]
        command_id = lapse_command_id(last.warning, last.seq)
        told = Said(last.warning, last.seq + 1, LAPSE, last.said, None, now)
        alert = alert_of(
            self.city, self.address, told, [one.issued_at for one in earlier], self.grid()
        )
        act = KeptAct(
            last.warning, last.seq + 1, LAPSE, SYSTEM, last.said, None,
            write_alert(alert).decode(), now, entry_id(command_id, STEP),
        )  # fmt: skip
        digest = hashlib.sha256(command_id.encode()).hexdigest()
        after = warning_rows.put(connection, NewAct(act, command_id, digest))
        record_many(connection, [(_entry(act, after), ())])
        announce(connection, news_of(act, self.city, self.address), act.warning, now)


def _entry(act: KeptAct, after: str) -> EntryDraft:
    return EntryDraft(
        id=act.entry_id,
        stream=f"{OBJECT}:{act.warning}",
        at=act.issued_at,
        who=Who(SYSTEM, "system"),
        act=LAPSE,
        obj=What(OBJECT, act.warning),
        why=act.said.level,
        where=Where(svc="worker"),
        after=after,
    )
