"""Signals over a real NATS server into a real store: taken, refused aloud, red ones first."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from cases.incidents.signal import Signal
from catalogue.load import HERE
from catalogue.stations import load_stations
from tests.signals.city import TYPES, Town, reader, signal
from yichuang import subjects
from yichuang.bus import connect
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.events import Event, read
from yichuang.settings import Settings
from yichuang.signals.alarms import AlarmReader
from yichuang.signals.door import SignalDoor, event_of
from yichuang.signals.intake import Intake
from yichuang.signals.store import Delivery


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(
        _env_file=None, data=tmp_path_factory.mktemp("intake"),
        nats_integrators={"lifts": ("*",), "other": ("*",)},
    )  # fmt: skip
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
    keeper = await connect(settings, "signals")
    await subjects.declare(keeper.jetstream(), "SIG", "EVT", "RPL")
    await keeper.close()


def now(key: str, **more: Any) -> Signal:
    """Return a signal of this very moment."""
    return signal(key, occurred_at=datetime.now(UTC), **more)


class Here:
    """An intake at work and doors beside it."""

    def __init__(self, settings: Settings, town: Town, admin: Client) -> None:
        self.settings, self.town, self.admin = settings, town, admin
        self.heard: list[dict[str, Any]] = []
        self.batches: list[list[str]] = []

    async def submit(self, *signals: Signal, user: str = "web") -> None:
        bus = await connect(self.settings, user)
        door = SignalDoor(bus.jetstream(), "demo", user)
        for one in signals:
            await door.submit(one)
        await bus.close()

    async def until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not true():
            assert time.monotonic() < deadline, (self.town.states(), self.heard)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def at_work(
    settings: Settings, folder: Path, *, before: Sequence[Signal] = (),
    take: Callable[[Here, Sequence[Delivery]], None] = lambda *_: None,
) -> AsyncIterator[Here]:  # fmt: skip
    admin, own = await connect(settings, "admin"), await connect(settings, "signals")
    town = Town(folder)
    here = Here(settings, town, admin)

    class Watched:
        def take(self, deliveries: Sequence[Delivery], at: datetime) -> None:
            take(here, deliveries)
            here.batches.append([one.event_id for one in deliveries])
            town.store.take(deliveries, at)

    alarms = AlarmReader(lambda: TYPES, load_stations(HERE))
    intake = Intake(own, "demo", reader(lambda user: user == "lifts"), Watched(), alarms)
    await intake.declare()
    await admin.jetstream().purge_stream("SIG")

    async def hear(message: Any) -> None:
        here.heard.append(read(message.data).data)

    await admin.subscribe("rpl.demo.>", cb=hear)
    await admin.flush()
    if before:
        await here.submit(*before)
    stop = asyncio.Event()
    work = asyncio.create_task(intake.run(stop))
    try:
        yield here
    finally:
        stop.set()
        await work
        await own.close()
        await admin.close()


async def test_a_signal_is_taken_and_leaves_the_stream(settings: Settings, tmp_path: Path) -> None:
    async with at_work(settings, tmp_path) as here:
        await here.submit(now("a"))
        await here.submit(now("b", source="lifts/3"), user="lifts")
        await here.until(lambda: len(here.town.states()) == 2)
        await here.until(
            lambda: {s for s, _ in here.town.states().values()} == {"incident", "merged"}
        )
        for _ in range(200):
            left = (await here.admin.jetstream().stream_info("SIG")).state.messages
            if left == 0:
                break
            await asyncio.sleep(0.02)
        assert left == 0


async def test_what_is_refused_is_told_to_its_sender_and_the_next_is_taken(
    settings: Settings, tmp_path: Path
) -> None:
    async with at_work(settings, tmp_path) as here:
        await here.submit(now("a", source="lifts"), user="other")  # is no source of signals
        await here.submit(now("b", source="web/page"), user="lifts")  # speaks for another
        await here.submit(now("c", type_code="gone"))
        await here.admin.jetstream().publish("sig.demo.lifts.lift.plain", b"{")
        broken = event_of(now("d"), "demo").to_json().replace(b'"title"', b'"titel"')
        await here.admin.jetstream().publish("sig.demo.web.lift.plain", broken)
        await here.submit(now("z"))
        await here.until(lambda: len(here.heard) == 5 and len(here.town.states()) == 1)
        assert [one["field"] for one in here.heard] == [
            "subject", "data.source", "data.type", "", "data.title",
        ]  # fmt: skip
        assert all(one["reason"] and one["remedy"] for one in here.heard)
        assert len(here.town.rows("SELECT * FROM refused_signal")) == 5


async def test_a_red_one_waits_for_one_batch_of_the_others_at_most(
    settings: Settings, tmp_path: Path
) -> None:
    others = [now(f"{n}", north=n * 300) for n in range(250)]
    red = now("red", type_code="fire", level="red")
    async with at_work(settings, tmp_path, before=[*others, red]) as here:
        await here.until(lambda: len(here.town.states()) == 251)
        (place,) = [n for n, batch in enumerate(here.batches) if "red" in batch]
        assert place <= 1
        assert len(here.batches) >= 4


async def test_a_message_that_breaks_the_store_is_buried_and_its_neighbours_are_taken(
    settings: Settings, tmp_path: Path
) -> None:
    def take(_: Here, deliveries: Sequence[Delivery]) -> None:
        if any(one.event_id == "bad" and one.taken for one in deliveries):
            raise ZeroDivisionError("a fault of ours")

    async with at_work(
        settings, tmp_path, before=[now("good-1"), now("bad"), now("good-2")], take=take
    ) as here:
        await here.until(lambda: len(here.heard) == 1)
        await here.until(lambda: set(here.town.states()) == {"good-1", "good-2"})


async def test_an_alarm_of_readings_is_a_signal_where_the_catalogue_says_so(
    settings: Settings, tmp_path: Path
) -> None:
    def alarm(event_id: str, pack: str, kind: str) -> tuple[str, bytes]:
        detail = {
            "station": "no-such", "level": "orange", "pack": pack, "basis": "X-1",
            "happened_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        }  # fmt: skip
        data = {"id": "alarm-1", "kind": "reading", "text": "某站超限", "detail": detail}
        event = Event(id=event_id, source="/dept/x", type="cn.demo.alarm.raised.v1", data=data)
        return f"evt.demo.x.alarm.{kind}", event.to_json()

    async with at_work(settings, tmp_path) as here:
        js = here.admin.jetstream()
        for one in (
            alarm("1", "of-nothing", "raised"), alarm("2", "lifts", "raised"),
            alarm("3", "lifts", "updated"), alarm("4", "lifts", "withdrawn"),
        ):  # fmt: skip
            await js.publish(*one)
        await here.until(lambda: len(here.town.states()) == 3)
        assert here.town.states() == {
            "2": ("incident", "2"), "3": ("merged", "2"), "4": ("merged", "2"),
        }  # fmt: skip
        assert here.town.rows("SELECT count(*) FROM signal WHERE withdrawn_by <> ''") == [(2,)]
