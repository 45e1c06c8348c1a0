"""Looking ahead at what another calendar would move, and telling the cases that it has moved.

A preview is made before anybody signs and stands in rows, so that a signer sees exactly what is
signed. `retime` is the activity behind a signature: it looks for open cases whose instants are
still the old ones and signals each; a case derives its own instants and has its own entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol
from uuid import uuid5

from sqlalchemy import Engine
from temporalio import activity

from audit.entry import EntryDraft, What, Where, Who, entry_id
from audit.outbox import record
from cases import clock_check, retiming
from cases.database import reading
from cases.messages import NAMESPACE, Frozen, Retimed
from cases.orders import Retime
from cases.releases import Proposal, Release, release_id
from cases.retiming import (
    Counts,
    Digest,
    Direction,
    MovedDeadline,
    Preview,
    RetimingCause,
    Seen,
    moves_of,
)
from catalogue.working_days import Calendar

TOLD_PER_SECOND = 40
"""How many cases are told a second: each is a step like any other, and clerks' steps come first.
A city of 100,000 open cases is through in three quarters of an hour."""
AT_ONCE = 10
"""Signals under way at a time."""
AWAY_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Change:
    """The calendars before and after a version counts, or ceases to."""

    name: str
    before: Mapping[str, Calendar]
    after: Mapping[str, Calendar]
    calendars: tuple[str, ...]
    """Names of those that differ."""
    first: date | None
    """The earliest day on which one of them does."""

    def version(self, which: Mapping[str, Calendar]) -> str:
        """Return what the released calendar is called on one side; empty: it is not there."""
        return which[self.name].version if self.name in which else ""


class Changes(Protocol):
    """What the calendars would be, as the worker knows it from the register."""

    def __call__(self, one: Proposal | Release, direction: Direction) -> Change: ...


@dataclass(frozen=True, slots=True)
class LookingAhead:
    """Makes previews. Blocking; safe in any number of threads."""

    engine: Engine
    changes: Changes
    now: Callable[[], datetime]

    def preview(self, command_id: str, one: Proposal | Release, direction: Direction) -> Preview:
        """Look at every open case that can be touched and keep what would move.

        Commits by pages; a preview that was not finished has no digest and cannot be signed. Made
        again under the same command id it replaces itself.
        """
        change = self.changes(one, direction)
        empty = Preview(
            id=str(uuid5(NAMESPACE, f"retiming\n{command_id}")),
            release_id=one.id if isinstance(one, Release)
            else release_id(one.kind, one.name, one.version),
            release_digest=one.digest,
            direction=direction,
            name=change.name,
            from_version=change.version(change.before),
            to_version=change.version(change.after),
            calendars=change.calendars,
            first=change.first,
            made_at=self.now(),
            digest="",
            counts=Counts(),
        )  # fmt: skip
        with self.engine.begin() as connection:
            retiming.begin(connection, empty)
        made = self._filled(empty, change)
        with self.engine.begin() as connection:
            retiming.complete(connection, made)
        return made

    def is_current(self, preview: Preview, one: Release) -> bool:
        """Tell whether the calendars are still those between which the preview compared."""
        change = self.changes(one, preview.direction)
        said = (change.version(change.before), change.version(change.after), change.calendars)
        return said == (preview.from_version, preview.to_version, preview.calendars)

    def _filled(self, empty: Preview, change: Change) -> Preview:
        counts = Counts()
        digest = Digest(
            empty.release_id, empty.release_digest, empty.direction,
            empty.from_version, empty.to_version,
        )  # fmt: skip
        with reading(self.engine) as connection:
            counts.open_cases = retiming.count_open(connection, change.calendars)

        def keep(found: list[MovedDeadline]) -> None:
            with self.engine.begin() as connection:
                retiming.put(connection, empty.id, counts.deadlines, found)
            if activity.in_activity():
                activity.heartbeat(counts.looked_at)

        for one in retiming.moved_deadlines(
            self.engine, change.calendars, change.first, change.after, counts, keep
        ):
            digest.add(one)
            counts.add(one, empty.made_at)
        return replace(empty, digest=digest.hex(), counts=counts)


# --- telling the cases ---------------------------------------------------------------------------


class RetimePass(Frozen):
    """One walk over the open cases."""

    cause: RetimingCause
    number: int
    told: int = 0
    """Told in the passes before."""
    last: bool = False
    """Nothing is left to tell, and has not been for long enough: note that it is done."""
    overtaken: bool = False
    """… or another version counts meanwhile."""


class RetimeFound(Frozen):
    """What a pass found."""

    looked_at: int = 0
    told: int = 0
    away: int = 0
    away_cases: tuple[str, ...] = ()
    """Some of the cases that did not answer, for whoever looks into it."""
    overtaken: bool = False
    """Another version counts meanwhile: its own retiming tells the cases."""


class _Progress(Frozen):
    """How far a pass has got, as its heartbeats say: the next attempt goes on from there."""

    cursor: str = ""
    looked_at: int = 0
    told: int = 0
    away: tuple[str, ...] = ()


Signal = Callable[[str, Retime], Awaitable[bool]]
"""Tell a case's workflow; False where it does not run now. Raises when Temporal is away."""


class Retiming:
    """Tells open cases that another calendar counts. One per worker process."""

    def __init__(
        self,
        engine: Engine,
        calendars: Callable[[], Mapping[str, Calendar]],
        signal: Signal,
        now: Callable[[], datetime],
    ) -> None:
        """`calendars` looks at the register anew, and returns what is in force."""
        self._engine = engine
        self._calendars = calendars
        self._signal = signal
        self._now = now

    @activity.defn(name="retime")
    async def retime(self, order: RetimePass) -> RetimeFound:
        """Tell every case whose instants are not those of the calendar in force.

        Goes on where an earlier attempt stood. A case that moved meanwhile is told once: the order
        that it queues has the same id for the same step.
        """
        if order.last:
            await self._mend_rows(order.cause)
            await asyncio.to_thread(self._finish, order)
            return RetimeFound()
        details = activity.info().heartbeat_details
        progress = _Progress.model_validate(details[0]) if details else _Progress()
        calendars = await asyncio.to_thread(self._calendars)
        if _is_overtaken(order.cause, calendars):
            return RetimeFound(overtaken=True)
        pages = retiming.open_cases(
            self._engine, order.cause.calendars, order.cause.first, progress.cursor
        )
        while page := await asyncio.to_thread(next, pages, None):
            stale = [seen for seen in page if self._is_stale(seen, calendars)]
            away = await self._tell(order.cause, stale)
            progress = _Progress(
                cursor=page[-1].case_id,
                looked_at=progress.looked_at + len(page),
                told=progress.told + len(stale) - len(away),
                away=(*progress.away, *away),
            )
            activity.heartbeat(progress.model_dump(mode="json"))
        await asyncio.to_thread(self._note, order, progress)
        return RetimeFound(
            looked_at=progress.looked_at,
            told=progress.told,
            away=len(progress.away),
            away_cases=progress.away[:AWAY_SHOWN],
        )

    def _is_stale(self, seen: Seen, calendars: Mapping[str, Calendar]) -> bool:
        calendar = calendars.get(seen.state.plan.calendar)
        return calendar is not None and bool(moves_of(seen, calendar))

    async def _tell(self, cause: RetimingCause, stale: list[Seen]) -> list[str]:
        """Signal each case, not too many in a second; return those whose workflow is away."""
        why = Retimed(
            cause=cause.id,
            kind=cause.kind,
            release=cause.release,
            name=cause.name,
            version=cause.version,
            article=cause.article,
            reason=cause.reason,
        )
        away: list[str] = []
        for start in range(0, len(stale), AT_ONCE):
            some = stale[start : start + AT_ONCE]
            pause = asyncio.create_task(asyncio.sleep(len(some) / TOLD_PER_SECOND))
            orders = [Retime(why=why, at=cause.at, seen=seen.seq) for seen in some]
            reached = await asyncio.gather(
                *(
                    self._signal(seen.case_id, order)
                    for seen, order in zip(some, orders, strict=True)
                )
            )
            away += [seen.case_id for seen, ok in zip(some, reached, strict=True) if not ok]
            await pause
        return [one for one in away if await asyncio.to_thread(self._is_open, one)]

    def _is_open(self, case_id: str) -> bool:
        """A case that ended meanwhile has no workflow, and no instants to move."""
        with reading(self._engine) as connection:
            return retiming.is_open(connection, case_id)

    async def _mend_rows(self, cause: RetimingCause) -> None:
        """Derive the rows of ended clocks again where days of the past count otherwise now."""
        if cause.first is None or cause.first > self._now().date():
            return
        calendars = await asyncio.to_thread(self._calendars)
        for name in cause.calendars:
            older = await asyncio.to_thread(
                retiming.with_older_rows,
                self._engine,
                [name],
                cause.first,
                calendars[name].version,
            )
            for number, case_id in enumerate(older):
                await asyncio.to_thread(clock_check.mend, self._engine, calendars, case_id)
                activity.heartbeat(name, number)

    def _note(self, order: RetimePass, progress: _Progress) -> None:
        if not order.cause.preview:
            return
        told = order.told + progress.told
        with self._engine.begin() as connection:
            retiming.note_pass(
                connection, order.cause.preview, order.number, told, len(progress.away)
            )

    def _finish(self, order: RetimePass) -> None:
        """Note that every case has been reached, with its entry."""
        cause, at = order.cause, self._now()
        with self._engine.begin() as connection:
            if cause.preview and not retiming.finish(connection, cause.preview, at):
                return
            record(connection, self._finished(order, at))

    def _finished(self, order: RetimePass, at: datetime) -> EntryDraft:
        cause = order.cause
        return EntryDraft(
            id=entry_id(cause.id, "retimed"),
            stream=f"release:{cause.kind}:{cause.name}",
            at=at,
            who=Who("system", "system"),
            act="release_retimed",
            obj=What("retiming", cause.preview or cause.id, cause.version),
            why=f"已通知 {order.told} 件重算期限"
            + ("，其后改以他版为准" if order.overtaken else ""),
            where=Where(svc="worker"),
        )


def _is_overtaken(cause: RetimingCause, calendars: Mapping[str, Calendar]) -> bool:
    known = calendars.get(cause.name)
    return cause.kind == "calendar" and known is not None and known.version != cause.version
