"""What happened, for maps and for who held it: rows of the steps of cases, incidents and projects.

Who may see what is decided before: `where` is the condition that policy made of the reader's rows.
A step of a case is a row of `step`, of an incident or a project one of its events; each of them has
its entry in the log, and nothing else has a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Subquery,
    and_,
    func,
    select,
)
from sqlalchemy import case as when

from cases.counting import DECIDED, IN_DAYS
from cases.each_case import asked_each
from cases.incident_tables import incident, incident_event
from cases.longest_shares import how_many_shares, in_order, longest, of_ended_clock
from cases.process.mapped import Happened
from cases.project_tables import project, project_event
from cases.tables import case, clock, clock_share, step

Kind = Literal["case", "incident", "project"]
KINDS: Final[tuple[Kind, ...]] = ("case", "incident", "project")

MOST_THINGS: Final = 20_000
"""Of so many, the newest of the span, a map is made; where there are more, it says so."""

BY_ITSELF: Final = frozenset({"timer_fired", "retimed"})
"""Steps of a case that nobody did: a limit came, a calendar changed."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Which of them: filters of the page."""

    kind: Kind
    since: datetime
    until: datetime
    """The things that came in between, [since, until)."""
    sort: str = ""
    """Matter of a case, kind of an incident, template of a project; empty: any."""
    department: str = ""
    """Implementing, leading or responsible department; empty: any."""
    by_itself: bool = False
    """With the steps that nobody did."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the things of a kind and their steps lie."""

    things: FromClause
    steps: FromClause
    id: ColumnElement[str]
    number: ColumnElement[str]
    sort: ColumnElement[str]
    department: ColumnElement[str]
    began: ColumnElement[datetime]
    is_open: ColumnElement[bool]
    of: ColumnElement[str]
    seq: ColumnElement[int]
    act: ColumnElement[str]
    at: ColumnElement[datetime]


_CASE, _INCIDENT, _PROJECT = case.c, incident.c, project.c
_SOURCES: Final[dict[Kind, _Source]] = {
    "case": _Source(
        case, step, _CASE.id, _CASE.case_no, _CASE.matter, _CASE.department, _CASE.received_at,
        _CASE.is_open, step.c.case_id, step.c.seq, step.c.verb, step.c.occurred_at,
    ),
    "incident": _Source(
        incident, incident_event, _INCIDENT.id, _INCIDENT.number, _INCIDENT.type, _INCIDENT.lead,
        _INCIDENT.reported_at, _INCIDENT.is_open, incident_event.c.incident_id,
        incident_event.c.seq, incident_event.c.kind, incident_event.c.at,
    ),
    "project": _Source(
        project, project_event, _PROJECT.id, _PROJECT.number, _PROJECT.template,
        _PROJECT.department, _PROJECT.established_at, _PROJECT.is_open,
        project_event.c.project_id, project_event.c.seq, project_event.c.kind,
        project_event.c.at,
    ),
}  # fmt: skip


def how_many(connection: Connection, where: ColumnElement[bool], sought: Sought) -> int:
    """Return how many things there are."""
    source = _SOURCES[sought.kind]
    query = select(func.count()).select_from(source.things).where(_chosen(source, where, sought))
    return int(connection.execute(query).scalar_one())


def happened(
    connection: Connection,
    where: ColumnElement[bool],
    sought: Sought,
    most: int = MOST_THINGS,
) -> Iterator[Happened]:
    """Yield the steps of the newest `most` things, those of a thing together."""
    for row in connection.execution_options(yield_per=5_000).execute(_steps(where, sought, most)):
        yield Happened(row[0], row[1], row[2], not row[3])


def _steps(where: ColumnElement[bool], sought: Sought, most: int) -> Select[Any]:
    source, newest = _SOURCES[sought.kind], _newest(where, sought, most)
    return (
        select(source.of, source.act, source.at, newest.c.is_open)
        .select_from(newest.join(source.steps, source.of == newest.c.id))
        .where(*_by_somebody(source, sought))
        .order_by(source.of, source.seq)
    )


def _newest(where: ColumnElement[bool], sought: Sought, most: int) -> Subquery:
    source = _SOURCES[sought.kind]
    return (
        select(source.id, source.is_open)
        .where(_chosen(source, asked_each(where), sought))
        .order_by(source.began.desc(), source.id)
        .limit(most)
        .subquery("newest")
    )


def _by_somebody(source: _Source, sought: Sought) -> list[ColumnElement[bool]]:
    return [] if sought.by_itself else [source.act.not_in(sorted(BY_ITSELF))]


def _chosen(source: _Source, where: ColumnElement[bool], sought: Sought) -> ColumnElement[bool]:
    parts = [where, source.began >= sought.since, source.began < sought.until]
    if sought.sort:
        parts.append(source.sort == sought.sort)
    if sought.department:
        parts.append(source.department == sought.department)
    return and_(*parts)


# --- behind an arrow -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Passage:
    """One thing that went from one step to another."""

    id: str
    number: str
    sort: str
    department: str
    began_at: datetime
    ended_at: datetime

    @property
    def seconds(self) -> float:
        return (self.ended_at - self.began_at).total_seconds()


def passages(
    connection: Connection,
    where: ColumnElement[bool],
    sought: Sought,
    source: str,
    target: str,
    most: int,
) -> tuple[Sequence[Passage], int]:
    """Return who went from one step to the other, the longest first, and how many times in all.

    Of the same things as the map, so that the number is the arrow's.
    """
    query = _passed(where, sought, source, target)
    steps: list[tuple[str, datetime, datetime]] = [
        (row[0], row[1], row[2]) for row in connection.execute(query)
    ]
    steps.sort(key=lambda one: (one[1] - one[2], one[0], one[1]))
    shown = steps[:most]
    found = _named(connection, sought.kind, [one[0] for one in shown])
    return [
        Passage(id, *found[id], began_at=began, ended_at=ended) for id, began, ended in shown
    ], len(steps)


def _passed(where: ColumnElement[bool], sought: Sought, source: str, target: str) -> Select[Any]:
    """Select the steps `source` after which `target` came next, and the instants of both. The
    database looks through a thing's steps, so that only these are read."""
    of = _SOURCES[sought.kind]
    newest = _newest(where, sought, MOST_THINGS)
    order: dict[str, Any] = {"partition_by": of.of, "order_by": (of.at, of.seq)}
    walked = (
        select(
            of.of.label("thing"),
            of.act.label("act"),
            of.at.label("began_at"),
            func.lead(of.act).over(**order).label("next_act"),
            func.lead(of.at, type_=of.at.type).over(**order).label("ended_at"),
        )
        .select_from(newest.join(of.steps, of.of == newest.c.id))
        .where(*_by_somebody(of, sought))
        .subquery("walked")
    )
    return select(walked.c.thing, walked.c.began_at, walked.c.ended_at).where(
        walked.c.act == source, walked.c.next_act == target
    )


def _named(
    connection: Connection, kind: Kind, ids: Sequence[str]
) -> dict[str, tuple[str, str, str]]:
    source = _SOURCES[kind]
    query = select(source.id, source.number, source.sort, source.department).where(
        source.id.in_(sorted(set(ids)))
    )
    return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(query)}


# --- who held it ---------------------------------------------------------------------------------

_p = clock.alias("promised")


@dataclass(frozen=True, slots=True)
class Held:
    """What one holder used of the cases' promised time; working days, by rule YC-FT-1."""

    kind: str
    """`department`, `applicant` or `procedure`."""
    name: str
    cases: int
    used: float
    """Counted days."""
    paused: float
    """Days on which the clock stood on its account."""
    late: float
    """Counted days in the cases that were late."""
    late_cases: int


@dataclass(frozen=True, slots=True)
class HeldCase:
    """One case of which a holder had some time."""

    id: str
    number: str
    matter: str
    department: str
    used: float
    paused: float
    whole: int
    """Counted days of the case."""
    limit: int
    on_time: bool


def held(connection: Connection, where: ColumnElement[bool], sought: Sought) -> Sequence[Held]:
    """Return who held the decided cases how long, whoever had most on top.

    Of cases whose promise was counted in days and has ended: their ledger is final.
    """
    used, stood = ~clock_share.c.paused, clock_share.c.paused
    late = and_(used, ~_p.c.on_time)
    amount = clock_share.c.amount
    query = (
        select(
            clock_share.c.holder_kind,
            clock_share.c.holder,
            func.count(clock_share.c.case_id.distinct()),
            func.sum(when((used, amount), else_=0.0)).label("used"),
            func.sum(when((stood, amount), else_=0.0)),
            func.sum(when((late, amount), else_=0.0)),
            func.count(when((late, clock_share.c.case_id)).distinct()),
        )
        .select_from(_ended())
        .where(_decided(where, sought))
        .group_by(clock_share.c.holder_kind, clock_share.c.holder)
    )
    found = [
        Held(row[0], row[1], int(row[2]), float(row[3]), float(row[4]), float(row[5]), int(row[6]))
        for row in connection.execute(query)
    ]
    return sorted(found, key=lambda one: (-one.used - one.paused, one.kind, one.name))


def decided_shares(ids: Sequence[str]) -> Select[Any]:
    """Return whose the time of these cases was, one row for each share, as `held` reads them."""
    return (
        select(
            _CASE.id.label("case_id"), _CASE.received_at, clock_share.c.holder_kind,
            clock_share.c.holder, clock_share.c.paused, clock_share.c.amount, _p.c.on_time,
        )
        .select_from(_ended())
        .where(
            _CASE.id.in_(ids),
            _p.c.case_id.in_(ids),
            # As no index over all cases knows it: that would be walked for a few.
            func.coalesce(_p.c.clock, "") == "promised",
            _p.c.key == "promised",
            *_is_ended(),
        )
    )  # fmt: skip


def held_cases(
    connection: Connection,
    where: ColumnElement[bool],
    sought: Sought,
    holder: tuple[str, str],
    most: int,
    *,
    late: bool = False,
    total: int | None = None,
) -> tuple[Sequence[HeldCase], int]:
    """Return the cases in which a holder had time, the longest first, and how many there are:
    `total`, where the caller knows it from the sums.

    `late`: the late ones in which days were counted to the holder.
    """
    conditions = [_chosen(_SOURCES["case"], where, sought), *_is_ended()]
    if late:
        conditions.append(~_p.c.on_time)
    chosen = [
        clock_share.c.key == "promised",
        clock_share.c.holder_kind == holder[0],
        clock_share.c.holder == holder[1],
        of_ended_clock(_p, and_(_p.c.clock == "promised", *conditions)),
    ]
    if late:
        chosen.append(~clock_share.c.paused)
    if total is None:
        total = how_many_shares(connection, chosen)
    listed = longest(chosen, most)
    rows = connection.execute(
        select(
            case.c.id, case.c.case_no, case.c.matter, case.c.department, listed.c.used,
            listed.c.paused, _p.c.used, _p.c.limit_n, _p.c.on_time,
        )
        .select_from(
            listed.join(_p, and_(_p.c.case_id == listed.c.case_id, _p.c.key == listed.c.key))
            .join(case, case.c.id == listed.c.case_id)
        )
        .order_by(*in_order(listed))
    )  # fmt: skip
    return [
        HeldCase(*r[:4], float(r[4]), float(r[5]), int(r[6] or 0), int(r[7]), bool(r[8]))
        for r in rows
    ], total


def _ended() -> FromClause:
    shares = and_(clock_share.c.case_id == _p.c.case_id, clock_share.c.key == "promised")
    return _p.join(case, case.c.id == _p.c.case_id).join(clock_share, shares)


def _decided(where: ColumnElement[bool], sought: Sought) -> ColumnElement[bool]:
    return and_(_chosen(_SOURCES["case"], where, sought), _is_decided())


def _is_decided() -> ColumnElement[bool]:
    return and_(_p.c.clock == "promised", *_is_ended())


def _is_ended() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _p.c.ended_by.in_(DECIDED), _p.c.limit_unit.in_(IN_DAYS)
