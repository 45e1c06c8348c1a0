"""`forms.keeping_ports.Keeping` over the stores, which are only read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Engine, func, select

from audit.logstore import LogMissing, LogReader
from audit.shards import reading_all
from cases import log_lines
from cases.database import reading
from cases.delivery_tables import delivery
from cases.log_lines import LineQuery
from cases.tables import outbox
from forms.keeping_ports import BackupTold, EventsOut, NoticesOut
from yichuang.web_log import Finder

BACKUPS: Final = ("backup_made", "backup_restored")


@dataclass(frozen=True)
class WebKeeping:
    """What waits at the doors, and what the log says of backups."""

    cases: Engine
    finder: Finder

    def events_out(self) -> EventsOut:
        unsent = outbox.c.sent_at.is_(None)
        with reading(self.cases) as connection:
            waiting, oldest = connection.execute(
                select(func.count(), func.min(outbox.c.created_at)).where(unsent)
            ).one()
            last = connection.execute(select(func.max(outbox.c.sent_at))).scalar()
        return EventsOut(int(waiting), oldest, last)

    def notices_out(self) -> Sequence[NoticesOut]:
        query = (
            select(
                delivery.c.channel, delivery.c.state, func.count(), func.max(delivery.c.changed_at)
            )
            .group_by(delivery.c.channel, delivery.c.state)
            .order_by(delivery.c.channel, delivery.c.state)
        )
        with reading(self.finder.web) as connection:
            return [NoticesOut(*row) for row in connection.execute(query)]

    def backups(self) -> Sequence[BackupTold]:
        try:
            self.finder.catch_up()
        except LogMissing:
            return ()  # no log, so nothing that it tells of
        with reading(self.finder.web) as connection:
            lines, _ = log_lines.search(connection, LineQuery(acts=BACKUPS))
        bodies = {(origin, seq): body for origin, seq, body in self._bodies(lines)}
        found = []
        for line in lines:
            said = bodies.get((line.origin, line.seq))
            if said is not None:
                thing = said["obj"]
                found.append(
                    BackupTold(
                        line.entry_id, line.act, line.at, str(thing.get("id", "")),
                        str(thing.get("step") or ""), str(thing.get("doc") or ""),
                    )
                )  # fmt: skip
        return found

    def _bodies(self, lines: Sequence[log_lines.Line]) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """Yield what the entries of these lines say; a purged one says nothing."""
        with reading_all(self.finder.log) as shards:
            for shard in shards:
                reader = LogReader(shard)
                origin = reader.state().origin
                for line in lines:
                    if line.origin == origin:
                        for entry in reader.entries(line.seq, line.seq + 1):
                            if entry.body:
                                yield origin, line.seq, orjson.loads(entry.body)
