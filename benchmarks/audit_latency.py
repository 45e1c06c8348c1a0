"""What the log adds to a step at a thousand entries a second: arrivals by chance, one writer.

A step is a transaction that changes a row; with the log it records an entry too, while a sequencer
in a process of its own drains and seals. A step's time runs from its arrival to its commit, so a
writer that falls behind shows its queue.
"""

from __future__ import annotations

import multiprocessing
import random
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from multiprocessing.synchronize import Event
from typing import Any

from audit.entry import EntryDraft
from audit.outbox import record
from audit.sequencer import Sequencer
from audit.signer_door import SignerClient
from benchmarks.audit_ground import Stores, drafts
from cases.database import open_engine

RATE = 1_000
SECONDS = 5
GIVEN_UP = 15.0
"""Seconds after which a writer that cannot keep up stops; its percentiles are of what it did."""


def added_latency(opened: AbstractContextManager[Stores]) -> dict[str, Any]:
    """Return p50 and p95 of a step in milliseconds without and with the log."""
    with opened as stores:
        without = _steps(stores, None)
        stop, process = start_sequencer(stores)
        try:
            with_log = _steps(stores, [one for (one,) in drafts(RATE * SECONDS, 1)])
        finally:
            stop.set()
            process.join(30)
        found = {
            "store": stores.cases.dialect.name,
            "rate": RATE,
            "kept_up": len(without) == len(with_log) == RATE * SECONDS,
            "without_ms": _percentiles(without),
            "with_ms": _percentiles(with_log),
            "sync": stores.sync,
        }
    sys.stderr.write(f"{found}\n")
    return found


def start_sequencer(stores: Stores) -> tuple[Event, multiprocessing.process.BaseProcess]:
    """Start a sequencer over these stores in a process of its own."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(
        target=_sequence, args=(stop, stores.urls, stores.signer), daemon=True
    )
    process.start()
    return stop, process


def _sequence(stop: Event, urls: tuple[str, str], signer: SignerClient) -> None:
    sequencer = Sequencer(open_engine(urls[1]), {"cases": open_engine(urls[0])}, signer)
    ended = threading.Event()
    working = threading.Thread(target=sequencer.run, args=(ended,))
    working.start()
    stop.wait()
    ended.set()
    working.join()


def _steps(stores: Stores, entries: Sequence[EntryDraft] | None) -> list[float]:
    chance = random.Random(7)  # noqa: S311 -- arrivals, no secret
    mark = "?" if stores.cases.dialect.name == "sqlite" else "%s"
    statement = f"UPDATE business SET n = n + 1 WHERE id = {mark}"  # noqa: S608 # a mark
    due = time.perf_counter()
    given_up = due + GIVEN_UP
    took: list[float] = []
    for number in range(RATE * SECONDS):
        if time.perf_counter() > given_up:
            break
        due += chance.expovariate(RATE)
        ahead = due - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
        with stores.cases.begin() as connection:
            connection.exec_driver_sql(statement, (number % 100 + 1,))
            if entries is not None:
                record(connection, entries[number])
        took.append((time.perf_counter() - due) * 1_000)
    return took


def _percentiles(took: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(took, n=100)
    return {"p50": round(cuts[49], 2), "p95": round(cuts[94], 2), "p99": round(cuts[98], 2)}
