"""Telling the open cases that another calendar, or other rules that give cards, count now.

`retime` is the activity behind a signature: it looks for open cases whose instants are still the
old ones and signals each; a case derives its own instants and has its own entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine
from temporalio import activity

from activities.entries import here
from audit.entry import EntryDraft, What, Where, Who, entry_id
from audit.outbox import record
from cases import approval, clock_check, retiming
from cases.database import reading
from cases.messages import Frozen, Retimed
from cases.orders import Retime
from cases.retiming import RetimingCause, Seen, moves_by
from cases.state import Timer
from catalogue.working_days import Calendar

TOLD_PER_SECOND = 40
"""How many cases are told a second: each is a step like any other, and clerks' steps come first.
A city of 100,000 open cases is through in three quarters of an hour."""
AT_ONCE = 10
"""Signals under way at a time."""
AWAY_SHOWN = 20


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


class CardsNow(Protocol):
    """The forecast of cards by the rules in force, read anew."""

    def version(self) -> str:
        """Return the version in force at this moment; empty: there is none."""
        ...

    def cards(self, seen: Seen, at: datetime) -> Sequence[Timer]:
        """Return the next cards of a case, as a step of it at that instant would find them."""
        ...


@dataclass(frozen=True, slots=True)
class _Look:
    """A walk over cases, and what has moved in each."""

    pages: Iterator[list[Seen]]
    moved: Callable[[Seen], Sequence[approval.Move]]

    def stale(self, page: list[Seen]) -> list[Seen]:
        return [seen for seen in page if self.moved(seen)]


class Retiming:
    """Tells open cases that another calendar counts, or other rules. One per worker process."""

    def __init__(
        self,
        engine: Engine,
        calendars: Callable[[], Mapping[str, Calendar]],
        cards: CardsNow,
        signal: Signal,
        now: Callable[[], datetime],
    ) -> None:
        """`calendars` looks at the register anew, and returns what is in force."""
        self._engine = engine
        self._calendars = calendars
        self._cards = cards
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
        look = await asyncio.to_thread(self._look, order.cause, progress.cursor)
        if look is None:
            return RetimeFound(overtaken=True)
        while page := await asyncio.to_thread(next, look.pages, None):
            stale = await asyncio.to_thread(look.stale, page)
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

    def _look(self, cause: RetimingCause, cursor: str) -> _Look | None:
        """Return where to look and what has moved there; None: another version counts meanwhile."""
        if cause.kind == "rules":
            if self._cards.version() != cause.version:
                return None
            pages = retiming.all_open_cases(self._engine, cursor)

            def moved(seen: Seen) -> Sequence[approval.Move]:
                return approval.moved_cards(seen.state, self._cards.cards(seen, cause.at))

            return _Look(pages, moved)
        calendars = self._calendars()
        known = calendars.get(cause.name)
        if known is not None and known.version != cause.version:
            return None
        pages = retiming.open_cases(self._engine, cause.calendars, cause.first, cursor)
        return _Look(pages, moves_by(calendars))

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
            why=f"已通知 {order.told} 件重算{'监察牌' if cause.kind == 'rules' else '期限'}"
            + ("，其后改以他版为准" if order.overtaken else ""),
            where=Where(svc="worker"),
            wf=here(),
        )
