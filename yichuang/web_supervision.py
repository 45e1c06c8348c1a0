"""The supervisors' board, lists and report for pages and the command line, over the real stores."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from threading import Lock
from typing import Protocol
from uuid import uuid4

from sqlalchemy import Engine

from activities.reports import ReportFacts, report_html
from audit.entry import EntryDraft, What, Who
from audit.entry import Where as EntryWhere
from audit.outbox import record
from cases.alarms import KeptAlarm, open_alarms
from cases.boards import Board, BoardQuery, Boards, Compared, Watching, WatchQuery
from cases.database import bounded, one_moment, reading
from cases.delay_shares import SharedClock, ShareLine, ShareQuery, shared_clocks, shares
from cases.drilled import Drilled, DrillQuery, drilled
from cases.holders import EVERYWHERE
from cases.messages import Actor
from cases.months import span_of
from cases.oversight import Wanted, WatchCounts, WatchedClock, counts
from cases.refused import Refused, RefusedQuery, refused
from cases.seen import Seen
from cases.tallied import Tally, opened
from catalogue.load import Catalogue
from catalogue.working_days import Calendar
from forms.entrance_ports import Visitor, Where
from forms.reader_ports import File
from policies.access import Access
from yichuang.case_reach import CaseReach

REPORT_STREAM = "sys:report"
"""Every report that left the house: who made it, of which month, and the digest of the PDF."""

REPORT_ROWS = 40
"""Lines of each list in a report."""


class Press(Protocol):
    """What prints a page that has everything inside itself."""

    def print_html(self, html: str) -> bytes: ...


class LazyPress:
    """A press that starts with the first page: most web processes never print one."""

    def __init__(self, catalogue: Callable[[], Catalogue]) -> None:
        self._catalogue = catalogue
        self._press: Press | None = None
        self._lock = Lock()

    def print_html(self, html: str) -> bytes:
        """Return the PDF. Raises `GlyphMissing`, `FontsMissing`, `PressFailed`."""
        with self._lock:
            if self._press is None:
                from activities.press import DocumentPress

                self._press = DocumentPress(self._catalogue, "")
        return self._press.print_html(html)


@dataclass(frozen=True)
class Oversight:
    """Boards and reports over one cases store."""

    engine: Engine
    catalogue: Callable[[], Catalogue]
    zone: str
    now: Callable[[], datetime]

    def board(self, seen: Seen, query: BoardQuery, rows: int = 10) -> Board:
        with one_moment(self.engine) as connection:
            boards = self._boards(opened(connection, seen, self.zone))
            return boards.board(connection, seen.where, query, self.now(), rows=rows)

    def counts(self, seen: Seen, matter: str, department: str) -> WatchCounts:
        with one_moment(self.engine) as connection:
            kept = opened(connection, seen, self.zone)
            wanted = Wanted(seen.where, self.now(), matter=matter, department=department, kept=kept)
            return counts(connection, wanted)

    def watching(self, seen: Seen, query: BoardQuery) -> Watching:
        with one_moment(self.engine) as connection:
            boards = self._boards(opened(connection, seen, self.zone))
            return boards.watching(connection, seen.where, query, self.now())

    def watched(
        self, seen: Seen, query: WatchQuery, size: int
    ) -> tuple[Sequence[WatchedClock], int]:
        with one_moment(self.engine) as connection:
            boards = self._boards(opened(connection, seen, self.zone))
            return boards.watched(connection, seen.where, query, self.now(), size)

    def drilled(self, seen: Seen, query: DrillQuery, size: int) -> Drilled:
        with one_moment(self.engine) as connection:
            kept = opened(connection, seen, self.zone)
            return drilled(connection, seen.where, query, self.now(), self.zone, size, kept)

    def shares(self, seen: Seen, query: ShareQuery) -> Sequence[ShareLine]:
        with one_moment(self.engine) as connection:
            tally = opened(connection, seen, self.zone)
            return shares(connection, seen.where, query, self.zone, tally)

    def shared_clocks(
        self, seen: Seen, query: ShareQuery, size: int
    ) -> tuple[Sequence[SharedClock], int]:
        with one_moment(self.engine) as connection:
            tally = opened(connection, seen, self.zone)
            return shared_clocks(connection, seen.where, query, self.zone, size, tally)

    def compared(self, seen: Seen, query: BoardQuery) -> Compared:
        with one_moment(self.engine) as connection:
            boards = self._boards(opened(connection, seen, self.zone))
            return boards.compared(connection, seen.where, query, self.now())

    def report(self, seen: Seen, month: str, issuer: str) -> str:
        """Return the report of a month as HTML. Raises `NoMonth`."""
        span_of(month, month, self.zone)
        catalogue = self.catalogue()
        board = self.board(seen, BoardQuery(month, month), REPORT_ROWS)
        calendar = catalogue.calendars.get(main_calendar(catalogue))
        return report_html(
            ReportFacts(
                city=catalogue.city.name,
                issuer=issuer,
                board=board,
                departments={d.code: d.short or d.name for d in catalogue.city.departments},
                matters={one.code: one.name for one in catalogue.matters_at(self.now())},
                zone=self.zone,
                articles={one.id: one.cited for one in catalogue.law.values()},
                horizon=None if calendar is None else horizon(calendar),
            )
        )

    def _boards(self, kept: Tally | None = None) -> Boards:
        catalogue = self.catalogue()
        return Boards(catalogue.calendars, catalogue.matters_at(self.now()), self.zone, kept)


def main_calendar(catalogue: Catalogue) -> str:
    """Return the calendar that most matters count by."""
    names = [one.calendar for one in catalogue.matters if one.calendar != "none"]
    return max(set(names), key=names.count) if names else "none"


def horizon(calendar: Calendar) -> date | None:
    """Return the last day that a published notice covers; None where none bounds it."""
    return None if calendar.every_day else calendar.horizon


def entry_of(who: Who, month: str, content: bytes, at: datetime, where: EntryWhere) -> EntryDraft:
    """Return the entry of a report: the month and the digest of what left the house."""
    return EntryDraft(
        id=str(uuid4()),
        stream=REPORT_STREAM,
        at=at,
        who=who,
        act="report",
        obj=What("supervision", month, doc=hashlib.sha256(content).hexdigest()),
        where=where,
    )


@dataclass
class WebSupervision:
    """`forms.supervision_ports.Supervision`: cut to what one may list; reports are entries."""

    oversight: Oversight
    access: Access
    web: Engine
    """The web store, where the entries of the web's own acts begin."""
    pseudonym_of: Callable[[str], str]
    press: Press
    troubles: Callable[[], Sequence[KeptAlarm]] = tuple
    """What stands in no store because a store cannot be written; for everybody who sees alarms."""
    page_role: str = ""
    """Role of PostgreSQL under which lists are read; see `WebReader`."""

    def _boards(self, actor: Actor) -> Oversight:
        engine = bounded(self.oversight.engine, self.page_role, self.access.bounds(actor))
        return replace(self.oversight, engine=engine)

    def alarms(self, actor: Actor) -> Sequence[KeptAlarm]:
        with reading(self.oversight.engine) as connection:
            sounding = open_alarms(connection)
        ids = {one.alarm.case_id for one in sounding} - {""}
        reach = CaseReach(self.oversight.engine, self.access)
        hidden = reach.hidden(actor, ids, "list")
        sounding = [one for one in sounding if one.alarm.case_id not in hidden]
        held = {grant.department for grant in actor.grants}
        sounding = [*self.troubles(), *sounding]
        if EVERYWHERE in held:
            return sounding
        parents = {one.code: one.parent for one in self.oversight.catalogue().city.departments}
        return [one for one in sounding if held & set(_upwards(one.alarm.department, parents))]

    def board(self, actor: Actor, query: BoardQuery) -> Board:
        return self._boards(actor).board(self.access.seen(actor, "list"), query)

    def counts(self, actor: Actor, matter: str = "", department: str = "") -> WatchCounts:
        return self._boards(actor).counts(self.access.seen(actor, "list"), matter, department)

    def watching(self, actor: Actor, query: BoardQuery) -> Watching:
        return self._boards(actor).watching(self.access.seen(actor, "list"), query)

    def watched(
        self, actor: Actor, query: WatchQuery, size: int
    ) -> tuple[Sequence[WatchedClock], int]:
        return self._boards(actor).watched(self.access.seen(actor, "list"), query, size)

    def drilled(self, actor: Actor, query: DrillQuery, size: int) -> Drilled:
        return self._boards(actor).drilled(self.access.seen(actor, "list"), query, size)

    def shares(self, actor: Actor, query: ShareQuery) -> Sequence[ShareLine]:
        return self._boards(actor).shares(self.access.seen(actor, "list"), query)

    def shared_clocks(
        self, actor: Actor, query: ShareQuery, size: int
    ) -> tuple[Sequence[SharedClock], int]:
        return self._boards(actor).shared_clocks(self.access.seen(actor, "list"), query, size)

    def refused(self, actor: Actor, query: RefusedQuery, size: int) -> Refused:
        cases = self.access.where(actor, "list")
        incidents = self.access.where(actor, "list", "incident")
        with reading(self.oversight.engine) as connection:
            return refused(connection, cases, incidents, query, self.oversight.zone, size)

    def compared(self, actor: Actor, query: BoardQuery) -> Compared:
        return self._boards(actor).compared(self.access.seen(actor, "list"), query)

    def report(self, visitor: Visitor, where: Where, month: str) -> File:
        actor = visitor.actor
        everywhere = any(grant.department == "*" for grant in actor.grants)
        issuer = "全市" if everywhere else f"{visitor.department_name}权限内的办件"
        html = self._boards(actor).report(self.access.seen(actor, "list"), month, issuer)
        content = self.press.print_html(html)
        who = Who(
            self.pseudonym_of(actor.id),
            "human",
            org=actor.department or None,
            on_behalf=self.pseudonym_of(actor.on_behalf) if actor.on_behalf else None,
        )
        came = EntryWhere(ip=where.ip or None, svc="web")
        with self.web.begin() as connection:
            record(connection, entry_of(who, month, content, self.oversight.now(), came))
        return File(f"电子监察月报-{month}.pdf", "application/pdf", content)


def _upwards(department: str, parents: Mapping[str, str]) -> Iterator[str]:
    """Yield a department and those above it; the city's file has no circle."""
    while department:
        yield department
        department = parents.get(department, "")
