"""The calendars for the pages: read from the register, and the next version's text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine

from cases import alarms, releases, retiming
from cases.database import reading
from cases.messages import Actor
from cases.retiming import Direction, MovedDeadline
from catalogue.calendar_file import CalendarFile, written
from catalogue.holiday_cn import NotMerged, read_notices, with_changes, with_notices
from catalogue.marks import Fault
from catalogue.reading import read_calendar, read_calendar_file, read_calendars
from catalogue.working_days import Calendar, changed_days
from forms.calendar_ports import CalendarSheet, CalendarVersion
from yichuang.calendar_watch import KIND, provisional_deadlines
from yichuang.case_reach import CaseReach

LISTED = 12
"""Versions shown: what waits, what counts, and what came before."""
NAMED = 60
"""Days of a difference that are listed one by one."""


@dataclass(frozen=True)
class WebCalendars:
    """`forms.calendar_ports.Calendars` over the cases store, which is only read here."""

    reach: CaseReach
    now: Callable[[], datetime]

    @property
    def engine(self) -> Engine:
        return self.reach.engine

    def sheet(self, name: str) -> CalendarSheet | None:
        now = self.now()
        with reading(self.engine) as connection:
            rows = [one for one in releases.listing(connection, 1000) if one.kind == "calendar"]
            counting = list(releases.counting(releases.signed(connection, "calendar"), now))
            calendars = read_calendars({one.name: one.content for one in counting})
            bases = sorted(calendars, key=lambda one: (bool(calendars[one].base), one))
            chosen = name or next(iter(bases), "")
            if chosen not in calendars:
                return None
            deadlines, cases = provisional_deadlines(connection, chosen)
            mine = [one for one in rows if one.name == chosen]
            in_force = {one.id for one in counting}
            return CalendarSheet(
                names=tuple(sorted(calendars)),
                calendar=calendars[chosen],
                provisional_deadlines=deadlines,
                provisional_cases=cases,
                alarms=tuple(
                    one.alarm.text
                    for one in alarms.open_alarms(connection, KIND)
                    if one.alarm.detail.get("calendar") == chosen
                ),
                versions=tuple(
                    _version(connection, one, one.id in in_force, calendars, now)
                    for one in mine[:LISTED]
                ),
            )

    def moves(
        self, actor: Actor, preview: str, page: int, size: int, department: str
    ) -> tuple[Sequence[MovedDeadline], int]:
        where = self.reach.where(actor, "look_ahead")
        with reading(self.engine) as connection:
            return retiming.moves_page(connection, preview, page, size, department, where)

    def with_notice(self, name: str, notice: str) -> tuple[str, tuple[str, ...]]:
        faults: list[Fault] = []
        notices = read_notices(notice, "notice.json", faults)
        if not notices:
            return "", tuple(map(str, faults))
        short = hashlib.sha256(notice.encode()).hexdigest()[:8]
        version = f"notice-{notices[-1].year}-{short}"
        texts = self._texts()
        if name not in texts:
            return "", (f"没有叫「{name}」的日历",)
        try:
            made = with_notices(_file(texts[name]), notices, version, "holiday-cn")
        except NotMerged as holes:
            return "", tuple(map(str, holes.faults))
        return _checked(made, texts, faults)

    def with_change(
        self, name: str, off: Sequence[date], on: Sequence[date], reason: str, paper: str
    ) -> tuple[str, tuple[str, ...]]:
        texts = self._texts()
        if name not in texts:
            return "", (f"没有叫「{name}」的日历",)
        said = f"{texts[name]}\n{off}\n{on}\n{reason}\n{paper}"
        version = f"change-{hashlib.sha256(said.encode()).hexdigest()[:8]}"
        return _checked(
            with_changes(_file(texts[name]), version, off, on, reason, paper), texts, []
        )

    def _texts(self) -> dict[str, str]:
        with reading(self.engine) as connection:
            rows = releases.signed(connection, "calendar")
        return {one.name: one.content for one in releases.counting(rows, self.now())}


def _file(text: str) -> CalendarFile:
    found = read_calendar_file(text, "calendar", [])
    assert found is not None  # it has passed the gate
    return found[0]


def _checked(
    made: CalendarFile, texts: Mapping[str, str], faults: list[Fault]
) -> tuple[str, tuple[str, ...]]:
    """Return the text, and what is wrong with it; faults of years left out do not stop it."""
    text = written(made, "由日历页写出的提案")
    bases = {name: one for name, one in read_calendars(texts).items() if name != made.name}
    wrong: list[Fault] = []
    if read_calendar(text, f"{made.name}.yaml", wrong, bases) is None:
        return "", tuple(map(str, (*faults, *wrong)))
    return text, tuple(map(str, faults))


def _version(
    connection: Connection,
    one: releases.Release,
    counts: bool,
    calendars: Mapping[str, Calendar],
    now: datetime,
) -> CalendarVersion:
    asked = bool(one.revoke_asked_by) and one.state == "active"
    direction: Direction = "revert" if one.state in ("active", "revoked") else "apply"
    state = {"withdrawn": "rejected"}.get(one.state, str(one.state))
    if state == "active" and not counts:
        assert one.in_force_from is not None  # the rows insist
        state = "active" if one.in_force_from > now else "superseded"
    done: Direction = "revert" if one.state == "revoked" else "apply"
    return CalendarVersion(
        id=one.id,
        version=one.version,
        state=state,
        proposed_by=one.proposed_by,
        proposed_at=one.proposed_at,
        signed_by=one.signed_by,
        in_force_from=one.in_force_from,
        findings=one.findings,
        revoke_asked_by=one.revoke_asked_by,
        revoke_reason=one.revoke_reason,
        direction=direction,
        preview=retiming.newest(connection, one.id, one.digest, direction)
        if one.state == "proposed" or asked
        else None,
        progress=retiming.ordered(connection, one.id, done) if one.signed_by else None,
        changed=tuple(_changed(one, calendars)) if one.state == "proposed" else (),
    )


def _changed(
    one: releases.Release, calendars: Mapping[str, Calendar]
) -> list[tuple[date, bool, str]]:
    before = calendars.get(one.name)
    others = {name: known for name, known in calendars.items() if name != one.name}
    found = read_calendar(one.content, "calendar", [], others)
    if before is None or found is None:
        return []
    after = found[0]
    last = max(before.horizon, after.horizon)
    days = [day for day in changed_days(before, after) if day <= last][:NAMED]
    return [(day, after.is_working(day), after.names.get(day, "")) for day in days]
