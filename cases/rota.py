"""The rota (值班表) as plain values: who is on duty when, who stands in, and where nobody is.

Instants are aware; a span is [starts, ends). Nothing here reads a clock or a store.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo

LONGEST_SHIFT = timedelta(hours=24)
"""No shift is longer: a day and a night, as 值守 is arranged. The house's rule; no law sets one."""
AHEAD_DAYS = 14
"""For how many days from now a hole in the rota is shown before it is one. The house's rule."""

Part = Literal["duty", "leader"]
"""值班员, who answers; 带班领导, who is rung when nobody answers."""
PARTS: Mapping[str, str] = MappingProxyType({"duty": "值班员", "leader": "带班领导"})

REASONS: Mapping[str, str] = MappingProxyType(
    {"swap": "调班", "leave": "请假", "illness": "临时不能到岗", "reinforce": "加强值守"}
)
"""Why another stands in; closed, so that nobody writes down more than that."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One person's turn, as it was planned."""

    id: str
    department: str
    part: str
    person: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Override:
    """Another stands in for a turn, or for a piece of it."""

    id: str
    shift: str
    person: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    asked_by: str
    asked_at: datetime
    accepted_by: str = ""
    """Empty: it does not count yet."""


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who is on duty at the moment that was asked about."""

    user: str
    part: str
    shift: str
    until: datetime
    """When this person's turn ends, or another takes it over."""
    override: str = ""
    """Id of the override by which they stand in; empty: it is their own turn."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch of time in which one person is on duty, overrides counted in."""

    shift: str
    override: str
    department: str
    part: str
    person: str
    starts_at: datetime
    ends_at: datetime
    is_there: bool
    """The account is open; a turn of a closed account covers nothing."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Nobody is on duty for a department in this span."""

    department: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the view `duty_now`: a turn as planned, or the one who stands in."""

    shift: str
    override: str
    department: str
    part: str
    person: str
    starts_at: datetime
    ends_at: datetime
    is_open: bool
    valid_until: datetime | None = None


def turns(rows: Iterable[Row]) -> list[Turn]:
    """Return the turns that rows come to: an override cuts its span out of the turn it is of.

    An override of a closed account still cuts: who was told that they need not come is not there.
    """
    found: list[Turn] = []
    by_shift: dict[str, list[Row]] = {}
    for row in rows:
        by_shift.setdefault(row.shift, []).append(row)
    for those in by_shift.values():
        instead = sorted((r for r in those if r.override), key=lambda r: (r.starts_at, r.override))
        found += [_turn(row, row.starts_at, row.ends_at) for row in instead]
        for own in (row for row in those if not row.override):
            found += [_turn(own, *piece) for piece in _left(own, instead)]
    return sorted(found, key=lambda t: (t.starts_at, t.department, t.part, t.person))


def at_moment(rows: Iterable[Row], at: datetime) -> tuple[OnDuty, ...]:
    """Return who is on duty at a moment: the one who answers first, then who leads."""
    there = [one for one in turns(rows) if one.is_there and one.starts_at <= at < one.ends_at]
    there.sort(key=lambda one: (one.part != "duty", one.ends_at, one.person))
    return tuple(
        OnDuty(one.person, one.part, one.shift, one.ends_at, one.override) for one in there
    )


def holes(
    found: Collection[Turn], departments: Iterable[str], begin: datetime, end: datetime
) -> list[Hole]:
    """Return when, between two instants, nobody answers for a department that keeps a rota.

    Only 值班员 count: who leads is rung after them, and does not sit at the telephone.
    """
    out: list[Hole] = []
    for code in sorted(departments):
        spans = sorted(
            (one.starts_at, one.ends_at)
            for one in found
            if one.department == code and one.part == "duty" and one.is_there
        )
        reached = begin
        for starts, ends in spans:
            if starts > reached and reached < end:
                out.append(Hole(code, reached, min(starts, end)))
            reached = max(reached, ends)
        if reached < end:
            out.append(Hole(code, reached, end))
    return out


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a rota is laid out: crews take turns, day after day, at the same hours."""

    department: str
    part: str
    hours: tuple[time, ...]
    """When each turn of a day begins, in the zone; it ends when the next one begins."""
    crews: tuple[tuple[str, ...], ...]
    """Who comes together; crew after crew, turn after turn, and round again."""
    rest_crews: tuple[tuple[str, ...], ...] = ()
    """Who comes on days off and holidays; empty: the crews as on any day."""


def lay_out(
    pattern: Pattern, first: date, last: date, off: Collection[date], zone: str
) -> Sequence[tuple[str, datetime, datetime]]:
    """Return person, begin and end of every turn from `first` to `last`, both included.

    `off` are the days on which the calendar does not work. The crews of days off take turns among
    themselves, so that a holiday does not shift everybody else's order.
    """
    local, out = ZoneInfo(zone), []
    common = rested = 0
    day = first
    while day <= last:
        begins = [datetime.combine(day, hour, local) for hour in sorted(pattern.hours)]
        next_day = datetime.combine(day + timedelta(days=1), min(pattern.hours), local)
        for starts, ends in zip(begins, [*begins[1:], next_day], strict=True):
            if pattern.rest_crews and day in off:
                crew, rested = pattern.rest_crews[rested % len(pattern.rest_crews)], rested + 1
            else:
                crew, common = pattern.crews[common % len(pattern.crews)], common + 1
            out += [(person, starts, ends) for person in crew]
        day += timedelta(days=1)
    return out


def _turn(row: Row, starts: datetime, ends: datetime) -> Turn:
    closes = row.valid_until
    there = row.is_open and (closes is None or closes > starts)
    if there and closes is not None:
        ends = min(ends, closes)
    return Turn(row.shift, row.override, row.department, row.part, row.person, starts, ends, there)


def _left(own: Row, instead: Sequence[Row]) -> Iterable[tuple[datetime, datetime]]:
    """Yield the pieces of a turn that nobody else stands in for."""
    begins = own.starts_at
    for one in instead:
        if one.starts_at > begins:
            yield begins, min(one.starts_at, own.ends_at)
        begins = max(begins, one.ends_at)
    if begins < own.ends_at:
        yield begins, own.ends_at
