"""The one way in for signals, on a real NATS server: kept once, refused aloud, never around it."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from nats.js.api import ConsumerConfig
from pydantic import ValidationError

from cases.incidents.place import Place
from cases.incidents.signal import Reporter, Signal, signal_id
from cases.reception import NotNow
from yichuang import subjects
from yichuang.bus import connect
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.events import read
from yichuang.settings import Settings
from yichuang.signals.door import TYPE, SignalDoor

AT = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)


def signal(key: str = "1", **more: object) -> Signal:
    words = {
        "id": key, "source": "web/page", "type": "lift-trapped", "title": "电梯困人",
        "occurred_at": AT, "place": Place(lon=116.3, lat=39.9),
    }  # fmt: skip
    return Signal.model_validate(words | more)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(_env_file=None, data=tmp_path_factory.mktemp("signals"))
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
    await subjects.declare(keeper.jetstream(), "SIG")
    await keeper.close()


async def test_a_signal_lies_in_the_stream_once_and_says_who_sent_it(settings: Settings) -> None:
    web, keeper = await connect(settings, "web"), await connect(settings, "signals")
    door = SignalDoor(web.jetstream(), "demo", "web")
    said = signal(reporter=Reporter(name="王某", phone="1"), level="red")
    first, again = await door.submit(said), await door.submit(said)
    assert (first.repeated, again.repeated) == (False, True)
    assert first.id == again.id == signal_id("web", "web/page", "1")
    js = keeper.jetstream()
    await js.add_consumer("SIG", ConsumerConfig(durable_name="t"))
    (message,) = await (await js.pull_subscribe_bind("t", "SIG")).fetch(2, timeout=1)
    assert message.subject == "sig.demo.web.lift-trapped.red"
    event = read(message.data, message.headers)
    assert (event.type, Signal.model_validate(event.data)) == (TYPE, said)
    await message.ack_sync(timeout=2)
    assert (await js.stream_info("SIG")).state.messages == 0
    await js.delete_consumer("SIG", "t")
    await web.close()
    await keeper.close()


async def test_a_sender_hears_when_the_stream_does_not_take_its_signal(
    settings: Settings,
) -> None:
    bus = await connect(settings, "web")
    with pytest.raises(NotNow):  # not its own subject: the server says nothing at all
        await SignalDoor(bus.jetstream(), "demo", "portal").submit(signal())
    await bus.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"change": "cancel"},
        {"change": "update"},
        {"occurred_at": datetime(2026, 11, 27, 2, 0)},  # noqa: DTZ001 -- the fault itself
        {"type": "a.b"},
        {"type": "a>"},
        {"level": "pink"},
        {"source": "A b"},
        {"title": " "},
        {"id": ""},
    ],
)
def test_what_is_no_signal_cannot_be_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        signal("1", **wrong)


def test_a_cancel_names_what_it_takes_back() -> None:
    assert signal(change="cancel", reference="A-1").reference == "A-1"


def test_the_same_key_of_two_senders_is_two_signals() -> None:
    assert signal_id("a", "s", "1") != signal_id("b", "s", "1")
