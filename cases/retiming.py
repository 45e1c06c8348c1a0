"""Retiming: what another version of a calendar, or of the rules that give cards, moves, whose it
is, and which cases it has reached.

The instants are derived by the machine's own function (`approval.timers_of`) from the case's clock
events, once by what is in force (they stand in the state) and once by what would be. Only cases are
looked at whose instants can be touched: those with a timer that ends on or after the first day on
which the two versions differ.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from cases import approval
from cases.case_view import clock_event_of
from cases.database import reading
from cases.messages import Frozen
from cases.projection import json_text, packed, unpacked
from cases.retiming_tables import retiming, retiming_move
from cases.state import CaseState, ClockEvent, Timer
from cases.supervision.names import CARD, parts_of
from cases.tables import case, clock, clock_event, timer
from cases.tables import state as state_table
from catalogue.working_days import Calendar

PAGE = 200
"""Cases read at once: their states and clock events stay below a few megabytes."""

Direction = Literal["apply", "revert"]
Calendars = Mapping[str, Calendar]


class RetimingCause(Frozen):
    """Why instants are derived again, and where to look: what a retiming is started with."""

    id: str
    """Id of the command that signed, or took a signature back."""
    kind: Literal["calendar", "rules"] = "calendar"
    release: str = ""
    preview: str = ""
    """Id of the preview that was signed; its row tells how far the retiming has got."""
    name: str
    version: str
    """What counts from `at` on."""
    calendars: tuple[str, ...] = ()
    """Names of the calendars that are others now: the one released, and those that lie over it."""
    first: date | None = None
    """The earliest day on which they differ; None: nowhere. Rules concern every open case."""
    at: datetime
    """Since when it counts."""
    article: str
    reason: str = ""


class RetimingInput(Frozen):
    """What a run of the retiming begins with; the last three come from the run before."""

    cause: RetimingCause
    told: int = 0
    passes: int = 0
    began: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """An open case as it was looked at."""

    case_id: str
    case_no: str
    seq: int
    state: CaseState
    clock: tuple[ClockEvent, ...]


@dataclass(frozen=True, slots=True)
class MovedDeadline:
    """One instant of one case before and after, and whose it is."""

    case_id: str
    case_no: str
    matter_name: str
    key: str
    department: str
    holder: str
    due_before: datetime | None
    due_after: datetime | None
    provisional_before: bool
    provisional_after: bool


@dataclass(slots=True)
class Counts:
    """How many; `moved` is another instant, `firmed` the same one that is provisional no longer."""

    open_cases: int = 0
    looked_at: int = 0
    cases: int = 0
    deadlines: int = 0
    moved: int = 0
    later: int = 0
    earlier: int = 0
    firmed: int = 0
    loosened: int = 0
    into_past: int = 0
    """Instants that lay ahead and would have passed: they fire at once."""
    out_of_past: int = 0
    departments: dict[str, int] = field(default_factory=dict)
    """Department → its deadlines among them."""
    added: int = 0
    dropped: int = 0

    def add(self, one: MovedDeadline, now: datetime) -> None:
        """Count one deadline."""
        self.deadlines += 1
        self.departments[one.department] = self.departments.get(one.department, 0) + 1
        before, after = one.due_before, one.due_after
        self.firmed += one.provisional_before and not one.provisional_after
        self.loosened += one.provisional_after and not one.provisional_before
        self.added += before is None
        self.dropped += after is None
        if before is None or after is None or before == after:
            self.into_past += before is None and after is not None and after <= now
            return
        self.moved += 1
        self.later += after > before
        self.earlier += after < before
        self.into_past += after <= now < before
        self.out_of_past += before <= now < after

    @property
    def words(self) -> str:
        """One Chinese sentence for gates, pages and the log."""
        return (
            f"在办 {self.open_cases} 件，涉及 {self.cases} 件 {self.deadlines} 个期限："
            f"推后 {self.later}，提前 {self.earlier}，由暂定转为确定 {self.firmed}，"
            f"转为暂定 {self.loosened}；即刻届满 {self.into_past}，不再届满 {self.out_of_past}"
        )

    @property
    def card_words(self) -> str:
        """The same of the cards of open cases."""
        return (
            f"在办 {self.open_cases} 件，涉及 {self.cases} 件 {self.deadlines} 张将发的监察牌："
            f"新增 {self.added}，取消 {self.dropped}，推后 {self.later}，提前 {self.earlier}；"
            f"其中即刻发出 {self.into_past}"
        )


@dataclass(frozen=True, slots=True)
class Preview:
    """What a version would move, as somebody looked at it."""

    id: str
    release_id: str
    release_digest: str
    """Of the text that would count, or cease to: a preview is for that text alone."""
    direction: Direction
    name: str
    from_version: str
    to_version: str
    calendars: tuple[str, ...]
    """Those that are others then: the one released, and those that lie over it."""
    first: date | None
    made_at: datetime
    digest: str
    """SHA-256 (hex) of every move; empty while it is still being made."""
    counts: Counts
    ordered_at: datetime | None = None
    finished_at: datetime | None = None
    passes: int = 0
    told: int = 0
    """Cases that were told to derive their instants again."""
    away: int = 0
    """Cases whose workflow did not answer at the last pass."""


# --- what moves ----------------------------------------------------------------------------------


def moves_by(calendars: Calendars) -> Callable[[Seen], tuple[approval.Move, ...]]:
    """Return what tells the instants of a case that differ by these calendars."""

    def moves(seen: Seen) -> tuple[approval.Move, ...]:
        calendar = calendars.get(seen.state.plan.calendar)
        return () if calendar is None else moves_of(seen, calendar)

    return moves


def moves_of(seen: Seen, calendar: Calendar) -> tuple[approval.Move, ...]:
    """Return the instants of a case that differ by this version of its calendar."""
    after = approval.timers_of(seen.state, seen.clock, calendar)
    return approval.moved(seen.state.timers, after)


def deadlines_of(seen: Seen, moves: Sequence[approval.Move]) -> Iterator[MovedDeadline]:
    """Yield those moves that anybody would notice: another instant, or firm and it was not."""
    tasks = {f"step:{task.key}": task for task in seen.state.tasks}
    plan = seen.state.plan
    holder = next((t.holder for t in seen.state.tasks if t.state == "open" and t.holder), "")
    for one in moves:
        before, after = one.before, one.after
        if before and after and _said(before) == _said(after):
            continue  # only the hour of its 预警 moves
        task = tasks.get(_clock_of(one.key))
        yield MovedDeadline(
            case_id=seen.case_id,
            case_no=seen.case_no,
            matter_name=plan.name,
            key=one.key,
            department=task.department if task else plan.department,
            holder=task.holder if task else holder,
            due_before=before.due_at if before else None,
            due_after=after.due_at if after else None,
            provisional_before=before is not None and before.provisional,
            provisional_after=after is not None and after.provisional,
        )


def _clock_of(key: str) -> str:
    """Return the clock of an instant: of a card, the one on which it is given."""
    return parts_of(key)[0] if key.startswith(CARD) else key


def _said(one: Timer) -> tuple[datetime, bool]:
    return one.due_at, one.provisional


def moved_deadlines(
    pages: Iterable[list[Seen]],
    moves: Callable[[Seen], Sequence[approval.Move]],
    counts: Counts,
    each_page: Callable[[list[MovedDeadline]], None] = lambda _: None,
) -> Iterator[MovedDeadline]:
    """Yield every instant that would move, case by case; `counts` learns of the cases.

    `each_page` is called with what a page of cases has brought, before it is yielded.
    """
    for page in pages:
        found: list[MovedDeadline] = []
        for seen in page:
            mine = list(deadlines_of(seen, moves(seen)))
            counts.cases += bool(mine)
            found += mine
        counts.looked_at += len(page)
        each_page(found)
        yield from found


class Digest:
    """SHA-256 over the moves in the order of their cases: what a signer has seen."""

    def __init__(self, *about: str) -> None:
        self._hash = hashlib.sha256("\n".join(about).encode())

    def add(self, one: MovedDeadline) -> None:
        said = [
            one.case_no, one.key, _text(one.due_before), _text(one.due_after),
            one.provisional_before, one.provisional_after, one.department, one.holder,
        ]  # fmt: skip
        self._hash.update(orjson.dumps(said) + b"\n")

    def hex(self) -> str:
        return self._hash.hexdigest()


def _text(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat()


# --- which cases ---------------------------------------------------------------------------------


def open_cases(
    engine: Engine, calendars: Sequence[str], first: date | None, after: str = ""
) -> Iterator[list[Seen]]:
    """Yield the open cases that can be touched, a page at a time, by id from `after` on.

    Each page is read by itself, so that no reader holds on to the store for minutes.
    """
    if first is None:
        return
    # A day's end lies up to a day away from the same date in UTC, whatever the zone.
    since = datetime.combine(first, time(), UTC) - timedelta(days=1)
    touched = exists().where(timer.c.case_id == case.c.id, timer.c.due_at >= since)
    yield from _pages(engine, and_(case.c.calendar.in_(calendars), touched), after)


def all_open_cases(engine: Engine, after: str = "") -> Iterator[list[Seen]]:
    """Yield every open case that supervision looks at, a page at a time."""
    return _pages(engine, case.c.process == "approval", after)


def _pages(engine: Engine, where: ColumnElement[bool], after: str) -> Iterator[list[Seen]]:
    last = after
    while True:
        with reading(engine) as connection:
            page = _page(connection, where, last)
        if not page:
            return
        yield page
        last = page[-1].case_id


def count_open(connection: Connection, calendars: Sequence[str] | None = None) -> int:
    """Return how many open cases there are, or count by these calendars."""
    query = select(func.count()).select_from(case).where(case.c.is_open)
    if calendars is not None:
        query = query.where(case.c.calendar.in_(calendars))
    return connection.execute(query).scalar_one()


def with_older_rows(
    engine: Engine, calendars: Sequence[str], first: date, version: str
) -> list[str]:
    """Return the open cases of which an ended clock may have used days that count otherwise now.

    Their instants did not move, so no step has written the rows anew.
    """
    since = datetime.combine(first, time(), UTC) - timedelta(days=1)
    query = (
        select(case.c.id)
        .where(
            case.c.calendar.in_(calendars),
            case.c.is_open,
            exists().where(
                clock.c.case_id == case.c.id,
                clock.c.ended_at >= since,
                clock.c.calendar_version != version,
            ),
        )
        .order_by(case.c.id)
    )
    with reading(engine) as connection:
        return list(connection.execute(query).scalars())


def is_open(connection: Connection, case_id: str) -> bool:
    """Tell whether a case is still open."""
    query = select(case.c.is_open).where(case.c.id == case_id)
    return bool(connection.execute(query).scalar())


def _page(connection: Connection, where: ColumnElement[bool], last: str) -> list[Seen]:
    query = (
        select(case.c.id, case.c.case_no, state_table.c.seq, state_table.c.state)
        .join(state_table, state_table.c.case_id == case.c.id)
        .where(case.c.id > last, case.c.is_open, where)
        .order_by(case.c.id)
        .limit(PAGE)
    )
    rows = connection.execute(query).all()
    told: dict[str, list[ClockEvent]] = defaultdict(list)
    events = (
        select(clock_event)
        .where(clock_event.c.case_id.in_([row[0] for row in rows]))
        .order_by(clock_event.c.case_id, clock_event.c.seq, clock_event.c.n)
    )
    for row in connection.execute(events):
        told[row.case_id].append(clock_event_of(row))
    return [
        Seen(case_id, case_no, seq, CaseState.model_validate_json(text), tuple(told[case_id]))
        for case_id, case_no, seq, text in rows
    ]


# --- previews as rows ----------------------------------------------------------------------------


def begin(connection: Connection, preview: Preview) -> None:
    """Make room for a preview: one of the same id is made anew, older unsigned ones are dropped."""
    table = retiming.c
    stale = select(table.id).where(
        table.release_id == preview.release_id,
        table.direction == preview.direction,
        table.ordered_at.is_(None),
    )
    connection.execute(delete(retiming_move).where(retiming_move.c.retiming_id.in_(stale)))
    connection.execute(delete(retiming).where(table.id.in_(stale)))
    connection.execute(insert(retiming), _row(preview))


def put(connection: Connection, preview: str, first: int, moves: Sequence[MovedDeadline]) -> None:
    """Add moves to a preview; `first` is the place of the first of them."""
    if moves:
        rows = [
            asdict(one) | {"retiming_id": preview, "n": first + n} for n, one in enumerate(moves)
        ]
        connection.execute(insert(retiming_move), rows)


def complete(connection: Connection, preview: Preview) -> None:
    """Say what came of it: only now can it be signed."""
    values = {"digest": preview.digest, "counts": _counts_text(preview.counts)}
    connection.execute(update(retiming).where(retiming.c.id == preview.id).values(values))


def newest(
    connection: Connection, release_id: str, release_digest: str, direction: Direction
) -> Preview | None:
    """Return the newest complete preview of a release's text that nobody has signed yet."""
    query = (
        select(retiming)
        .where(
            retiming.c.release_id == release_id,
            retiming.c.release_digest == release_digest,
            retiming.c.direction == direction,
            retiming.c.digest != "",
            retiming.c.ordered_at.is_(None),
        )
        .order_by(retiming.c.made_at.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _preview(row)


def ordered(connection: Connection, release_id: str, direction: Direction) -> Preview | None:
    """Return the preview on which a release was signed, or revoked."""
    query = (
        select(retiming)
        .where(
            retiming.c.release_id == release_id,
            retiming.c.direction == direction,
            retiming.c.ordered_at.is_not(None),
        )
        .order_by(retiming.c.ordered_at.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _preview(row)


def of_release(connection: Connection, release_id: str) -> list[Preview]:
    """Return every preview of a release, the newest first."""
    query = select(retiming).where(retiming.c.release_id == release_id)
    found = connection.execute(query.order_by(retiming.c.made_at.desc()))
    return [_preview(row) for row in found.mappings()]


def find(connection: Connection, preview: str) -> Preview | None:
    """Return a preview by its id."""
    row = (
        connection.execute(select(retiming).where(retiming.c.id == preview))
        .mappings()
        .one_or_none()
    )
    return None if row is None else _preview(row)


def moves_page(
    connection: Connection,
    preview: str,
    page: int,
    size: int,
    department: str = "",
    shown: ColumnElement[bool] | None = None,
) -> tuple[list[MovedDeadline], int]:
    """Return one page of a preview (from 1), by what is due first, and how many there are.

    `shown`: the condition over `case` that policy made for the reader; None: all of them.
    """
    table = retiming_move.c
    where = [table.retiming_id == preview]
    if shown is not None:
        where.append(table.case_id.in_(select(case.c.id).where(shown)))
    if department:
        where.append(table.department == department)
    names = [table[one.name] for one in fields(MovedDeadline)]
    query = select(*names).where(*where).order_by(table.due_before, table.n)
    rows = connection.execute(query.offset((page - 1) * size).limit(size)).mappings()
    total = connection.execute(select(func.count()).where(*where)).scalar_one()
    return [MovedDeadline(**row) for row in rows], total


def order(connection: Connection, preview: str, at: datetime) -> None:
    """Note that a preview has been signed; from here on its row tells how far it has got."""
    connection.execute(update(retiming).where(retiming.c.id == preview).values(ordered_at=at))


def note_pass(connection: Connection, preview: str, passes: int, told: int, away: int) -> None:
    """Note what a pass has done; `told` counts over all passes."""
    connection.execute(
        update(retiming)
        .where(retiming.c.id == preview, retiming.c.passes <= passes)
        .values(passes=passes, told=told, away=away)
    )


def finish(connection: Connection, preview: str, at: datetime) -> bool:
    """Note that every case has been reached; False when that was noted before."""
    done = connection.execute(
        update(retiming)
        .where(retiming.c.id == preview, retiming.c.finished_at.is_(None))
        .values(finished_at=at, away=0)
    )
    return done.rowcount == 1


def _row(one: Preview) -> dict[str, Any]:
    return {
        "id": one.id,
        "release_id": one.release_id,
        "release_digest": one.release_digest,
        "calendars": packed(one.calendars),
        "first_day": one.first.isoformat() if one.first else "",
        "direction": one.direction,
        "name": one.name,
        "from_version": one.from_version,
        "to_version": one.to_version,
        "made_at": one.made_at,
        "digest": one.digest,
        "counts": _counts_text(one.counts),
    }


def _preview(row: Mapping[Any, Any]) -> Preview:
    own = ("counts", "calendars", "first")
    plain = {one.name: row[one.name] for one in fields(Preview) if one.name not in own}
    return Preview(
        **plain,
        calendars=unpacked(row["calendars"]),
        first=date.fromisoformat(row["first_day"]) if row["first_day"] else None,
        counts=Counts(**orjson.loads(row["counts"])),
    )


def _counts_text(counts: Counts) -> str:
    return json_text(asdict(counts))
