"""Readings over a real NATS server into a real store: taken, refused by place, never stopped."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from nats.aio.client import Client
from sqlalchemy import Engine, text

from cases.database import reading
from tests.serving import services_of
from tests.telemetry.city import (
    STATIONS,
    SUBJECT,
    found,
    fresh_engine,
    message,
    one,
    store_of,
)
from yichuang.bus import connect
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.events import read
from yichuang.reading_store import Delivery, ReadingStore
from yichuang.relay import Relay
from yichuang.settings import Settings
from yichuang.telemetry import Telemetry

HOUR = 412_000


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(
        _env_file=None,
        data=tmp_path_factory.mktemp("telemetry"),
        nats_integrators={"portal": ("sthj",), "other": ("zjj",)},
    )
    ground.prepare_folder(settings)
    ground.take_ports(settings, ("nats",))
    with subprocess.Popen(embedded.command(settings), stderr=subprocess.DEVNULL) as server:
        try:
            asyncio.run(_up(settings))
            yield settings
        finally:
            server.terminate()


async def _up(settings: Settings) -> None:
    deadline = time.monotonic() + 60
    while await embedded.answers(settings) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@dataclass
class Town:
    """A consumer at work and a sender beside it."""

    bus: Client
    engine: Engine
    telemetry: Telemetry
    heard: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    async def send(self, body: bytes, subject: str = str(SUBJECT)) -> None:
        await self.bus.jetstream().publish(subject, body)

    async def until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, (self.telemetry.told(), self.heard[-2:])
            await asyncio.sleep(0.02)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with reading(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(query)).all()]

    async def drained(self) -> None:
        """Wait until nothing of the stream is left to do."""

        async def is_done() -> bool:
            js = self.bus.jetstream()
            last = (await js.stream_info("TELE")).state.last_seq
            info = await js.consumer_info("TELE", "telemetry")
            # Pending ones alone do not tell: for a moment a message is neither that nor delivered.
            acked = info.ack_floor.stream_seq if info.ack_floor else 0
            return (info.num_pending, info.num_ack_pending) == (0, 0) and acked >= last

        deadline = time.monotonic() + 60
        while not await is_done():
            assert time.monotonic() < deadline, self.telemetry.told()
            await asyncio.sleep(0.05)


@asynccontextmanager
async def town(
    settings: Settings, folder: Path, make: Callable[[Engine], ReadingStore] = store_of
) -> AsyncIterator[Town]:
    engine = fresh_engine(folder)
    services = services_of(folder, settings.nats_integrators)
    own = await connect(settings, "telemetry")
    bus = await connect(settings, "admin")
    telemetry = Telemetry(
        own, "demo", STATIONS, lambda: make(engine), Relay(engine, own.jetstream(), "readings"),
        services.may_send,
    )  # fmt: skip
    await telemetry.declare()
    await bus.jetstream().purge_stream("TELE")
    here = Town(bus, engine, telemetry)

    async def hear(message: Any) -> None:
        where = here.heard if message.subject.startswith("rpl.") else here.events
        where.append(read(message.data).data)

    for subject in ("rpl.demo.>", "evt.demo.>"):
        await bus.subscribe(subject, cb=hear)
    await bus.flush()
    stop = asyncio.Event()
    work = asyncio.create_task(telemetry.run(stop, lambda _: None))
    try:
        yield here
    finally:
        stop.set()
        await work
        await own.close()
        await bus.close()
        engine.dispose()


def rising(hours: Sequence[int], value: float = 320.0) -> list[dict[str, Any]]:
    return [one("pm25", hour, value) for hour in hours]


async def test_an_alarm_is_raised_told_and_cleared(settings: Settings, tmp_path: Path) -> None:
    async with town(settings, tmp_path) as here:
        await here.send(message(rising(range(HOUR, HOUR + 3))))
        await here.until(lambda: any(e["detail"]["rule"] == "hour-orange" for e in here.events))
        await here.send(message([one("pm25", HOUR + 3, 20.0)], 2))
        await here.until(lambda: any(e["cleared_at"] for e in here.events))
        orange = [e for e in here.events if e["detail"]["rule"] == "hour-orange"]
        assert [(e["raised_at"], e["cleared_at"]) for e in orange] == [
            ("2016-12-31T17:00:00Z", None),
            ("2016-12-31T17:00:00Z", "2016-12-31T19:00:00Z"),
        ]
        stored = here.rows("SELECT body FROM audit_outbox WHERE stream = 'sys:readings'")
        acts = Counter(orjson.loads(bytes(body))["act"] for (body,) in stored)
        assert acts.pop("message_taken") == 2
        assert acts.total() == len(here.events)
        assert acts.keys() == {"alarm_raised", "alarm_cleared"}


async def test_bad_readings_are_refused_by_place_and_the_others_taken(
    settings: Settings, tmp_path: Path
) -> None:
    async with town(settings, tmp_path) as here:
        good = one("pm25", HOUR, 20.0)
        bad = [
            good | {"at": "2036-01-01T00:00:00+08:00"},
            good | {"station": "nowhere"},
            good | {"unit": "mg/m³"},
            {"station": "dongsi", "item": "pm25", "at": good["at"], "vaule": 1},
        ]
        body = message([good, *bad, one("pm25", HOUR + 1, 7654.25)])
        await here.send(body.replace(b"7654.25", b"NaN"))
        await here.until(lambda: bool(here.heard))
        said = here.heard[0]
        assert said["taken"] == 1
        assert [no["field"] for no in said["refused"]] == [
            "data.readings[1].at",
            "data.readings[2].station",
            "data.readings[3].unit",
            "data.readings[4].vaule",
            "data.readings[5].value",
        ]
        assert all(no["reason"] and no["remedy"] for no in said["refused"])
        assert len(here.rows("SELECT * FROM dead_reading")) == 5
        assert here.rows("SELECT count(*) FROM reading") == [(1,)]


@pytest.mark.parametrize(
    ("subject", "body", "field"),
    [
        (str(SUBJECT), b"{", ""),
        (str(SUBJECT), b'{"specversion":"1.0","id":"1","source":"/t","type":"x"}', "type"),
        (str(SUBJECT), message([]), "data.readings"),
        (str(SUBJECT), message([one("pm25", HOUR, 1.0)] * 1001), "data.readings"),
        ("tel.demo.sthj.other.readings", message(rising([HOUR])), "subject"),
        ("tel.demo.sthj.readings", message(rising([HOUR])), "subject"),
    ],
)
async def test_a_message_that_is_none_is_refused_whole_and_the_next_is_taken(
    settings: Settings, tmp_path: Path, subject: str, body: bytes, field: str
) -> None:
    async with town(settings, tmp_path) as here:
        await here.send(body, subject)
        await here.send(message(rising([HOUR]), 2))
        await here.until(lambda: here.rows("SELECT count(*) FROM reading") == [(1,)])
        assert here.rows("SELECT place, field FROM dead_reading") == [(-1, field)]


async def test_a_message_that_breaks_the_writer_is_buried_and_its_neighbours_are_taken(
    settings: Settings, tmp_path: Path
) -> None:
    class Breaking(ReadingStore):
        def take(self, deliveries: Sequence[Delivery], at: Any) -> Any:
            if any(one.parsed.event_id == "m13" and one.parsed.taken for one in deliveries):
                raise ZeroDivisionError("a fault of ours")
            return super().take(deliveries, at)

    def make(engine: Engine) -> ReadingStore:
        store = store_of(engine)
        store.__class__ = Breaking
        return store

    async with town(settings, tmp_path, make) as here:
        for n in (12, 13, 14):
            await here.send(message(rising([HOUR + n]), n))
        await here.drained()
        assert here.rows("SELECT at / 3600 FROM reading ORDER BY at") == [
            (HOUR + 12,), (HOUR + 14,),
        ]  # fmt: skip
        assert here.rows("SELECT place FROM dead_reading") == [(-1,)]


async def test_the_same_message_again_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    async with town(settings, tmp_path) as here:
        await here.send(message(rising(range(HOUR, HOUR + 5))))
        await here.drained()
        before, told = found(here.engine), len(here.rows("SELECT * FROM reading_alarm_event"))
        await here.send(message(rising(range(HOUR, HOUR + 5))))
        await here.drained()
        assert found(here.engine) == before
        assert len(here.rows("SELECT * FROM reading_alarm_event")) == told
        assert here.rows("SELECT taken, repeated FROM batch ORDER BY n") == [(5, 0), (0, 5)]
