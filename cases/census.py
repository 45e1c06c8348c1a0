"""The census of timers, as rows: which cases to look at, what the rows expect, what was found.

Reading Temporal is the roof's (yichuang/census.py); here are its questions to SQL. `overdue` and
`firings` ask SQL alone: neither Temporal nor the stored state takes part in them. The caller owns
the transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import orjson
from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from cases.armed import RESTS_AFTER, Armed, Fault, rings_at
from cases.orders import ApprovalInput
from cases.projection import json_text
from cases.state import CaseState
from cases.tables import case, census, clock_event, command, state, step, timer

AT_ONCE = 500
"""Cases asked for in one statement."""
OVERDUE_AFTER = timedelta(seconds=60)
"""An instant so long past without its event is overdue: a storm of 3,000 timers at one instant was
handled within 45 s (measured, 2026-11)."""


# --- what the rows expect ---


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant that a case waits for."""

    key: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Expected:
    """What the rows say of a case: whether it is open, and its earliest open instant."""

    case_id: str
    case_no: str
    department: str
    seq: int
    is_open: bool
    backfilled_at: datetime | None = None
    """When the newest backfilled order of a backfilled case was recorded."""
    instant: Instant | None = None

    @property
    def rings_at(self) -> datetime | None:
        """When the one timer is due; None: there is none."""
        return rings_at(self.instant.due_at, self.backfilled_at) if self.instant else None

    @property
    def comes_to_rest(self) -> bool:
        """Whether the instant came while the case's past was still being told."""
        return self.instant is not None and self.rings_at != self.instant.due_at


def expected(connection: Connection, case_ids: Sequence[str]) -> dict[str, Expected]:
    """Return what is expected of each of these cases, by id; unknown cases are left out."""
    query = select(
        case.c.id,
        case.c.case_no,
        case.c.department,
        case.c.seq,
        case.c.is_open,
        case.c.backfilled,
        state.c.state,
    ).join(state, state.c.case_id == case.c.id)
    found: dict[str, Expected] = {}
    for ids in _portions(case_ids):
        rows = connection.execute(query.where(case.c.id.in_(ids))).all()
        told = _backfilled_at(connection, [row.id for row in rows if row.backfilled])
        for row in rows:
            instants = open_instants(row.state) if row.is_open else ()
            found[row.id] = Expected(*row[:-2], told.get(row.id), next(iter(instants), None))
    return found


def _backfilled_at(connection: Connection, case_ids: Sequence[str]) -> dict[str, datetime]:
    """Return when the newest backfilled order was recorded, of those that are backfilled cases."""
    if not case_ids:
        return {}
    query = (
        select(step.c.case_id, func.max(step.c.recorded_at).label("at"))
        .join(case, case.c.id == step.c.case_id)
        .where(case.c.id.in_(case_ids), case.c.backfilled, step.c.backfill)
        .group_by(step.c.case_id)
    )
    return {row.case_id: row.at for row in connection.execute(query)}


def open_instants(stored: str) -> tuple[Instant, ...]:
    """Return the instants for which a timer must wait, the earliest first, of a stored state.

    What `approval.pending_timers` says and the workflow arms, read without making the whole state
    (30 times as fast).
    """
    held = orjson.loads(stored)
    passed = held.get("passed", {})
    instants = (
        Instant(one["key"], _moment(one["due_at"]))
        for one in held.get("timers", ())
        if one["key"] not in passed or _moment(passed[one["key"]]) != _moment(one["due_at"])
    )
    # As `approval.pending_timers`: what the law makes of an instant comes before the card for it.
    turn = sorted(instants, key=lambda one: (one.due_at, one.key.startswith("card:"), one.key))
    return tuple(turn)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def seqs(connection: Connection, case_ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
    """Return where the rows of each of these cases stand, and whether it is open."""
    return {
        row.id: (row.seq, row.is_open)
        for ids in _portions(case_ids)
        for row in connection.execute(
            select(case.c.id, case.c.seq, case.c.is_open).where(case.c.id.in_(ids))
        )
    }


def held_input(connection: Connection, case_id: str) -> ApprovalInput | None:
    """Return that from which an open case's workflow goes on; None: it is over, or there is none.

    The caller adds the ids that were answered (`recent_commands`).
    """
    query = (
        select(state.c.state)
        .join(case, case.c.id == state.c.case_id)
        .where(state.c.case_id == case_id, case.c.is_open)
    )
    stored = connection.execute(query).scalar_one_or_none()
    if stored is None:
        return None
    return ApprovalInput(
        case_id=case_id,
        state=CaseState.model_validate_json(stored),
        backfilled_at=_backfilled_at(connection, [case_id]).get(case_id),
    )


def recent_commands(connection: Connection, case_id: str, most: int) -> tuple[str, ...]:
    """Return the newest command ids of a case, refused ones too, in the order of settling."""
    query = (
        select(command.c.id)
        .where(command.c.case_id == case_id)
        .order_by(command.c.recorded_at.desc(), command.c.seq.desc(), command.c.id)
        .limit(most)
    )
    return tuple(reversed(connection.execute(query).scalars().all()))


def known_commands(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Return which of these commands were settled or refused."""
    return {
        one
        for portion in _portions(ids)
        for one in connection.execute(select(command.c.id).where(command.c.id.in_(portion)))
        .scalars()
        .all()
    }


# --- SQL alone ---


@dataclass(frozen=True, slots=True)
class Overdue:
    """An instant that passed without its event."""

    case_id: str
    case_no: str
    department: str
    key: str
    due_at: datetime


def overdue(
    connection: Connection, now: datetime, *, after: timedelta = OVERDUE_AFTER, most: int = 1000
) -> list[Overdue]:
    """Return the open instants that passed more than `after` ago without a `timer_passed`.

    One statement over `timer`, `case_file`, `step` and `clock_event`, oldest first. A backfilled
    case is given the time in which its past may still be told (`RESTS_AFTER`).
    """
    later = step.alias("later")
    is_told = exists().where(
        later.c.case_id == case.c.id,
        later.c.backfill,
        later.c.recorded_at >= now - after - RESTS_AFTER,
    )
    told = clock_event
    # `_` and `%` would match anything; keys hold letters, digits, `-`, `:` and `_`.
    key = func.replace(timer.c.key, "_", "\\_")
    happened = exists().where(
        told.c.case_id == timer.c.case_id,
        told.c.kind == "timer_passed",
        told.c.at == timer.c.due_at,
        told.c.detail.like('%"timer":"' + key + '"%', escape="\\"),
    )
    query = (
        select(case.c.id, case.c.case_no, case.c.department, timer.c.key, timer.c.due_at)
        .join(case, case.c.id == timer.c.case_id)
        .where(
            timer.c.due_at < now - after,
            case.c.is_open,
            or_(~case.c.backfilled, ~is_told),
            ~happened,
        )
        .order_by(timer.c.due_at, case.c.id, timer.c.key)
        .limit(most)
    )
    return [Overdue(*row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late timers fired, in seconds, over a span of time."""

    count: int
    p50: float = 0.0
    p95: float = 0.0
    max: float = 0.0


def firings(connection: Connection, since: datetime) -> Lateness:
    """Return how late the law's own steps since then were recorded, against their instants.

    An instant that was past already when it became known (acceptance deemed in hindsight) counts
    from the step that made it known, and what a backfilled case had still to tell from its rest.
    """
    before = step.alias("before")
    rests = and_(case.c.backfilled, before.c.backfill).label("rests")
    query = (
        select(
            step.c.recorded_at, step.c.occurred_at, before.c.recorded_at.label("known_at"), rests
        )
        .join(case, case.c.id == step.c.case_id)
        .outerjoin(before, and_(before.c.case_id == step.c.case_id, before.c.seq == step.c.seq - 1))
        .where(step.c.recorded_at >= since, step.c.verb == "timer_fired")
    )
    late = []
    for row in connection.execute(query):
        due_at = max(row.occurred_at, row.known_at or row.occurred_at)
        due_at = rings_at(due_at, row.known_at if row.rests else None)
        late.append(max(0.0, (row.recorded_at - due_at).total_seconds()))
    return lateness_of(late)


def lateness_of(seconds: Iterable[float]) -> Lateness:
    """Return count, median, 95th of a hundred and greatest of these."""
    ordered = sorted(seconds)
    if not ordered:
        return Lateness(0)

    def share(part: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * part))], 3)

    return Lateness(len(ordered), share(0.5), share(0.95), round(ordered[-1], 3))


# --- which cases to look at ---


def moved_since(connection: Connection, since: datetime) -> list[str]:
    """Return the cases with a step recorded since then, from an index alone."""
    query = select(step.c.case_id).where(step.c.recorded_at >= since).distinct()
    return list(connection.execute(query).scalars())


def unread(connection: Connection, most: int) -> list[str]:
    """Return open cases whose rows have moved on since the last look, or that had none; and cases
    that are over and still have one. Walks over every case."""
    open_ones = (
        select(case.c.id)
        .outerjoin(census, census.c.case_id == case.c.id)
        .where(case.c.is_open, or_(census.c.seq.is_(None), census.c.seq != case.c.seq))
        .limit(most)
    )
    over = (
        select(census.c.case_id)
        .outerjoin(case, case.c.id == census.c.case_id)
        .where(or_(case.c.id.is_(None), ~case.c.is_open))
        .limit(most)
    )
    return [*connection.execute(open_ones).scalars(), *connection.execute(over).scalars()]


def longest_unseen(connection: Connection, most: int) -> list[str]:
    """Return the cases whose last look is the oldest."""
    query = select(census.c.case_id).order_by(census.c.looked_at).limit(most)
    return list(connection.execute(query).scalars())


def runs_of(connection: Connection, case_ids: Sequence[str]) -> dict[str, str]:
    """Return the run last seen of each of these cases."""
    return {
        row.case_id: row.run_id
        for ids in _portions(case_ids)
        for row in connection.execute(
            select(census.c.case_id, census.c.run_id).where(census.c.case_id.in_(ids))
        )
    }


def started_between(
    connection: Connection, since: datetime | None, until: datetime | None, most: int
) -> list[str]:
    """Return the cases whose run, as last seen, began in that span and was whole."""
    query = select(census.c.case_id).where(_began(since, until)).limit(most)
    return list(connection.execute(query).scalars())


def count_started(connection: Connection, since: datetime | None, until: datetime | None) -> int:
    """Return how many of these runs there must be."""
    query = select(func.count()).select_from(census).where(_began(since, until))
    return connection.execute(query).scalar_one()


def middle_start(
    connection: Connection, since: datetime | None, until: datetime | None, count: int
) -> datetime | None:
    """Return an instant that divides these runs by their beginnings; None where nothing does."""
    query = (
        select(census.c.run_started_at)
        .where(_began(since, until))
        .order_by(census.c.run_started_at)
        .offset(count // 2)
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def _began(since: datetime | None, until: datetime | None) -> ColumnElement[bool]:
    # A run that is known to be gone is not waited for: it is being mended.
    bounds: list[ColumnElement[bool]] = [
        census.c.run_started_at.is_not(None),
        census.c.fault.not_in(("missing", "closed")),
    ]
    if since is not None:
        bounds.append(census.c.run_started_at >= since)
    if until is not None:
        bounds.append(census.c.run_started_at < until)
    return and_(*bounds)


# --- what was found ---


@dataclass(frozen=True, slots=True)
class Looked:
    """A case as it was last looked at; a row of `census`."""

    case_id: str
    seq: int
    looked_at: datetime
    due_at: datetime | None = None
    run_id: str = ""
    run_started_at: datetime | None = None
    event_id: int = 0
    event_at: datetime | None = None
    armed: Armed = field(default_factory=dict)
    is_proven: bool = False
    fault: Fault | None = None
    fault_since: datetime | None = None
    mends: int = 0
    mended_at: datetime | None = None
    mending: str = ""


def looked(connection: Connection, case_ids: Sequence[str]) -> dict[str, Looked]:
    """Return the last look at each of these cases, by id."""
    return {
        row.case_id: _looked(row)
        for ids in _portions(case_ids)
        for row in connection.execute(select(census).where(census.c.case_id.in_(ids)))
    }


def at_fault(connection: Connection, most: int = 1000) -> list[Looked]:
    """Return the cases with which something is wrong, the longest first."""
    query = select(census).where(census.c.fault != "").order_by(census.c.fault_since).limit(most)
    return [_looked(row) for row in connection.execute(query)]


def unproven(connection: Connection, most: int) -> list[str]:
    """Return cases whose run is not known to remember what the rows say."""
    query = (
        select(census.c.case_id).where(~census.c.is_proven).order_by(census.c.looked_at).limit(most)
    )
    return list(connection.execute(query).scalars())


def save(connection: Connection, found: Sequence[Looked]) -> None:
    """Keep these looks."""
    if not found:
        return
    fresh = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = fresh(census)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[census.c.case_id],
            set_={c.name: statement.excluded[c.name] for c in census.c if not c.primary_key},
        ),
        [_row(one) for one in found],
    )


def seen_again(connection: Connection, case_ids: Sequence[str], at: datetime) -> None:
    """Note that nothing has changed with these."""
    if not case_ids:
        return
    mark = census.update().where(census.c.case_id == bindparam("c")).values(looked_at=at)
    connection.execute(mark, [{"c": one} for one in case_ids])


def forget(connection: Connection, case_ids: Sequence[str]) -> None:
    """Drop the looks at cases that are over, with their workflows."""
    for ids in _portions(case_ids):
        connection.execute(delete(census).where(census.c.case_id.in_(ids)))


def counts(connection: Connection) -> tuple[int, int, int]:
    """Return how many cases are watched, how many of them wait for an instant, how many not read
    to the end yet."""
    query = select(
        func.count(), func.count(census.c.due_at), func.count().filter(~census.c.is_proven)
    ).select_from(census)
    row = connection.execute(query).one()
    return cast("tuple[int, int, int]", tuple(row))


def _looked(row: Any) -> Looked:
    armed = {one: datetime.fromisoformat(at) for one, at in orjson.loads(row.armed).items()}
    return Looked(
        case_id=row.case_id,
        seq=row.seq,
        looked_at=row.looked_at,
        due_at=row.due_at,
        run_id=row.run_id,
        run_started_at=row.run_started_at,
        event_id=row.event_id,
        event_at=row.event_at,
        armed=armed,
        is_proven=row.is_proven,
        fault=row.fault or None,
        fault_since=row.fault_since,
        mends=row.mends,
        mended_at=row.mended_at,
        mending=row.mending,
    )


def _row(one: Looked) -> Mapping[str, Any]:
    return {
        "case_id": one.case_id,
        "seq": one.seq,
        "due_at": one.due_at,
        "run_id": one.run_id,
        "run_started_at": one.run_started_at,
        "event_id": one.event_id,
        "event_at": one.event_at,
        "armed": json_text({timer_id: at.isoformat() for timer_id, at in one.armed.items()}),
        "is_proven": one.is_proven,
        "looked_at": one.looked_at,
        "fault": one.fault or "",
        "fault_since": one.fault_since,
        "mends": one.mends,
        "mended_at": one.mended_at,
        "mending": one.mending,
    }


def _portions(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[n : n + AT_ONCE] for n in range(0, len(ids), AT_ONCE))
