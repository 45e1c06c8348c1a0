"""A year of a station's hourly readings through NATS: repeated, out of order, under kills.

The data: UCI Beijing Multi-Site Air-Quality (CC BY 4.0), station Dongsi, 2016. The alarms must be
those of `tests.telemetry.independent`, which knows no machine, and the same after each replay.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import random
import subprocess
import sys
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError
from sqlalchemy import Engine

from cases.database import reading
from tests.telemetry.city import ABOVE, SUBJECT, TRIAL, dump, found, fresh_engine, message, one
from tests.telemetry.independent import alarms
from yichuang.bus import connect
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.settings import CHECKOUT, Settings, as_environment, environment
from yichuang.telemetry import CONSUMER, STREAM

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

DATA = (
    Path(__file__).parents[3] / "shared/data/air_beijing/PRSA_Data_Dongsi_20130301-20170228.csv.gz"
)
COLUMNS = {"pm25": "PM2.5", "pm10": "PM10", "o3": "O3"}
YEAR = "2016"
EACH = 50
"""Readings of one message."""
KILLS = {2: "telemetry", 5: "nats", 8: "telemetry", 11: "telemetry"}
"""At which sixteenth of the readings in the store what is killed (SIGKILL) and started again."""

Hours = dict[str, dict[int, Decimal | None]]


def measured() -> Hours:
    """Return item → hour → value as printed, None for NA."""
    if not DATA.is_file():
        pytest.skip(f"no {DATA.name}: ../shared/data is absent")
    hours: Hours = {item: {} for item in COLUMNS}
    zone = ZoneInfo("Asia/Shanghai")
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["year"] != YEAR:
                continue
            year, month, day, clock = (int(row[x]) for x in ("year", "month", "day", "hour"))
            hour = int(datetime(year, month, day, clock, tzinfo=zone).timestamp()) // 3600
            for item, column in COLUMNS.items():
                text = row[column]
                hours[item][hour] = None if text == "NA" else Decimal(text)
    return hours


def sent(hours: Hours) -> tuple[list[dict[str, Any]], Hours]:
    """Return the readings in the order they are sent, 5 % of them late and 5 % twice, and the hours
    that anything was said of: of every other gap nothing comes at all."""
    chance = random.Random(2016)
    kept: Hours = {item: {} for item in hours}
    line: list[tuple[float, dict[str, Any]]] = []
    for item, values in hours.items():
        for hour, value in values.items():
            if value is None and hour % 2:
                continue
            kept[item][hour] = value
            said = one(item, hour, None if value is None else float(value))
            if value is None:
                said["flag"] = "missing"
            late = chance.expovariate(1 / 20) if chance.random() < 0.05 else 0.0
            line.append((hour + late, said))
            if chance.random() < 0.05:
                line.append((hour + chance.expovariate(1 / 20), said))
    line.sort(key=lambda placed: placed[0])
    return [said for _, said in line], kept


class Servers:
    """NATS and the role, each killed and started at will."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        words = {
            "nats": embedded.command(self.settings),
            "telemetry": [sys.executable, "-m", "tests.telemetry.role"],
        }[name]
        variables = {k: v for k, v in environment().items() if not k.startswith("YICHUANG_")}
        log = (self.settings.data / f"{name}.log").open("ab")
        with log:
            self._running[name] = subprocess.Popen(
                words, cwd=CHECKOUT, env=variables | as_environment(self.settings),
                stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> None:
        process = self._running.pop(name)
        process.terminate()
        process.wait(20)

    def end(self) -> None:
        for name in list(self._running):
            self.kill(name)


async def floor(settings: Settings) -> int:
    """Return up to which message of the stream all are acknowledged; -1 while NATS is away."""
    try:
        bus = await connect(settings, "admin", attempts=0)
    except (OSError, NatsError):
        return -1
    try:
        info = await bus.jetstream().consumer_info(STREAM, CONSUMER)
    except (JetStreamError, NatsError, TimeoutError):
        return -1
    finally:
        await bus.close()
    return info.ack_floor.stream_seq if info.ack_floor else 0


async def until(settings: Settings, wanted: int, seconds: float = 150) -> None:
    deadline = time.monotonic() + seconds
    while (at := await floor(settings)) < wanted:
        assert time.monotonic() < deadline, f"message {at} of {wanted}"
        await asyncio.sleep(0.05)


async def test_a_year_of_readings_gives_the_alarms_of_an_independent_computation(
    tmp_path: Path,
) -> None:
    readings, hours = sent(measured())
    settings = Settings(_env_file=None, data=tmp_path)
    ground.prepare_folder(settings)
    ground.take_ports(settings, ("nats",))
    engine = fresh_engine(tmp_path)
    servers = Servers(settings)
    try:
        servers.start("nats")
        while await embedded.answers(settings) is None:  # noqa: ASYNC110 -- another process
            await asyncio.sleep(0.05)
        servers.start("telemetry")
        await until(settings, 0)
        servers.stop("telemetry")
        count = await publish(settings, readings)
        servers.start("telemetry")
        for part, victim in KILLS.items():
            distinct = sum(len(values) for values in hours.values())
            while stored(engine) < distinct * part // 16:  # noqa: ASYNC110 -- another process
                await asyncio.sleep(0.01)
            servers.kill(victim)
            assert stored(engine) < distinct, "nothing was left to be disturbed"
            servers.start(victim)
        await until(settings, count)

        expected = {
            ("dongsi", item): want
            for item, values in hours.items()
            if (want := alarms(TRIAL, item, values, ABOVE))
        }
        assert found(engine) == expected
        raised = {one.group for many in expected.values() for one in many}
        assert raised == {"day", "hour-orange", "jump", "ozone", "long-above"}

        # Again into the same store: nothing is another, nothing is told again.
        first, told = dump(engine), events(engine)
        servers.stop("telemetry")
        await forget_consumer(settings)
        servers.start("telemetry")
        await asyncio.sleep(1)
        await until(settings, count)
        assert dump(engine) == first
        assert events(engine) == told

        # And into an empty one.
        servers.stop("telemetry")
        await forget_consumer(settings)
        engine.dispose()
        for end in ("", "-wal", "-shm"):
            (tmp_path / f"readings.sqlite{end}").unlink(missing_ok=True)
        again = fresh_engine(tmp_path)
        servers.start("telemetry")
        await asyncio.sleep(1)
        await until(settings, count)
        assert dump(again) == first
        again.dispose()
    finally:
        servers.end()


async def publish(settings: Settings, readings: list[dict[str, Any]]) -> int:
    bus = await connect(settings, "admin")
    count = 0
    for start in range(0, len(readings), EACH):
        count += 1
        body = message(readings[start : start + EACH], count)
        await bus.jetstream().publish(str(SUBJECT), body)
    await bus.close()
    return count


async def forget_consumer(settings: Settings) -> None:
    """Let the stream be delivered from its beginning again."""
    bus = await connect(settings, "admin")
    await bus.jetstream().delete_consumer(STREAM, CONSUMER)
    await bus.close()


def events(engine: Engine) -> int:
    return _count(engine, "reading_alarm_event")


def stored(engine: Engine) -> int:
    return _count(engine, "reading")


def _count(engine: Engine, table: str) -> int:
    with reading(engine) as connection:
        number: int = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
    return number
