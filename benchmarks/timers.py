"""How late 3,000 timers fire that fall due in one minute: our cases beside bare Temporal timers.

Ours: a case with rows, whose workflow waits for its earliest instant; the timer fires, the law's
own step is settled (warrant, ledger, entry, rows, outbox, one transaction) and recorded. Bare: a
workflow that sleeps until its instant and then runs one empty normal activity, which notes the
time. (A step's `recorded_at` is taken when it is planned, some milliseconds before its commit.)
One server with our settings, two worker processes; the two have a minute each, one after the
other, spread evenly. Lateness is the record's instant minus the due instant.

The cases' rows are copies of one case that was filed and accepted through the door; the workflows
are begun from them as a mending begins them. Nobody else works meanwhile: it is the storm alone.
"""

from __future__ import annotations

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from benchmarks import crowd, ground
from cases.census import firings, lateness_of
from cases.database import open_engine, reading
from yichuang import temporal
from yichuang.settings import Settings, from_environment
from yichuang.worker import THREADS

TIMERS = 3000
WITHIN = timedelta(seconds=60)
PROBES = 200
"""Started first, with an instant far away: they tell how long the others' starts will take."""
LEAD, SLACK = timedelta(seconds=15), 2.0
"""The first instant lies so many times their time, and this, ahead: a crowd starts more slowly."""
FAR = timedelta(days=30)
ALL_FIRED_WITHIN = 600.0
BARE_QUEUE = "bare-timers"


@activity.defn
def note(due_at: str) -> None:
    """Write down how late it is, one line to a file."""
    late = (datetime.now(UTC) - datetime.fromisoformat(due_at)).total_seconds()
    with Path(sys.argv[2]).open("a") as noted:
        noted.write(f"{late}\n")


@workflow.defn(name="bare-timer", sandboxed=False)
class BareTimer:
    """Sleep until the instant, then one empty activity."""

    @workflow.run
    async def run(self, due_at: str) -> None:
        delay = datetime.fromisoformat(due_at) - workflow.now()
        if delay > timedelta(0):
            await workflow.sleep(delay)
        await workflow.execute_activity(note, due_at, start_to_close_timeout=timedelta(seconds=20))


def run(timers: int = TIMERS, within: timedelta = WITHIN) -> dict[str, Any]:
    """Return the lateness of both, in seconds."""
    with ground.installed() as settings:
        return asyncio.run(_run(settings, timers, within))


async def _run(settings: Settings, timers: int, within: timedelta) -> dict[str, Any]:
    noted = settings.data / "bare-timers.txt"
    noted.touch()
    server = ground.TemporalServer(settings)
    ours = ground.worker(settings, "benchmarks.step", "ours", name="ours")
    bare = ground.worker(settings, "benchmarks.timers", "bare", str(noted), name="bare")
    try:
        server.start()
        await server.until_ready()
        ours.start()
        bare.start()
        ours.until_it_says(ground.READY)
        bare.until_it_says(ground.READY)
        client, plain = await crowd.clients(settings)
        mine = await _ours(settings, client, timers, within)
        theirs = await _bare(plain, noted, timers, within)
    finally:
        ours.stop()
        bare.stop()
        server.kill()
    late, base = lateness_of(mine), lateness_of(theirs)
    return {
        "name": "timers",
        "value": late.p95,
        "unit": "s late, p95",
        "baseline": base.p95,
        "ratio": round(base.p95 / max(late.p95, 0.001), 3),
        "timers": timers,
        "within_s": within.total_seconds(),
        "ours_p50": late.p50,
        "ours_max": late.max,
        "bare_p50": base.p50,
        "bare_max": base.max,
    }


async def _ours(settings: Settings, client: Client, timers: int, within: timedelta) -> list[float]:
    engine = open_engine(settings.store_url("cases"))
    case_id = await crowd.pattern(settings, client, 2)
    began = time.monotonic()
    probes = crowd.copied(engine, case_id, PROBES, lambda _: datetime.now(UTC) + FAR)
    await crowd.begun(settings, client, probes)
    first = _first(timers, time.monotonic() - began)
    copies = crowd.copied(engine, case_id, timers, lambda n: first + within * (n / timers), PROBES)
    await crowd.begun(settings, client, copies)
    assert datetime.now(UTC) < first, "the starts took longer than was allowed for"
    since = first - timedelta(seconds=1)

    def fired() -> int:
        with reading(engine) as connection:
            return firings(connection, since).count

    await _until(fired, timers)
    with reading(engine) as connection:
        query = (
            "SELECT (julianday(recorded_at) - julianday(occurred_at)) * 86400 FROM step "
            "WHERE verb = 'timer_fired'"
        )
        late = [float(row[0]) for row in connection.exec_driver_sql(query)]
    engine.dispose()
    return late


async def _bare(plain: Client, noted: Path, timers: int, within: timedelta) -> list[float]:
    gate = asyncio.Semaphore(crowd.AT_ONCE)

    async def start(name: str, due_at: datetime) -> None:
        async with gate:
            await plain.start_workflow(
                BareTimer.run, due_at.isoformat(), id=f"bare-{name}", task_queue=BARE_QUEUE
            )

    began, far = time.monotonic(), datetime.now(UTC) + FAR
    await asyncio.gather(*(start(f"probe-{n}", far) for n in range(PROBES)))
    first = _first(timers, time.monotonic() - began)
    await asyncio.gather(*(start(str(n), first + within * (n / timers)) for n in range(timers)))
    assert datetime.now(UTC) < first, "the starts took longer than was allowed for"
    await _until(lambda: len(_lines(noted)), timers)
    return [float(line) for line in _lines(noted)]


def _lines(noted: Path) -> list[str]:
    return noted.read_text().splitlines()


def _first(timers: int, probed_s: float) -> datetime:
    """Return an instant before which as many starts as that are done, with their tasks."""
    return datetime.now(UTC) + LEAD + timedelta(seconds=SLACK * probed_s * timers / PROBES)


async def _until(count: Any, timers: int) -> None:
    until = time.monotonic() + ALL_FIRED_WITHIN
    while (so_far := count()) < timers:
        assert time.monotonic() < until, f"{so_far} of {timers} fired"
        await asyncio.sleep(1)


async def _serve(settings: Settings) -> None:
    client = await Client.connect(settings.temporal, namespace=settings.temporal_namespace)
    with ThreadPoolExecutor(THREADS) as pool:
        async with Worker(
            client,
            task_queue=BARE_QUEUE,
            workflows=[BareTimer],
            activities=[note],
            activity_executor=pool,
            max_concurrent_activities=THREADS,
            max_cached_workflows=temporal.CACHED_CASES,
            workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
            activity_task_poller_behavior=PollerBehaviorAutoscaling(),
            sticky_queue_schedule_to_start_timeout=temporal.STICKY_TIMEOUT,
        ):
            print(ground.READY, flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(from_environment()))
