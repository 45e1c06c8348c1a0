"""Text messages on a real NATS server: the gateway reads its own channel, and is believed of it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
from nats.aio.client import Client
from nats.errors import TimeoutError as NothingThere
from nats.js.api import ConsumerConfig

from cases.deliveries import Delivery, State
from yichuang import subjects
from yichuang.bus import connect
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.notices.channels import Outgoing, Went
from yichuang.notices.gateways import Gateway, Receipts
from yichuang.settings import Settings

NOW = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)
MESSAGE = Outgoing("n1.sms.ab", "n1", "i1", "escalated", "【临限升级】云突1号", "https://city/i1",
                   "13800000000", True, NOW)  # fmt: skip
SENT = Delivery("n1", "u:day", "sms", "sent", 1, None, NOW, "")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(
        _env_file=None, data=tmp_path_factory.mktemp("notices"),
        notice_gateways={"smsgw": ("sms",), "imgw": ("im",)},
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
    deadline = time.monotonic() + 10
    while await embedded.answers(settings) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.fixture
async def bus(settings: Settings) -> AsyncIterator[Client]:
    joined = await connect(settings, "notifier")
    await subjects.declare(joined.jetstream(), "NTF", "NRC")
    yield joined
    await joined.close()


async def read(settings: Settings, user: str, channel: str) -> list[dict[str, object]]:
    """What a gateway finds on a channel, as `user`."""
    joined = await connect(settings, user)
    js = joined.jetstream(timeout=1)
    name, subject = f"{user}-{channel}", f"ntf.demo.{channel}"
    try:
        await js.add_consumer(
            "NTF", ConsumerConfig(durable_name=name, name=name, filter_subject=subject)
        )
        pull = await js.pull_subscribe_bind(durable=name, stream="NTF")
        messages = await pull.fetch(10, timeout=1)
        return [json.loads(one.data)["data"] for one in messages]
    finally:
        await joined.close()


async def test_a_message_reaches_its_gateway_once_however_often_it_is_tried(
    settings: Settings, bus: Client
) -> None:
    channel = Gateway(bus.jetstream(), asyncio.get_running_loop(), "demo", "sms")
    went = [await asyncio.to_thread(channel.carry, MESSAGE) for _ in range(3)]
    assert went == [Went("sent")] * 3
    assert await read(settings, "smsgw", "sms") == [
        {"key": "n1.sms.ab", "channel": "sms", "address": "13800000000",
         "text": "【临限升级】云突1号", "urgent": True}
    ]  # fmt: skip


async def test_a_gateway_of_another_channel_reads_nothing_of_it(
    settings: Settings, bus: Client
) -> None:
    channel = Gateway(bus.jetstream(), asyncio.get_running_loop(), "demo", "sms")
    await asyncio.to_thread(channel.carry, MESSAGE)
    with pytest.raises((NothingThere, TimeoutError)):
        await read(settings, "imgw", "sms")


async def test_a_bus_that_is_away_means_not_now(settings: Settings) -> None:
    joined = await connect(settings, "notifier")
    await joined.close()
    channel = Gateway(joined.jetstream(), asyncio.get_running_loop(), "demo", "sms")
    assert (await asyncio.to_thread(channel.carry, MESSAGE)).state == "queued"


async def test_a_receipt_comes_from_the_gateway_to_the_delivery(
    settings: Settings, bus: Client
) -> None:
    told: list[tuple[str, State, str]] = []
    receipts = Receipts(
        bus.jetstream(), settings.notice_gateways,
        lambda key: SENT if key == MESSAGE.key else None,
        lambda one, state, reason: told.append((one.person, state, reason)),
    )  # fmt: skip
    taking = asyncio.create_task(receipts.run())
    gateway = await connect(settings, "smsgw")
    said = {"key": MESSAGE.key, "state": "failed", "reason": "空号"}
    await gateway.publish("nrc.demo.smsgw", json.dumps(said).encode())
    await gateway.flush()
    for _ in range(100):
        if told:
            break
        await asyncio.sleep(0.05)
    taking.cancel()
    await gateway.close()
    assert told == [("u:day", "failed", "网关回报：空号")]


@pytest.mark.parametrize(
    ("subject", "data"),
    [
        ("nrc.demo.imgw", {"key": MESSAGE.key, "state": "delivered"}),  # not its channel
        ("nrc.demo.smsgw", {"key": "other", "state": "delivered"}),
        ("nrc.demo.smsgw", {"key": MESSAGE.key, "state": "queued"}),
        ("nrc.demo.smsgw", {"key": MESSAGE.key}),
        ("nrc.demo.smsgw", ["delivered"]),
        ("nrc.demo.smsgw", "x" * 5_000),
    ],
)
def test_what_is_no_receipt_of_this_gateway_changes_nothing(subject: str, data: object) -> None:
    told: list[object] = []
    receipts = Receipts(
        None, {"smsgw": ("sms",), "imgw": ("im",)},  # type: ignore[arg-type]  # nothing is pulled
        lambda key: SENT if key == MESSAGE.key else None,
        lambda *said: told.append(said),
    )  # fmt: skip
    assert not receipts.take(subject, json.dumps(data).encode())
    assert told == []


def test_a_receipt_that_is_no_json_changes_nothing() -> None:
    receipts = Receipts(None, {"smsgw": ("sms",)}, lambda _key: SENT, lambda *_said: None)  # type: ignore[arg-type]  # nothing is pulled
    assert not receipts.take("nrc.demo.smsgw", b"\xff{")
    assert receipts.take("nrc.demo.smsgw", b'{"key": "k", "state": "delivered"}')
