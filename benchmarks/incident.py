"""From a published signal to an incident on the board, against a NATS message that starts a bare
workflow.

Ours: publish with JetStream's acknowledgement → signals: decided, sealed, committed → order:
policy, signed warrant → update-with-start → settled in one transaction (number, rows, entry,
outbox, the change that the board's events are read from) → `incident_lists.since` shows it to the
command centre. Bare: publish with acknowledgement → a consumer that starts an empty workflow, until
the server has it. Both on one city, at the same rates, one after the other. Every signal opens an
incident of its own. `grown_*` is the first rate again after the past has been filled with closed
incidents.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from nats.aio.msg import Msg
from sqlalchemy import Engine, insert, true
from temporalio.client import Client

from benchmarks import ground
from benchmarks.bare import BareWorkflow
from benchmarks.intake import quantile
from benchmarks.step import BARE_QUEUE
from benchmarks.storm_plan import APART, METRE, SOUTH, WEST
from cases import incident_lists
from cases.database import open_engine, reading
from cases.incident_tables import incident
from cases.incidents.place import Place
from cases.incidents.signal import Signal, incident_of, signal_id
from yichuang.bus import connect
from yichuang.settings import Settings
from yichuang.signals.door import SignalDoor

USER: Final = "portal"
PARTS: Final = "temporal,nats,worker,relay,gateway,signals"
READY: Final = "一窗已就绪"
RATES: Final = ((1, 20), (50, 1_000), (200, 2_000))
"""Signals a second, and how many of them."""
PARTS_OF_ALL: Final = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
PAST: Final = 100_000
WARM: Final = 10
LOOK_SECONDS: Final = 0.005
WAIT_SECONDS: Final = 600.0


def run(rates: Sequence[tuple[int, int]] = RATES, past: int = PAST) -> dict[str, Any]:
    """Return milliseconds from signal to board at each rate, and those of the bare ones."""
    with ground.installed() as settings:
        words = [sys.executable, "-u", "-m", "yichuang.cli", "up", "--only", PARTS]
        city = ground.Process(settings, "up", words)
        try:
            city.start()
            city.until_it_says(READY)
            return asyncio.run(_run(settings, rates, past))
        finally:
            city.stop()


async def _run(settings: Settings, rates: Sequence[tuple[int, int]], past: int) -> dict[str, Any]:
    cases = open_engine(settings.store_url("cases"), read_only=True)
    places = _Places()
    figures: dict[str, Any] = {}
    await _ours(settings, cases, places, 5, WARM)
    await _bare(settings, 5, WARM)
    for rate, number in rates:
        ours = await _ours(settings, cases, places, rate, number)
        bare = await _bare(settings, rate, number)
        for name, took in (("", ours), ("bare_", bare)):
            for part, at in PARTS_OF_ALL:
                figures[f"{name}{part}_at_{rate}"] = quantile(took, at)
    _fill(settings, past)
    first, number = rates[0]
    grown = await _ours(settings, cases, places, first, number)
    for part, at in PARTS_OF_ALL:
        figures[f"grown_{part}_at_{first}"] = quantile(grown, at)
    figures["past"] = past
    value, baseline = figures[f"p50_at_{first}"], figures[f"bare_p50_at_{first}"]
    return {
        "name": "incident", "value": value, "unit": "ms", "baseline": baseline,
        "ratio": round(baseline / value, 3), **figures,
    }  # fmt: skip


class _Places:
    """A place of its own for each signal, farther from any other than its type merges."""

    def __init__(self) -> None:
        self._n = 0

    def next(self) -> Place:
        row, column = divmod(self._n, 100)
        self._n += 1
        return Place(lon=WEST + column * APART * METRE * 1.2, lat=SOUTH + row * APART * METRE / 2)


async def _at_pace(rate: int, number: int, one: Callable[[], Awaitable[None]]) -> None:
    """Do something so many times, so often a second, each beside the others."""
    began, tasks = time.perf_counter(), []
    for n in range(number):
        await asyncio.sleep(max(0.0, began + n / rate - time.perf_counter()))
        tasks.append(asyncio.ensure_future(one()))
    await asyncio.gather(*tasks)


async def _ours(
    settings: Settings, cases: Engine, places: _Places, rate: int, number: int
) -> list[float]:
    bus = await connect(settings, USER)
    door = SignalDoor(bus.jetstream(), settings.city, USER)
    sent: dict[str, float] = {}
    took: list[float] = []

    async def send() -> None:
        one = Signal(
            id=str(uuid4()), source=USER, type="bin_full", title="benchmark",
            place=places.next(), occurred_at=datetime.now(UTC),
        )  # fmt: skip
        sent[incident_of(signal_id(USER, USER, one.id))] = time.perf_counter()
        await door.submit(one)

    with reading(cases) as connection:
        last = incident_lists.last_change(connection)
    watching = asyncio.create_task(_watch(cases, last, sent, took, number))
    await _at_pace(rate, number, send)
    await watching
    await bus.close()
    return took


async def _watch(
    cases: Engine, last: int, sent: dict[str, float], took: list[float], number: int
) -> None:
    """Look as the board does, until each incident has been seen once."""
    deadline = time.monotonic() + WAIT_SECONDS
    seen: set[str] = set()

    def look(after: int) -> Sequence[incident_lists.Change]:
        with reading(cases) as connection:
            return incident_lists.since(connection, true(), after)

    while len(seen) < number:
        for change in await asyncio.to_thread(look, last):
            last = change.seq
            if change.incident_id in sent and change.incident_id not in seen:
                seen.add(change.incident_id)
                took.append(time.perf_counter() - sent[change.incident_id])
        assert time.monotonic() < deadline, f"{len(seen)} of {number} seen"
        await asyncio.sleep(LOOK_SECONDS)


async def _bare(settings: Settings, rate: int, number: int) -> list[float]:
    """Return the seconds from publishing until the server has the empty workflow."""
    temporal = await Client.connect(settings.temporal, namespace=settings.temporal_namespace)
    bus = await connect(settings, "admin")
    js, took = bus.jetstream(), []
    name = f"bare-{uuid4().hex[:8]}"
    await js.add_stream(name=name, subjects=[f"{name}.>"])
    sent: dict[str, float] = {}
    done = asyncio.Event()

    async def start(message: Msg) -> None:
        key = message.data.decode()
        await temporal.start_workflow(BareWorkflow.run, 0, id=key, task_queue=BARE_QUEUE)
        took.append(time.perf_counter() - sent[key])
        await message.ack()
        if len(took) == number:
            done.set()

    under_way: set[asyncio.Task[None]] = set()

    async def hear(message: Msg) -> None:
        task = asyncio.create_task(start(message))
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    await js.subscribe(f"{name}.>", durable=name, cb=hear, manual_ack=True)

    async def send() -> None:
        key = f"bare-{uuid4()}"
        sent[key] = time.perf_counter()
        await js.publish(f"{name}.x", key.encode())

    await _at_pace(rate, number, send)
    await asyncio.wait_for(done.wait(), WAIT_SECONDS)
    with suppress(Exception):
        await js.delete_stream(name)
    await bus.close()
    return took


def _fill(settings: Settings, number: int) -> None:
    """Put closed incidents into the past, as rows: their lives are not what is looked at."""
    engine = open_engine(settings.store_url("cases"))
    with engine.begin() as connection:
        first = connection.execute(incident.select().limit(1)).mappings().one()
        at = datetime.now(UTC) - timedelta(days=400)
        for start in range(0, number, 5_000):
            connection.execute(
                insert(incident),
                [
                    {
                        **first, "id": str(uuid4()), "number": f"past-{n}", "stage": "archived",
                        "is_open": False, "reported_at": at + timedelta(minutes=n),
                        "updated_at": at + timedelta(minutes=n), "due_at": None,
                    }
                    for n in range(start, min(number, start + 5_000))
                ],
            )  # fmt: skip
    engine.dispose()
