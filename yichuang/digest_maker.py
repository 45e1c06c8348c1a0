"""Makes the digests of a working day's morning and hands them to the channels of notices."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from audit.outbox import record
from cases import deliveries, digests
from cases.accounts import Accounts
from cases.database import reading
from cases.digests import Digest
from cases.habits import CHOICES, Habits
from cases.messages import Actor
from cases.views import WorklistQuery
from catalogue.working_days import Calendar
from forms.access_ports import Access
from forms.reader_ports import Reader
from yichuang.notices.finding import Lookup, Whom
from yichuang.notices.sending import entry

OFF = "off"

_log = logging.getLogger("yichuang.web")


@dataclass(frozen=True)
class DigestMaker:
    """Tells each person once a working day what waits; safe to run in several processes."""

    web: Engine
    accounts: Accounts
    reader: Reader
    access: Access
    unread: Callable[[Actor], int]
    lookup: Lookup
    """Which channels a person is reached over. The tray shows digests by itself."""
    calendar: Callable[[], Calendar]
    zone: ZoneInfo
    now: Callable[[], datetime]

    def make(self) -> int:
        """Make what is due at this minute; return how many. Nothing on a day off."""
        at = self.now().astimezone(self.zone)
        if not self.calendar().is_working(at.date()):
            return 0
        wishes = Habits(self.web).everybody("digest")
        with reading(self.web) as connection:
            # Whoever came today is told from tomorrow on.
            midnight = datetime.combine(at.date(), time.min, self.zone)
            waiting = digests.without(connection, at.date(), midnight)
        made = 0
        for person in waiting:
            wish = wishes.get(person, CHOICES["digest"][0])
            if wish != OFF and at.time() >= time.fromisoformat(wish):
                made += self._make(person, at)
        return made

    def _make(self, person: str, at: datetime) -> bool:
        found = self.accounts.find(person)
        if found is None:
            return False
        day = at.date()
        digest = Digest(
            digests.digest_id(person, day),
            person,
            day.isoformat(),
            self._counts(found.actor()),
            at,
        )
        notice = digests.notice_of(digest)
        try:
            with self.web.begin() as connection:
                digests.make(connection, digest)
                if any(digest.counts.values()):
                    ways = self.lookup.ways(connection, notice, Whom((person,)))
                    ways = [one for one in ways if one[1] != "in_app"]
                    deliveries.found(connection, notice, ways, at)
                    record(connection, entry(notice.id, "found", "notice_found", at))
        except IntegrityError:
            _log.info("the digest of %s was made elsewhere", day)
            return False
        return True

    def _counts(self, actor: Actor) -> Mapping[str, int]:
        counts = {"unread": self.unread(actor)}
        if self.access.may(actor, "list", "case").allowed:
            mine = self.reader.worklist(actor, WorklistQuery(scope="mine"))
            counts |= {
                "open": mine.total,
                "overdue": mine.overdue,
                "warning": mine.warning,
                "team": self.reader.counts(actor).team,
            }
        return counts
