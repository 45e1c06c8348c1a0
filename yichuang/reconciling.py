"""Reconciling: each completed step in Temporal's history has exactly one entry, and the reverse.

No log can tell of what it was never told. Temporal keeps its own account of every step, in other
hands and other files: a step without its entry, or an entry that claims a step which never was,
shows when the two are held against one another. A round reads what was added to every run since
the last one, and the log up to its size at the beginning. A watermark in the cases store says how
far it came, and it must stay inside Temporal's retention: what Temporal has forgotten can never be
compared. What cannot be read now is read in the next round; nothing is a difference for that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid5

import orjson
from pydantic import JsonValue
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import OperationalError
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from activities.alarming import Alarms
from audit.entry import ERASED, EntryDraft, What, Where, Who, entry_id
from audit.logstore import LogReader, StoredEntry
from audit.outbox import ClockWentBack, StreamMoved, record
from audit.tables import audit_entry, audit_outbox
from cases import leases, reconciled
from cases.alarms import Alarm
from cases.database import reading
from cases.messages import NAMESPACE
from cases.reconciled import Difference, Evidence, Mark, Watermark
from yichuang.acts import SINGLE, workflow_of
from yichuang.history_steps import RunRead, read_run
from yichuang.personal_ends import end_entry

STREAM: Final = "sys:reconcile"
DIFFERS: Final = "reconcile_differs"
AGREES: Final = "reconcile_agrees"
BY_HAND: Final = "reconciled"
ALARM: Final = "reconcile"
BEHIND: Final = "reconcile:behind"

OVERLAP = timedelta(minutes=2)
"""Visibility lags behind and clocks differ; so far back closed runs are asked for once more."""
EVERY = timedelta(minutes=10)
RESTS = 20
"""… or twenty times as long as the last round took: a look at an open run costs 2 ms."""
LATE_AFTER = 0.5
"""Share of Temporal's retention after which a watermark that has not moved is an alarm: half is
left to mend what is in the way."""
AT_ONCE = 8
"""Histories read at a time."""
PORTION = 200
"""Runs between two commits of the marks."""
ENTRIES = 2_000
LEASE = "reconcile"
SHOWN = 100
"""Differences that are alarms of their own; the rest is counted."""

AWAY = (RPCError, RuntimeError, OSError, OperationalError, StreamMoved, ClockWentBack)
"""Errors by which a server or a store says *not now*; the next round tries again."""

_log = logging.getLogger("yichuang.reconcile")


@dataclass
class Figures:
    """What a round has done and found."""

    runs: int = 0
    activities: int = 0
    entries: int = 0
    beyond: int = 0
    """Entries of steps from before Temporal's retention, met by the first round: not comparable."""
    ended: int = 0
    """Entries of incidents whose histories were destroyed at their end, as the log itself says."""
    found: list[Difference] = field(default_factory=list)
    """Differences that are new in this round."""
    standing: list[Difference] = field(default_factory=list)
    """All that stand now."""
    closed_until: datetime | None = None
    retention: timedelta = timedelta(0)
    behind: bool = False
    """The watermark was nearly out of the retention before this round."""
    lost: bool = False
    """It was out of it: what Temporal has forgotten meanwhile was never compared."""


@dataclass(frozen=True, slots=True)
class _Run:
    workflow_id: str
    run_id: str
    is_closed: bool


@dataclass(frozen=True)
class _Stretch:
    """Entries of one shard, start ≤ index < stop."""

    engine: Engine
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Takes rounds. `engine` is the cases store; `logs` are the shards of the log, to read."""

    engine: Engine
    logs: Callable[[], Sequence[Engine]]
    client: Client
    alarms: Alarms
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    kept: list[timedelta] = field(default_factory=list)
    """Temporal's retention as it was last told: known while Temporal is away."""

    async def run(self, holder: str) -> None:
        """Take rounds until cancelled, where no other worker does; wait where something is away."""
        while True:
            began, rest = self.now(), EVERY
            try:
                if await asyncio.to_thread(self._mine, holder, began):
                    await self.round()
                    rest = max(EVERY, RESTS * (self.now() - began))
            except AWAY as away:
                _log.warning("histories and log cannot be compared now: %s", away)
                await asyncio.to_thread(self._tell_behind)
            await asyncio.sleep(rest.total_seconds())

    async def round(self) -> Figures:
        """Compare what is new, keep and tell the differences, move the watermark.

        Raises one of `AWAY` when a server or a store cannot be read; the watermark stays.
        """
        began = self.now()
        last = await asyncio.to_thread(self._last)
        figures = Figures(retention=await retention(self.client))
        self.kept[:] = [figures.retention]
        if last is not None:
            age = began - last.closed_until
            figures.behind = age > figures.retention * LATE_AFTER
            figures.lost = age > figures.retention
        # The log's size first: what it holds by now was scheduled before it was written.
        size = await asyncio.to_thread(self._size)
        differing = await self._histories(last, began, figures)
        differing += await self._entries(last, size, began, figures)
        closed_until = began - OVERLAP
        mark = Watermark(closed_until, size[1], size[0])
        figures.closed_until = closed_until
        await self._settle(differing, figures, mark, began)
        return figures

    # --- histories → entries ---

    async def _histories(
        self, last: Watermark | None, began: datetime, figures: Figures
    ) -> list[Difference]:
        differing: list[Difference] = []
        portion: list[_Run] = []
        async for run in self._runs(last):
            portion.append(run)
            if len(portion) == PORTION:
                differing += await self._portion(portion, began, figures)
                portion = []
        return differing + await self._portion(portion, began, figures)

    async def _runs(self, last: Watermark | None) -> AsyncIterator[_Run]:
        closed = "ExecutionStatus != 'Running'"
        if last is not None:
            since = (last.closed_until - OVERLAP).astimezone(UTC)
            closed = f"CloseTime >= '{since:%Y-%m-%dT%H:%M:%S}Z'"
        for query in (closed, "ExecutionStatus = 'Running'"):
            async for one in self.client.list_workflows(query, page_size=1000):
                yield _Run(one.id, one.run_id, one.status is not WorkflowExecutionStatus.RUNNING)

    async def _portion(
        self, runs: Sequence[_Run], began: datetime, figures: Figures
    ) -> list[Difference]:
        """Read some runs; keep their evidence and marks; return what the log has no entry of."""
        known = await asyncio.to_thread(self._marks, [one.run_id for one in runs])
        gate = asyncio.Semaphore(AT_ONCE)

        async def read(run: _Run) -> RunRead | None:
            mark = known.get(run.run_id)
            if mark is not None and mark.is_closed:
                return None
            async with gate:
                return await read_run(self.client, run.workflow_id, run.run_id, mark)

        told = [one for one in await asyncio.gather(*map(read, runs)) if one is not None]
        evidence = [one for each in told for one in each.evidence]
        marks = [one.mark for one in told if one.mark is not None]
        figures.runs += len(marks)
        figures.activities += sum(one.done for one in told)
        differing = await asyncio.to_thread(self._unlogged, evidence)
        # With the marks, or a crash would leave a difference behind that nobody reads again.
        await asyncio.to_thread(self._keep, evidence, marks, differing, figures, began)
        return differing

    def _unlogged(self, evidence: Sequence[Evidence]) -> list[Difference]:
        """Return the completed steps that have no entry, more than one, or one of another."""
        needed = [one for one in evidence if one.needed]
        bodies = self._bodies([one.entry_id for one in needed])
        return [
            found
            for one in needed
            if (found := _judge(one, bodies.get(one.entry_id, ()))) is not None
        ]

    def _bodies(self, entries: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
        """Return the bodies that stand under these ids, wherever they are."""
        places: dict[str, dict[bytes, Mapping[str, Any]]] = {}
        waiting = (self.engine, audit_outbox)
        # What leaves the outbox is in the log before it is gone from there: so the log comes last.
        for engine, table in (waiting, *((one, audit_entry) for one in self.logs())):
            with reading(engine) as connection:
                for start in range(0, len(entries), reconciled.AT_ONCE):
                    some = entries[start : start + reconciled.AT_ONCE]
                    query = select(table.c.entry_id, table.c.body).where(table.c.entry_id.in_(some))
                    for row in connection.execute(query):
                        body = bytes(row.body)
                        places.setdefault(row.entry_id, {})[body] = orjson.loads(body)
        return {entry: list(found.values()) for entry, found in places.items()}

    # --- entries → histories ---

    async def _entries(
        self, last: Watermark | None, size: tuple[str, int], began: datetime, figures: Figures
    ) -> list[Difference]:
        looks = _Looks(self.client, {})
        oldest = began - figures.retention if last is None else None
        differing: list[Difference] = []
        for stretch, low in await asyncio.to_thread(self._stretches, last, size):
            page = await asyncio.to_thread(self._page, stretch, low)
            figures.entries += len(page)
            claims = [one for entry in page if (one := _claim(entry)) is not None]
            behind = await asyncio.to_thread(self._evidence, [one.entry_id for one in claims])
            for claim in claims:
                found = await _unfounded(claim, behind, looks)
                if found is not None and await self._is_destroyed(found, claim):
                    figures.ended += 1
                elif found is not None and oldest is not None and claim.at < oldest:
                    figures.beyond += 1
                elif found is not None:
                    differing.append(found)
            await asyncio.to_thread(self._forget, list(behind), began - figures.retention)
        return differing

    async def _is_destroyed(self, found: Difference, claim: _Claim) -> bool:
        """Whether an entry's history was destroyed by law, later than it: an incident's, with what
        was taken of people (突发事件应对法第八十五条). Only an entry of the log can say so."""
        kind, _, incident = claim.stream.partition(":")
        if kind != "incident" or found.kind != "no_history":
            return False
        end = end_entry(incident)
        bodies = (await asyncio.to_thread(self._bodies, [end])).get(end, [])
        return any(
            body["act"] == ERASED and datetime.fromisoformat(body["t"]) >= claim.at
            for body in bodies
        )

    # --- differences ---

    async def _settle(
        self, differing: list[Difference], figures: Figures, mark: Watermark, began: datetime
    ) -> None:
        standing = await asyncio.to_thread(self._standing)
        over = [one for one in standing if one not in differing and await self._is_over(one)]
        await asyncio.to_thread(self._write, differing, over, figures, mark, began)

    async def _is_over(self, one: Difference) -> bool:
        """Whether a difference of an earlier round is none any more."""
        if one.kind != "no_entry":
            return False  # an entry that is in the log stays there, and so does what it claims
        return bool(await asyncio.to_thread(self._bodies, [one.entry_id]))

    def _write(
        self,
        differing: Sequence[Difference],
        over: Sequence[Difference],
        figures: Figures,
        mark: Watermark,
        at: datetime,
    ) -> None:
        """Keep, log and ring in one transaction, with the watermark."""
        with self.engine.begin() as connection:
            figures.found += _noted(connection, differing, at)
            reconciled.gone(connection, over, at)
            for one in over:
                record(connection, _entry(AGREES, one, at))
            figures.standing = reconciled.differences(connection)
            wanted = {one.key: one for one in map(_alarm, figures.standing[:SHOWN])}
            if figures.lost:
                wanted[BEHIND] = _behind(mark, figures.retention)
            self.alarms.agree(connection, ALARM, wanted, at)
            reconciled.move(connection, mark, at)

    def note_by_hand(self, figures: Figures, who: Who) -> None:
        """Record that somebody has had it compared, and with what result."""
        at = self.now()
        said = f"{len(figures.standing)} 处不符；环节 {figures.activities}，条目 {figures.entries}"
        draft = EntryDraft(
            id=entry_id(uuid5(NAMESPACE, f"{BY_HAND}\n{at.isoformat()}"), BY_HAND),
            stream=STREAM,
            at=at,
            who=who,
            act=BY_HAND,
            obj=What("log", "-"),
            res="error" if figures.standing or figures.lost else "ok",
            why=said,
            where=Where(svc="cli"),
        )
        with self.engine.begin() as connection:
            record(connection, draft)

    def _tell_behind(self) -> None:
        """Ring where the watermark nears the end of what Temporal keeps and cannot be moved."""
        try:
            last = self._last()
            if last is None or not self.kept:
                return
            (kept,) = self.kept
            if self.now() - last.closed_until <= kept * LATE_AFTER:
                return
            with self.engine.begin() as connection:
                self.alarms.sound(connection, _behind(last, kept), self.now())
        except (OSError, OperationalError) as away:
            _log.warning("nobody can be told: %s", away)

    # --- blocking ---

    def _mine(self, holder: str, now: datetime) -> bool:
        with self.engine.begin() as connection:
            return leases.take(connection, LEASE, holder, now, EVERY * 2)

    def _last(self) -> Watermark | None:
        with reading(self.engine) as connection:
            return reconciled.watermark(connection)

    def _size(self) -> tuple[str, int]:
        with reading(self.logs()[-1]) as connection:
            state = LogReader(connection).state()
        return state.origin, state.size

    def _stretches(
        self, last: Watermark | None, size: tuple[str, int]
    ) -> list[tuple[_Stretch, int]]:
        """Return what of the log has not been looked at, page by page: of the shard where the last
        round stood its rest, and the shards after it."""
        found: list[_Stretch] = []
        newest = ""
        for engine in self.logs():
            with reading(engine) as connection:
                state = LogReader(connection).state()
            newest = state.origin
            if last is not None and state.origin == last.origin:
                found = [_Stretch(engine, last.log_size, state.size)]
            else:
                found.append(_Stretch(engine, 0, state.size))
        if newest == size[0]:  # what came since is for the next round
            found[-1] = replace(found[-1], stop=size[1])
        return [(one, low) for one in found for low in range(one.start, one.stop, ENTRIES)]

    def _page(self, stretch: _Stretch, low: int) -> list[StoredEntry]:
        with reading(stretch.engine) as connection:
            return list(LogReader(connection).entries(low, min(low + ENTRIES, stretch.stop)))

    def _marks(self, runs: Sequence[str]) -> dict[str, Mark]:
        with reading(self.engine) as connection:
            return reconciled.marks(connection, runs)

    def _keep(
        self,
        evidence: Sequence[Evidence],
        marks: Sequence[Mark],
        differing: Sequence[Difference],
        figures: Figures,
        at: datetime,
    ) -> None:
        with self.engine.begin() as connection:
            reconciled.keep_evidence(connection, evidence, at)
            reconciled.keep_marks(connection, marks, at)
            figures.found += _noted(connection, differing, at)

    def _evidence(self, entries: Sequence[str]) -> dict[str, str]:
        with reading(self.engine) as connection:
            return reconciled.evidence(connection, entries)

    def _forget(self, met: Sequence[str], before: datetime) -> None:
        with self.engine.begin() as connection:
            reconciled.forget(connection, met, before)

    def _standing(self) -> list[Difference]:
        with reading(self.engine) as connection:
            return reconciled.differences(connection)


def _noted(
    connection: Connection, differing: Sequence[Difference], at: datetime
) -> list[Difference]:
    """Keep differences, each new one with its entry; return the new ones."""
    fresh = reconciled.found(connection, differing, at)
    for one in fresh:
        record(connection, _entry(DIFFERS, one, at))
    return fresh


async def retention(client: Client) -> timedelta:
    """Return how long Temporal keeps a closed run. Raises `RPCError`."""
    found = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace), timeout=timedelta(seconds=20)
    )
    kept: timedelta = found.config.workflow_execution_retention_ttl.ToTimedelta()
    return kept


# --- one step, one entry -------------------------------------------------------------------------


def _judge(one: Evidence, bodies: Sequence[Mapping[str, Any]]) -> Difference | None:
    """Return what is wrong with the entry of a completed step; None when nothing is."""

    def differs(kind: reconciled.Kind, stream: str = "") -> Difference:
        return Difference(kind, one.entry_id, stream, one.workflow_id, one.run_id, one.event_id)

    if not bodies:
        return differs("no_entry")
    if len(bodies) > 1:
        return differs("twice", bodies[0]["s"]["id"])
    (body,) = bodies
    named = body.get("wf", {}).get("id", one.workflow_id)
    return None if named == one.workflow_id else differs("other_workflow", body["s"]["id"])


@dataclass(frozen=True, slots=True)
class _Claim:
    """An entry that says something of a workflow, or should."""

    entry_id: str
    stream: str
    at: datetime
    role: str
    wf: Mapping[str, Any] | None
    denied: bool


def _claim(entry: StoredEntry) -> _Claim | None:
    body = orjson.loads(entry.body)
    denied = body["res"] == "deny"
    role, wf = workflow_of(entry.stream, body["act"], denied), body.get("wf")
    if role != "step" and wf is None:
        return None
    at = datetime.fromisoformat(body["t"])
    return _Claim(entry.entry_id, entry.stream, at, role, wf, denied)


@dataclass
class _Looks:
    """Runs that were read again for one entry, each once in a round."""

    client: Client
    read: dict[tuple[str, str], RunRead]

    async def at(self, wf: Mapping[str, Any]) -> RunRead:
        key = (str(wf["id"]), str(wf.get("run", "")))
        if key not in self.read:
            self.read[key] = await read_run(self.client, *key)
        return self.read[key]


async def _unfounded(claim: _Claim, behind: Mapping[str, str], looks: _Looks) -> Difference | None:
    """Return what is wrong with what an entry claims; None where history stands behind it."""
    wf = claim.wf or {}
    named = (str(wf.get("id", "")), str(wf.get("run", "")))
    if claim.role == "none":
        return Difference("other_workflow", claim.entry_id, claim.stream, *named)
    workflow = behind.get(claim.entry_id)
    if claim.role == "step" and workflow is not None:
        if wf and wf["id"] != workflow:
            return Difference("other_workflow", claim.entry_id, claim.stream, *named)
        return None
    if wf:
        # Not read yet, or beside a step: the run itself is asked.
        read = await looks.at(wf)
        if any(one.entry_id == claim.entry_id for one in read.evidence):
            return None
        stands = read.mark is not None and wf.get("act") in (None, *read.activities)
        if stands and (claim.role == "beside" or (claim.denied and _names_no_order(claim.stream))):
            return None
    return Difference("no_history", claim.entry_id, claim.stream, *named)


def _names_no_order(stream: str) -> bool:
    """Whether a refusal's id there tells the order only once the answer stands in history."""
    return stream.startswith(("release:", *SINGLE))


# --- telling -------------------------------------------------------------------------------------

WORDS: Final[Mapping[str, str]] = {
    "no_entry": "流程已完成的环节没有日志条目",
    "no_history": "日志条目所称的环节在流程历史中没有",
    "other_workflow": "日志条目所记的流程与流程历史不符",
    "twice": "一个环节有不止一条日志条目",
}


def words(one: Difference) -> str:
    """Return one Chinese sentence: what differs, where to look."""
    where = f"（流程 {one.workflow_id or '-'}，事件 {one.event_id or '-'}，条目 {one.entry_id}）"
    return WORDS[one.kind] + where


def case_of(one: Difference) -> str:
    """Return the id of the case that a difference is about; empty for anything else."""
    if one.stream.startswith("case:"):
        return one.stream.removeprefix("case:")
    return one.workflow_id.removeprefix("case-") if one.workflow_id.startswith("case-") else ""


def _alarm(one: Difference) -> Alarm:
    text = words(one) + "；请审计管理员核查"
    detail: dict[str, JsonValue] = {
        "workflow": one.workflow_id, "event": one.event_id, "entry": one.entry_id,
    }  # fmt: skip
    return Alarm(f"{ALARM}:{one.kind}:{one.entry_id}", ALARM, text, case_of(one), detail=detail)


def _behind(mark: Watermark, kept: timedelta) -> Alarm:
    text = (
        f"流程历史与日志只核对到 {mark.closed_until:%Y-%m-%d %H:%M}（UTC），流程引擎只保留"
        f" {kept.days} 天：请尽快恢复核对，否则其后的环节再也无法核对"
    )
    return Alarm(BEHIND, ALARM, text, detail={"closed_until": mark.closed_until.isoformat()})


def _entry(act: str, one: Difference, at: datetime) -> EntryDraft:
    key = uuid5(NAMESPACE, f"{act}\n{one.kind}\n{one.entry_id}\n{at.isoformat()}")
    return EntryDraft(
        id=entry_id(key, act),
        stream=STREAM,
        at=at,
        who=Who("system", "system"),
        act=act,
        obj=What("entry", one.entry_id, f"{one.workflow_id}:{one.event_id}"),
        res="error" if act == DIFFERS else "ok",
        why=one.kind,
        where=Where(svc="worker"),
    )
