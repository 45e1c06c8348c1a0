"""Eight processes that settle steps on PostgreSQL, with the log and without it."""

from __future__ import annotations

import multiprocessing
import sys
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from audit.outbox import record
from benchmarks.audit_ground import Stores, drafts, postgres_stores
from benchmarks.audit_latency import start_sequencer
from cases.database import open_engine

WORKERS = 8
SECONDS = 5.0
MOST = 20_000
"""Steps of a worker that entries are made for beforehand."""
TURNS = 2


def eight_workers(folder: Path, address: str) -> dict[str, Any]:
    """Return the steps a second of all workers together, without and with the log."""
    with postgres_stores(folder, address) as stores:
        without, with_log = 0, 0
        for _ in range(TURNS):
            without += _steps(stores, with_log=False)
            stop, sequencer = start_sequencer(stores)
            with_log += _steps(stores, with_log=True)
            stop.set()
            sequencer.join(60)
        found = {
            "workers": WORKERS,
            "without": round(without / SECONDS / TURNS),
            "with_log": round(with_log / SECONDS / TURNS),
            "ratio": round(with_log / without, 3),
            "sync": stores.sync,
        }
    sys.stderr.write(f"{found}\n")
    return found


def _steps(stores: Stores, *, with_log: bool) -> int:
    context = multiprocessing.get_context("spawn")
    go, counts = context.Event(), context.Queue()
    workers = [
        context.Process(
            target=_work, args=(number, stores.urls[0], with_log, go, counts), daemon=True
        )
        for number in range(WORKERS)
    ]
    for one in workers:
        one.start()
    for _ in workers:
        counts.get()  # each says that it is ready
    go.set()
    total = sum(int(counts.get()) for _ in workers)
    for one in workers:
        one.join()
    return total


def _work(number: int, url: str, with_log: bool, go: Event, counts: Any) -> None:
    engine = open_engine(url)
    entries = [one for (one,) in drafts(MOST, 1)] if with_log else []
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
    counts.put(0)
    go.wait()
    done, ends = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < ends and (not with_log or done < MOST):
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE business SET n = n + 1 WHERE id = %s", (number * 10 + done % 10 + 1,)
            )
            if with_log:
                record(connection, entries[done])
        done += 1
    counts.put(done)
