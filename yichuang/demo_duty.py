"""The demo city's rota: two shifts at the command centre, a day each at the units, one hole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from audit.entry import EntryDraft, What, Where, Who
from audit.outbox import record
from cases import duty
from cases.rota import AHEAD_DAYS, Pattern, Shift, lay_out
from yichuang.demo_people import COMMAND, UNITS, Person
from yichuang.notices.finding import CENTRE
from yichuang.web_duty import OBJECT, STREAM

HOLE = ("gr", 3)
"""The unit, and the day from today, for which the demo leaves nobody on duty: it is to be seen."""


def lay_out_demo(connection: Connection, ids: Mapping[str, str], zone: str, at: datetime) -> int:
    """Write the turns of the days ahead, with an entry a department; return how many.

    `ids`: login → user id. Begins with the shift that runs now.
    """
    first = at.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    last = first + timedelta(days=AHEAD_DAYS + 1)
    made = 0
    for pattern in _patterns(lambda person: ids[person.login]):
        turns = [
            (person, starts, ends)
            for person, starts, ends in lay_out(pattern, first, last, (), zone)
            if ends > at and not _is_hole(pattern.department, starts, first, zone)
        ]
        for person, starts, ends in turns:
            new = Shift(str(uuid4()), pattern.department, pattern.part, person, starts, ends)
            duty.make_shift(connection, new, "system", at)
        record(connection, _entry(pattern, first, last, len(turns), at))
        made += len(turns)
    return made


def _patterns(id_of: Callable[[Person], str]) -> list[Pattern]:
    officers = [id_of(one) for one in COMMAND if "duty_officer" in dict(one.held)]
    leaders = [id_of(one) for one in COMMAND if "commander" in dict(one.held)]
    halves, whole = (time(8), time(20)), (time(8),)
    found = [
        Pattern(CENTRE, "duty", halves, tuple((one,) for one in officers)),
        Pattern(CENTRE, "leader", whole, tuple((one,) for one in leaders)),
    ]
    for code in dict.fromkeys(one.department for one in UNITS):
        crews = tuple((id_of(one),) for one in UNITS if one.department == code)
        found.append(Pattern(code, "duty", whole, crews))
    return found


def _is_hole(department: str, starts: datetime, first: date, zone: str) -> bool:
    day = starts.astimezone(ZoneInfo(zone)).date()
    return (department, (day - first).days - 1) == HOLE


def _entry(pattern: Pattern, first: date, last: date, count: int, at: datetime) -> EntryDraft:
    said = f"{pattern.part} {first.isoformat()}/{last.isoformat()} {count}"
    return EntryDraft(
        id=str(uuid4()),
        stream=STREAM,
        at=at,
        who=Who("system", "system"),
        act="duty_laid_out",
        obj=What(OBJECT, pattern.department, said),
        where=Where(svc="demo"),
    )
