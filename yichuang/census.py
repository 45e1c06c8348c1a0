"""The census: proves that each open case's workflow waits with one timer, at its earliest instant.

A round looks at the cases whose rows have moved, those with which something was wrong, those that
Temporal says were closed or whose tasks fail, those missing where it is counted, and a rolling
share of the rest; everything else is as it was at its last look. A fault is mended when a second
look, in another round, finds it again. One of several workers holds the lease.

Nothing is mended because Temporal or the workers were away: then nothing can be proven, and the
census says so. The timer of a workflow that has not been served for want of a worker is armed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError
from temporalio.client import Client, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.service import RPCError

from activities.alarming import Alarms
from audit.outbox import ClockWentBack, StreamMoved
from cases import census
from cases.armed import RESTS_AFTER, Fault, Seen, fault_of
from cases.census import Expected, Looked
from cases.database import reading
from workflows.approval import ApprovalWorkflow, workflow_id
from yichuang import counting
from yichuang.census_telling import Done, Figures, Pace, Teller
from yichuang.history import Mark, look
from yichuang.mending import Mender

STEADY_AFTER = timedelta(seconds=60)
"""How long server and workers must have answered before a late timer is theirs to answer for."""
MOVED_OVERLAP = timedelta(seconds=120)
"""A step's instant is taken before its commit, and workers' clocks differ; so far back is asked."""
AT_ONCE = 8
"""Looks under way at a time."""
MOST = 2000
"""Looks in one round; what is left over comes first in the next."""
PORTION = 200
ROLLING = 200
ROLLED_WITHIN = 360
"""Each round looks anew at 200 cases, or at a 360th of them where that is more: every case within
an hour, whatever was said to have changed (0.34 s of the embedded server's CPU a round)."""
COUNTED_EACH_ROUND = 5000
"""Up to so many cases Temporal's workflows are counted in each round, else in each third (6 µs a
case and count, measured 2026-11-26)."""
UNFILED_WITHIN = timedelta(minutes=6)
"""A workflow may be so old without a case: its filing is under way or was never admitted."""
QUERY_WITHIN = timedelta(seconds=5)
LATE_LOOKED_AT = 100
"""Overdue cases looked at in a round: in a storm of timers the server has enough to do."""
LATE_MENDED = 20
"""Where more cases are overdue at once, a server or worker lags behind, and no run is broken for
being late: 3,000 timers in a minute took up to 165 s on two busy cores (measured 2026-11-26)."""
MENDS_PER_MINUTE = 60
MENDS_AT_ONCE = 4
WELL_AFTER = timedelta(hours=1)
"""A case that stayed well for so long begins anew with its mendings."""

_AWAY = (RPCError, OSError, OperationalError, StreamMoved, ClockWentBack)
"""Errors by which a server or a store says *not now*; the next round tries again."""

_log = logging.getLogger("yichuang.census")


@dataclass(frozen=True, slots=True)
class Judged:
    """A case, what the rows expect of it and what Temporal knows of it."""

    wanted: Expected | None
    seen: Seen
    looked: Looked


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether a run remembers its case as the rows tell it; `seq` where it had to be asked."""

    is_given: bool
    seq: int | None = None


class Census:
    """Runs rounds. One per worker process; the lease decides which one works."""

    def __init__(
        self,
        engine: Engine,
        client: Client,
        task_queue: str,
        alarms: Alarms,
        pace: Pace | None = None,
        holder: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`holder` names this worker among others; by default its host and process."""
        self._pace = pace or Pace()
        self._engine = engine
        self._client = client
        self._queue = task_queue
        self._now = now
        self._mender = Mender(engine, client, task_queue, now)
        holder = holder or f"{socket.gethostname()}:{os.getpid()}"
        self._teller = Teller(engine, alarms, self._pace, holder)
        self._steady_since: datetime | None = None
        self._last: datetime | None = None
        self._leftover = True
        """Whether some case may not have been looked at: every row is gone through then."""
        self._in_storm = False
        self._rounds = 0
        self._mended: deque[float] = deque()

    async def run(self) -> None:
        """Run rounds until cancelled; a server or store that is away waits for the next one."""
        try:
            while True:
                began = time.monotonic()
                try:
                    await self.round()
                except _AWAY as away:
                    _log.warning("the census cannot be taken now: %s", away)
                    self._steady_since = None
                rest = self._pace.every.total_seconds() - (time.monotonic() - began)
                await asyncio.sleep(max(rest, self._pace.every.total_seconds() / 10))
        finally:
            await asyncio.shield(asyncio.to_thread(self.let_go))

    async def round(self) -> Figures | None:
        """Take the census once; return its figures, None where another worker does it.

        Raises what a server or a store says when it is away; nothing is mended then.
        """
        now = self._now()
        if not await asyncio.to_thread(self._teller.take, now):
            self._last, self._steady_since = None, None
            return None
        began = time.monotonic()
        away = await counting.away(self._client, self._queue)
        if away:
            self._steady_since = None
            return await asyncio.to_thread(self._teller.tell_away, now, away, self._leftover)
        if self._steady_since is None:
            self._steady_since = now
        self._rounds += 1
        candidates = await self._candidates(now)
        self._leftover = len(candidates) > MOST
        judged: list[Judged] = []
        for start in range(0, min(len(candidates), MOST), PORTION):
            if start and not await asyncio.to_thread(self._teller.take, self._now()):
                return None
            judged += await self._look_at(candidates[start : start + PORTION])
        await self._mend(judged)
        self._last = now
        took = round((time.monotonic() - began) * 1000)
        done = Done(looked_at=len(judged), unread=self._leftover, took_ms=took)
        return await asyncio.to_thread(self._teller.tell, now, done)

    def let_go(self) -> None:
        """Let another worker take the census at once."""
        self._teller.let_go(self._now())

    # --- which cases ---

    async def _candidates(self, now: datetime) -> list[str]:
        """Return the cases to look at, those that matter most first."""
        asked = await asyncio.to_thread(self._from_rows, now)
        visible = counting.Visible(self._client, self._engine)
        broken = [*await visible.failing(), *await visible.closed_since(self._since(now))]
        total, self._in_storm = asked.watched, asked.in_storm
        if total <= COUNTED_EACH_ROUND or self._rounds % 3 == 1:
            settled = now - self._pace.settles_within
            broken += await visible.differing(settled, now - UNFILED_WITHIN)
        return list(dict.fromkeys((*asked.first, *broken, *asked.moved, *asked.rolling)))

    def _since(self, now: datetime) -> datetime:
        return (self._last or now - timedelta(hours=1)) - MOVED_OVERLAP

    def _from_rows(self, now: datetime) -> _Asked:
        with reading(self._engine) as connection:
            watched = census.counts(connection)[0]
            first = [one.case_id for one in census.at_fault(connection)]
            late = census.overdue(connection, now, after=self._pace.every * 2, most=LATE_LOOKED_AT)
            first += [one.case_id for one in late]
            first += census.unproven(connection, PORTION)
            if self._leftover or self._last is None:
                moved = census.unread(connection, MOST + 1)
            else:
                moved = self._moved(connection, now)
            share = max(ROLLING, watched // ROLLED_WITHIN)
            rolling = census.longest_unseen(connection, share)
        return _Asked(watched, first, moved, rolling, len(late) > LATE_MENDED)

    def _moved(self, connection: Connection, now: datetime) -> list[str]:
        recent = census.moved_since(connection, self._since(now))
        stand, known = census.seqs(connection, recent), census.looked(connection, recent)
        moved = []
        for case_id in recent:
            seq, is_open = stand[case_id]
            last = known.get(case_id)
            if is_open if last is None else not is_open or last.seq != seq:
                moved.append(case_id)
        return moved

    # --- looking ---

    async def _look_at(self, case_ids: Sequence[str]) -> list[Judged]:
        """Look at these cases, keep what was found, and return those that could be judged."""
        wanted, known = await asyncio.to_thread(self._rows, case_ids)
        now = self._now()
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(case_id: str) -> Seen:
            async with gate:
                last = known.get(case_id)
                return await look(self._client, workflow_id(case_id), _mark(last), now)

        seen = dict(zip(case_ids, await asyncio.gather(*map(one, case_ids)), strict=True))
        stand = await asyncio.to_thread(self._stand, case_ids)
        judged = []
        for case_id in case_ids:
            before = wanted.get(case_id)
            if stand.get(case_id) != ((before.seq, before.is_open) if before else None):
                continue  # a step was settled meanwhile: the next round sees it whole
            last = known.get(case_id)
            proof = await self._proof(before, last, seen[case_id])
            judged.append(self._judged(case_id, before, last, seen[case_id], proof, now))
        await asyncio.to_thread(self._keep, judged, known, now)
        return judged

    def _rows(self, case_ids: Sequence[str]) -> tuple[dict[str, Expected], dict[str, Looked]]:
        with reading(self._engine) as connection:
            return census.expected(connection, case_ids), census.looked(connection, case_ids)

    def _stand(self, case_ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
        with reading(self._engine) as connection:
            return census.seqs(connection, case_ids)

    async def _proof(self, wanted: Expected | None, last: Looked | None, seen: Seen) -> Proof:
        """Ask the run what it remembers, where it took another's place; else what was known holds.

        It is not asked while it is busy, and not again in the round after it was started.
        """
        if wanted is None or not wanted.is_open or not seen.is_running or seen.is_busy:
            return Proof(False)
        if last is None or (not last.run_id and last.mended_at is None):
            return Proof(True)  # never read before, and not begun by us
        if seen.is_successor and last.is_proven:
            return Proof(True)
        remembered = await self._remembered(wanted.case_id)
        return Proof(remembered == wanted.seq, remembered)

    async def _remembered(self, case_id: str) -> int | None:
        """Return the step up to which the workflow remembers its case, None when it cannot say."""
        handle = self._client.get_workflow_handle_for(ApprovalWorkflow.run, workflow_id(case_id))
        try:
            held = await handle.query(ApprovalWorkflow.state, rpc_timeout=QUERY_WITHIN)
        except (WorkflowQueryFailedError, WorkflowQueryRejectedError, RPCError):
            return None
        return held.seq if held else 0

    def _judged(
        self,
        case_id: str,
        wanted: Expected | None,
        last: Looked | None,
        seen: Seen,
        proof: Proof,
        now: datetime,
    ) -> Judged:
        is_open = wanted is not None and wanted.is_open
        due_at = wanted.rings_at if wanted else None
        fault = fault_of(
            seen,
            is_open=is_open,
            due_at=due_at,
            late_before=self._late_before(now),
            put_off_to=now + RESTS_AFTER if wanted and wanted.comes_to_rest else None,
        )
        if wanted is None and seen.started_at and now - seen.started_at < UNFILED_WITHIN:
            fault = None
        if wanted is not None and proof.seq is not None and proof.seq != wanted.seq:
            fault = "behind" if proof.seq < wanted.seq else "ahead"
        last = last or Looked(case_id, 0, now)
        if seen.is_busy and fault is None:
            # What it was found with stays said until the step under way is over.
            fault = last.fault
        looked = replace(last, looked_at=now, fault=fault, fault_since=_since(last, fault, now))
        if wanted is not None:
            looked = replace(looked, seq=wanted.seq, due_at=due_at)
        if fault is None and last.mended_at and now - last.mended_at > WELL_AFTER:
            looked = replace(looked, mends=0, mended_at=None)
        return Judged(wanted, seen, _marked(looked, seen, proof.is_given))

    def _late_before(self, now: datetime) -> datetime:
        steady = self._steady_since
        if steady is None or now - steady < STEADY_AFTER:
            return datetime.min.replace(tzinfo=UTC)
        return now - self._pace.late_after

    def _keep(self, judged: Sequence[Judged], known: Mapping[str, Looked], now: datetime) -> None:
        same, changed, over = [], [], []
        for one in judged:
            case_id = one.looked.case_id
            is_over = one.wanted is None or not (one.wanted.is_open or one.seen.is_running)
            if one.looked.fault is None and is_over:
                over.append(case_id)
            elif replace(one.looked, looked_at=now) == _at(known.get(case_id), now):
                same.append(case_id)
            else:
                changed.append(one.looked)
        with self._engine.begin() as connection:
            census.forget(connection, over)
            census.seen_again(connection, same, now)
            census.save(connection, changed)

    # --- mending ---

    async def _mend(self, judged: Iterable[Judged]) -> None:
        """Mend what a second look has confirmed, a few at a time and so many a minute."""
        now = self._now()
        wrong = [one for one in judged if is_to_mend(one, now, self._pace, self._in_storm)]
        gate = asyncio.Semaphore(MENDS_AT_ONCE)

        async def one(case: Judged) -> None:
            async with gate:
                if case.looked.mending and _is_replaced(case):
                    await self._mender.finish(case.looked, case.seen)
                else:
                    await self._mender.mend(case.looked, case.seen)

        allowed = wrong[: self._left_this_minute()]
        self._mended.extend(time.monotonic() for _ in allowed)
        for done in await asyncio.gather(*map(one, allowed), return_exceptions=True):
            if isinstance(done, BaseException):
                raise done

    def _left_this_minute(self) -> int:
        while self._mended and time.monotonic() - self._mended[0] > 60:
            self._mended.popleft()
        return MENDS_PER_MINUTE - len(self._mended)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the rows alone say of which cases to look at."""

    watched: int
    first: list[str]
    moved: list[str]
    rolling: list[str]
    in_storm: bool


def is_to_mend(one: Judged, now: datetime, pace: Pace, in_storm: bool) -> bool:
    """Whether a second look has confirmed a fault that may be mended now.

    `in_storm`: so many cases are overdue that lateness is nobody's own fault.
    """
    looked, fault = one.looked, one.looked.fault
    if looked.mending:
        return True  # begun and not finished
    if fault in (None, "ahead") or looked.fault_since is None or (fault == "late" and in_storm):
        return False
    if now - looked.fault_since < pace.every / 2:
        return False  # seen for the first time
    if one.seen.is_busy and fault not in ("wedged", "behind", "reset"):
        return False
    if looked.mended_at is None:
        return True
    again: timedelta = pace.pause * 4.0 ** min(looked.mends - 1, 6)
    return now - looked.mended_at > again


def _mark(last: Looked | None) -> Mark | None:
    if last is None or not last.event_id:
        return None
    return Mark(last.run_id, last.run_started_at, last.event_id, last.event_at, last.armed)


def _marked(looked: Looked, seen: Seen, proven: bool) -> Looked:
    """Return the row with the new watermark; a busy run is read again from the old one."""
    if not seen.is_known or seen.is_busy or not seen.is_running:
        return replace(looked, is_proven=looked.is_proven and seen.is_busy)
    if seen.is_reset:
        return replace(looked, event_id=0, is_proven=False)  # what tells it must be read again
    return replace(
        looked,
        run_id=seen.run_id,
        run_started_at=seen.started_at,
        event_id=seen.event_id,
        event_at=seen.event_at,
        armed=seen.armed,
        is_proven=proven,
    )


def _since(last: Looked, fault: Fault | None, now: datetime) -> datetime | None:
    if fault is None:
        return None
    # Another fault of the same case goes on from the first: it has been wrong since then.
    return last.fault_since if last.fault is not None and last.fault_since else now


def _at(last: Looked | None, now: datetime) -> Looked | None:
    return None if last is None else replace(last, looked_at=now)


def _is_replaced(one: Judged) -> bool:
    """Whether the run that was being mended has another in its place."""
    broken = one.looked.mending.split(":")[1]
    return one.seen.is_running and one.seen.run_id != broken and not one.seen.is_reset
