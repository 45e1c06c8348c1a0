"""Readings per second from NATS to committed windows and alarms, against a raw batched insert.

Ours: messages of 1,000 readings lie in stream TELE of a real NATS server (every message on the
disk); the clock runs from the first fetch to the last acknowledgement, which follows the commit:
JSON and checks, windows of 1, 8 and 24 hours, six rules by the engine, alarms with entries and
events, refusals, everything that the role does. Raw: the same readings, parsed beforehand, by the
driver's `executemany` into one table with the same unique key, on the same disk with the same
pragmas, one transaction per message. The two take turns, some messages each.

The stations report hourly, all items, in order; their values wander through the limits.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from nats.aio.client import Client
from sqlalchemy import Engine, text

from benchmarks import ground
from cases.database import open_engine
from catalogue.stations import Item, Station, Stations
from rules.load import load_packs
from rules.pack import Pack, Slice
from rules.process import RulesProcess
from yichuang.bus import connect
from yichuang.embedded import nats as embedded
from yichuang.embedded.ground import prepare_folder, take_ports
from yichuang.reading_rules import ReadingRules, instant
from yichuang.reading_store import ReadingStore
from yichuang.reading_telling import Telling
from yichuang.readings import ReadingSubject
from yichuang.relay import Relay
from yichuang.settings import Settings
from yichuang.telemetry import CONSUMER, STREAM, Telemetry

PACKS = Path(__file__).parent / "packs"
STATIONS = 166
ITEMS = ("pm25", "pm10", "so2", "no2", "co", "o3")
ROUND = 16
"""Messages of one turn."""
ROUNDS = 6
SUBJECT = ReadingSubject("demo", "sthj", "portal")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def stations() -> Stations:
    """Return stations of six items each: 166 of them say 996 things an hour."""
    items = tuple(
        Item(id=name, zh=name, en=name, unit="µg/m³", least=0, most=5000,
             above=75 if name == "pm25" else None, eight=name == "o3")
        for name in ITEMS
    )  # fmt: skip
    return Stations(
        items=items,
        stations=tuple(
            Station(id=f"s{n}", zh=f"{n} 号站", en=f"Station {n}", kind="air", department="sthj",
                    items=ITEMS)
            for n in range(STATIONS)
        ),
    )  # fmt: skip


class Weather:
    """Values that wander; the same seed, the same weather."""

    def __init__(self) -> None:
        self._chance = random.Random(4)  # noqa: S311 -- weather, no secret
        self._levels: dict[tuple[int, str], float] = {}
        self._hour = 0

    def message(self) -> list[dict[str, Any]]:
        """Return what every station says of the next hour."""
        at = (BEGAN + timedelta(hours=self._hour)).isoformat()
        self._hour += 1
        return [
            {
                "station": f"s{n}", "item": item, "at": at, "value": self._next(n, item),
                "unit": "µg/m³", "flag": "ok",
            }
            for n in range(STATIONS)
            for item in ITEMS
        ]  # fmt: skip

    def _next(self, station: int, item: str) -> float:
        level = self._levels.get((station, item), 70.0)
        level += self._chance.uniform(-12, 12) + (60 - level) * 0.02
        self._levels[station, item] = level = max(0.0, level)
        return round(level, 1)


def run() -> dict[str, Any]:
    """Return readings per second, ours and raw, and their quotient."""
    with ground.installed() as settings:
        prepare_folder(settings)
        take_ports(settings, ("nats",))
        with subprocess.Popen(embedded.command(settings), stderr=subprocess.DEVNULL) as server:
            try:
                return asyncio.run(_run(settings))
            finally:
                server.terminate()


async def _run(settings: Settings) -> dict[str, Any]:
    while await embedded.answers(settings) is None:  # noqa: ASYNC110 -- another process's state
        await asyncio.sleep(0.05)
    weather, here = Weather(), stations()
    engine = open_engine(settings.store_url("readings"))
    raw = _raw_table(settings)
    own = await connect(settings, "telemetry")
    bus = await connect(settings, "admin")
    ours: list[float] = []
    theirs: list[float] = []
    with RulesProcess() as process:
        rules = _rules(here, process)

        def make() -> ReadingStore:
            return ReadingStore(engine, here, rules, Telling("demo", settings.address, here, rules))

        telemetry = Telemetry(
            own,
            "demo",
            here,
            make,
            Relay(engine, own.jetstream(), "readings"),
            lambda _user, _where: True,
        )
        await telemetry.declare()
        for turn in range(ROUNDS + 1):  # the first warms up: windows fill, cells are asked
            messages = [weather.message() for _ in range(ROUND * (2 if turn == 0 else 1))]
            await _publish(bus, messages, turn)
            took = await _until_taken(telemetry, bus, len(messages))
            theirs_took = _insert_raw(raw, messages)
            if turn:
                ours.append(took)
                theirs.append(theirs_took)
            sys.stderr.write(f"turn {turn}: {took:.2f} s, raw {theirs_took:.2f} s\n")
        state = process.state()
    readings = ROUND * len(weather.message())
    value = readings * len(ours) / sum(ours)
    baseline = readings * len(theirs) / sum(theirs)
    with engine.connect() as connection:
        alarms = connection.execute(text("SELECT count(*) FROM reading_alarm")).scalar_one()
        stored = connection.execute(text("SELECT count(*) FROM reading")).scalar_one()
    await own.close()
    await bus.close()
    return {
        "name": "telemetry",
        "value": round(value),
        "unit": "readings/s",
        "baseline": round(baseline),
        "ratio": round(value / baseline, 3),
        "readings": readings * len(ours),
        "stored": stored,
        "alarms": alarms,
        "asked_of_the_engine": state.questions,
        "answered_by_the_twin": state.plain,
        "best_turn": round(readings / min(ours)),
        "best_raw_turn": round(readings / min(theirs)),
    }


def _rules(here: Stations, process: RulesProcess) -> ReadingRules:
    packs = list(load_packs(PACKS).values())
    known: dict[int, list[tuple[Pack, Slice]]] = {}

    def packs_at(hour: int) -> list[tuple[Pack, Slice]]:
        if hour not in known:
            known[hour] = [(pack, pack.slice_at(instant(hour))) for pack in packs]
        return known[hour]

    return ReadingRules(here, packs_at, lambda: packs, process)


async def _publish(bus: Client, messages: Sequence[Sequence[Any]], turn: int) -> None:
    for n, readings in enumerate(messages):
        body = orjson.dumps(
            {
                "specversion": "1.0", "id": f"{turn}-{n}", "source": "/bench",
                "type": "cn.demo.telemetry.readings.v1", "data": {"readings": readings},
            }
        )  # fmt: skip
        await bus.jetstream().publish(str(SUBJECT), body)


async def _until_taken(telemetry: Telemetry, bus: Client, count: int) -> float:
    """Let the role work until nothing of `count` messages is left to do; return the seconds."""
    stop = asyncio.Event()
    wanted = (await bus.jetstream().stream_info(STREAM)).state.last_seq
    began = time.perf_counter()
    before = telemetry.messages
    working = asyncio.create_task(telemetry.run(stop, lambda _: None))
    # The server is asked only when all is stored: its answers would be worked on by our own loop.
    while telemetry.messages < before + count:  # noqa: ASYNC110 -- the role has no event for it
        await asyncio.sleep(0.005)
    while True:
        info = await bus.jetstream().consumer_info(STREAM, CONSUMER)
        if info.ack_floor is not None and info.ack_floor.stream_seq >= wanted:
            break
        await asyncio.sleep(0.005)
    took = time.perf_counter() - began
    stop.set()
    await working
    return took


def _raw_table(settings: Settings) -> Engine:
    engine = open_engine(f"sqlite:///{settings.data / 'raw.sqlite'}")
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE reading (station VARCHAR(32), item VARCHAR(32), at BIGINT, "
                "value BIGINT, flag VARCHAR(12), PRIMARY KEY (station, item, at))"
            )
        )
    return engine


def _insert_raw(engine: Engine, messages: Sequence[Sequence[Any]]) -> float:
    """Return the seconds that the bare rows take."""
    batches = [
        [
            (one["station"], one["item"], int(datetime.fromisoformat(one["at"]).timestamp()),
             round(one["value"] * 1_000_000), one["flag"])
            for one in readings
        ]
        for readings in messages
    ]  # fmt: skip
    began = time.perf_counter()
    for rows in batches:
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO reading VALUES (?, ?, ?, ?, ?)", rows)
    return time.perf_counter() - began
