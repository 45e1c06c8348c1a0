"""Cases a second whose timer the census proves, of 100,000 open deadlines, against a bare sweep.

Ours: a round of the census over 100,000 open cases of which nothing has changed: which rows have
moved, which instants are overdue by SQL alone, what Temporal closed or lists as failing, its
workflows counted (in each third round), a 360th of the cases read anew, figures and alarms. Three
rounds are one turn. Bare: each workflow is described and its history fetched whole, eight at a
time, as one would who keeps no watermark; measured over the real workflows, in turn with ours.

What is real: the rows of all 100,000 cases, the server with our settings, `workflows` of them with
workflows that wait (the share read anew is taken from these). The other workflows exist only as
lines of the server's visibility, written into its own table while it stood still: they are
counted as real ones are, and never read. The sweep's cost a case does not depend on their number.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, bindparam
from temporalio.client import Client

from activities.alarming import Alarms
from benchmarks import crowd, ground
from benchmarks.crowd import Copy
from cases import census
from cases.census import Looked
from cases.database import open_engine
from cases.tables import census as census_table
from workflows.approval import workflow_id
from yichuang import counting
from yichuang.census import AT_ONCE, ROLLED_WITHIN, ROLLING, Census
from yichuang.history import describe
from yichuang.settings import Settings

CASES = 100_000
WORKFLOWS = 1_000
TURNS = 4
ROUNDS = 3
"""Rounds in a turn: Temporal's workflows are counted in each third."""
LONG_AGO = timedelta(days=200)
"""The runs began over so many days, none of them in the last hour."""
MONTH = timedelta(days=30)
COPIED = (
    "namespace_id, execution_time, workflow_type_name, status, history_length, encoding, "
    "task_queue, search_attributes, root_workflow_id, root_run_id"
)


def run(cases: int = CASES, workflows: int = WORKFLOWS, turns: int = TURNS) -> dict[str, Any]:
    """Return cases proven a second, ours and by a bare sweep."""
    with ground.installed() as settings:
        return asyncio.run(_run(settings, cases, workflows, turns))


async def _run(settings: Settings, cases: int, workflows: int, turns: int) -> dict[str, Any]:
    server = ground.TemporalServer(settings)
    worker = ground.worker(settings, "benchmarks.step", "ours", name="ours")
    engine = open_engine(settings.store_url("cases"))
    try:
        await _start(server, worker)
        client, _ = await crowd.clients(settings)
        pattern = await crowd.pattern(settings, client, 1)
        due = datetime.now(UTC) + MONTH
        real = crowd.copied(engine, pattern, workflows, lambda n: due + timedelta(seconds=n))
        await crowd.begun(settings, client, real)
        await asyncio.sleep(5)
        first = await _read_first(_census(settings, engine, client), workflows + 1)
        worker.stop()
        server.stop()
        await asyncio.to_thread(_fill, settings, engine, pattern, due, real, cases - workflows - 1)
        await _start(server, worker)
        client, _ = await crowd.clients(settings)
        await _until_polled(settings, client)
        ids = [copy.case_id for copy in real]
        return await _turns(_census(settings, engine, client), client, ids, server, turns) | first
    finally:
        worker.stop()
        server.kill()
        engine.dispose()


async def _start(server: ground.TemporalServer, worker: ground.Process) -> None:
    server.start()
    await server.until_ready()
    worker.start()
    worker.until_it_says(ground.READY)


async def _until_polled(settings: Settings, client: Client) -> None:
    while said := await counting.away(client, settings.temporal_task_queue):
        print(said, file=sys.stderr)
        await asyncio.sleep(1)


def _census(settings: Settings, engine: Engine, client: Client) -> Census:
    alarms = Alarms(settings.city, f"{settings.address}/schemas")
    return Census(engine, client, settings.temporal_task_queue, alarms, holder="benchmark")


async def _read_first(taken: Census, count: int) -> dict[str, Any]:
    """Read every workflow for the first time; return milliseconds a case."""
    began, looked = time.perf_counter(), 0
    while looked < count:
        figures = await taken.round()
        assert figures is not None
        assert isinstance(figures["looked_at"], int)
        looked += figures["looked_at"]
    return {"first_ms_per_case": round((time.perf_counter() - began) * 1000 / looked, 2)}


# --- the other cases ---


def _fill(
    settings: Settings, engine: Engine, pattern: str, due: datetime, real: Sequence[Copy], more: int
) -> None:
    """Add cases whose workflows are lines of visibility only; spread all beginnings over time."""
    since = datetime.now(UTC) - LONG_AGO - timedelta(hours=1)
    each = LONG_AGO / (more + len(real) + 1)
    began = {pattern: since}
    began |= {copy.case_id: since + each * (n + 1) for n, copy in enumerate(real)}
    others = crowd.copied(
        engine, pattern, more, lambda n: due + timedelta(seconds=n), len(real), crowd.SEEN
    )
    runs = {copy.case_id: str(uuid4()) for copy in others}
    lines = {copy.case_id: since + each * (n + 1 + len(real)) for n, copy in enumerate(others)}
    _write_visibility(settings.data / "temporal" / "temporal.sqlite", began, lines, runs)
    later = datetime.now(UTC) + timedelta(days=1)  # the real ones come first to be read anew
    with engine.begin() as connection:
        connection.execute(
            census_table.update()
            .where(census_table.c.case_id == bindparam("c"))
            .values(run_started_at=bindparam("s")),
            [{"c": case_id, "s": at} for case_id, at in began.items()],
        )
    for start in range(0, len(others), crowd.PORTION):
        looks = [
            Looked(
                copy.case_id,
                1,
                later,
                due_at=copy.due_at,
                run_id=runs[copy.case_id],
                run_started_at=lines[copy.case_id],
                event_id=12,
                event_at=lines[copy.case_id],
                armed={"1": copy.due_at},
                is_proven=True,
            )
            for copy in others[start : start + crowd.PORTION]
        ]
        with engine.begin() as connection:
            census.save(connection, looks)


def _write_visibility(
    file: Path, began: dict[str, datetime], lines: dict[str, datetime], runs: dict[str, str]
) -> None:
    moved = "UPDATE executions_visibility SET start_time = ? WHERE workflow_id = ?"
    copied = (
        f"INSERT INTO executions_visibility (run_id, workflow_id, start_time, {COPIED}) "  # noqa: S608  # columns of ours
        f"SELECT ?, ?, ?, {COPIED} FROM executions_visibility WHERE workflow_type_name = 'approval'"
        " LIMIT 1"
    )
    server = sqlite3.connect(file)
    server.execute("PRAGMA cache_size = -1000000")  # forty indexes a line: else 70 GB are written
    server.execute("PRAGMA synchronous = OFF")
    with server:
        server.executemany(moved, [(_stamp(at), workflow_id(c)) for c, at in began.items()])
        server.executemany(
            copied, [(runs[c], workflow_id(c), _stamp(at)) for c, at in lines.items()]
        )
    server.close()


def _stamp(moment: datetime) -> str:
    """Return an instant as the server's own table spells it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00:00")


# --- turns ---


async def _turns(
    taken: Census, client: Client, ids: Sequence[str], server: ground.Process, turns: int
) -> dict[str, Any]:
    began = time.perf_counter()
    figures = await taken.round()  # the first one goes through every row
    first = time.perf_counter() - began
    cases = _whole(figures, 0)
    share = max(ROLLING, cases // ROLLED_WITHIN)
    ours: list[float] = []
    bare: list[float] = []
    cpu: list[float] = []
    for number in range(turns):
        for turn in (("ours", "bare"), ("bare", "ours"))[number % 2]:
            began, spent = time.perf_counter(), server.cpu_seconds()
            if turn == "bare":
                await _sweep(client, ids)
                bare.append(len(ids) / (time.perf_counter() - began))
                continue
            for _ in range(ROUNDS):
                figures = await taken.round()
                _whole(figures, share)
            ours.append(ROUNDS * cases / (time.perf_counter() - began))
            cpu.append((server.cpu_seconds() - spent) / ROUNDS)
    value, baseline = statistics.median(ours), statistics.median(bare)
    return {
        "name": "census",
        "value": round(value),
        "unit": "cases/s",
        "baseline": round(baseline),
        "ratio": round(statistics.median(a / b for a, b in zip(ours, bare, strict=True)), 1),
        "cases": cases,
        "workflows": len(ids),
        "read_anew_each_round": share,
        "round_s": round(cases / value, 2),
        "sweep_s": round(cases / baseline),
        "first_round_s": round(first, 2),
        "server_cpu_s_per_round": round(statistics.median(cpu), 2),
        "turns_ours": [round(one) for one in ours],
        "turns_bare": [round(one) for one in bare],
    }


def _whole(figures: dict[str, Any] | None, share: int) -> int:
    """Return how many cases a round watched; it must have looked and found nothing wrong."""
    assert figures is not None and not figures.get("away"), figures
    assert not (figures["unarmed"] or figures["stray"] or figures["overdue"]), figures
    assert figures["looked_at"] >= share, figures
    return int(figures["watched"])


async def _sweep(client: Client, ids: Sequence[str]) -> None:
    """Describe every workflow and fetch its history, as one who keeps nothing would."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(case_id: str) -> None:
        async with gate:
            await describe(client, workflow_id(case_id))
            await client.get_workflow_handle(workflow_id(case_id)).fetch_history()

    await asyncio.gather(*map(one, ids))
