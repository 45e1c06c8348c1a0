"""Which entries' period is over: by archive class of the case, never under six months."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select

from audit.logstore import StoredEntry
from cases.database import reading
from cases.tables import case, matter_version
from catalogue.archive import (
    LOG_BASIS,
    LOG_MONTHS,
    Archive,
    ArchiveClass,
    months_before,
    type_code_of,
)

LOG_CLASS: Final = "log"
"""Class of what is about no case: sign-ins, readings, searches, messages. Six months."""

LOG_STREAMS: Final = ("sys:auth", "sys:read", "sys:read:nats", "sys:refused", "sys:search")
"""Streams of that class: sign-ins, readings, refusals, searches. No row of a store is held against
them, and no later verification needs them; every other system stream stays."""


class TooYoung(Exception):
    """The period still runs. The sentence names the latest day that may be given."""

    def __init__(self, sentence: str, basis: str, latest: date | None) -> None:
        super().__init__(sentence)
        self.sentence, self.basis, self.latest = sentence, basis, latest


@dataclass(frozen=True)
class Retention:
    """Judges what may be purged today."""

    cases: Engine
    archive: Archive
    zone: str
    now: Callable[[], datetime]

    def basis(self, code: str) -> str:
        """Return the article under which entries of a class go."""
        return LOG_BASIS if code == LOG_CLASS else self.archive.basis

    def demand(self, before: date, code: str) -> None:
        """Raise `TooYoung` unless everything of this class before that day is out of its period.

        Raises `KeyError` for a class that is none.
        """
        today = self.now().astimezone(ZoneInfo(self.zone)).date()
        latest = months_before(today, LOG_MONTHS)
        if before > latest:
            raise TooYoung(
                f"日志留存不少于六个月，至多清除 {latest.isoformat()} 以前的", LOG_BASIS, latest
            )
        if code == LOG_CLASS:
            return
        kind = self.archive.find(code)
        if kind.years is None:
            raise TooYoung("永久保管的不清除", self.archive.basis, None)
        # A file closed in a year is kept until the first of January `years` + 1 later.
        latest = date(today.year - kind.years, 1, 1)
        if before > latest:
            raise TooYoung(
                f"{kind.name}保管的，至多清除 {latest.isoformat()} 以前办结的",
                self.archive.basis,
                latest,
            )

    def judge(self, before: date, code: str) -> Callable[[StoredEntry, datetime], bool]:
        """Return what tells of an entry and its instant whether it may go. Raises `TooYoung`."""
        self.demand(before, code)
        start = datetime(before.year, before.month, before.day, tzinfo=ZoneInfo(self.zone))
        if code == LOG_CLASS:
            return lambda entry, at: entry.stream in LOG_STREAMS and at < start
        streams = self._streams(start, self.archive.find(code))
        return lambda entry, at: entry.stream in streams and at < start

    def _streams(self, start: datetime, kind: ArchiveClass) -> frozenset[str]:
        """Return the streams of the cases of a class that were closed, and still, before then."""
        query = (
            select(case.c.id, case.c.matter, case.c.closed_at, matter_version.c.matter)
            .outerjoin(matter_version, matter_version.c.digest == case.c.matter_digest)
            .where(case.c.is_open.is_(False), case.c.last_at < start)
        )
        with reading(self.cases) as connection:
            rows = connection.execute(query).all()
        return frozenset(
            f"case:{row[0]}"
            for row in rows
            if row[2] is not None
            and row[2] < start
            and self.archive.of(row[1], type_code_of(row[3])) == kind
        )


__all__ = ["LOG_CLASS", "Retention", "TooYoung"]
