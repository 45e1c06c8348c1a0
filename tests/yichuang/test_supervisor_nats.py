"""The embedded NATS server: no open port, and each user only what is its own."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoServersError
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError

from yichuang.bus import connect, inbox_of, seed_of
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.settings import SettingMissing, Settings
from yichuang.subjects import declare


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a running server with two outside systems, one of them bound to a department."""
    settings = Settings(
        _env_file=None,
        data=tmp_path_factory.mktemp("nats") / "城 市",
        nats_integrators={"portal": ("*",), "jz": ("zjj",)},
    )
    ground.prepare_folder(settings)
    ground.take_ports(settings, ("nats",))
    with subprocess.Popen(embedded.command(settings), stderr=subprocess.DEVNULL) as server:
        try:
            asyncio.run(declared(settings))
            yield settings
        finally:
            server.terminate()


async def declared(settings: Settings) -> None:
    """Wait for the server and make the streams, as the roles do."""
    deadline = time.monotonic() + 10
    while await embedded.answers(settings) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    admin = await connect(settings, "admin")
    await declare(admin.jetstream(), "CMD", "RPL", "DLQ", "EVT")
    await admin.close()


class Faults:
    """What the server complained of to one connection."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def hear(self, fault: Exception) -> None:
        self.heard.append(str(fault))


async def enter(settings: Settings, user: str) -> tuple[Client, Faults]:
    faults = Faults()
    client = await nats.connect(
        settings.nats,
        nkeys_seed=str(seed_of(settings, user)),
        inbox_prefix=inbox_of(user).encode(),
        error_cb=faults.hear,
    )
    return client, faults


async def refused_to_publish(settings: Settings, user: str, subject: str) -> bool:
    client, faults = await enter(settings, user)
    await client.publish(subject, b"{}")
    await client.flush()
    await asyncio.sleep(0.05)
    await client.close()
    return any("permissions violation" in fault.lower() for fault in faults.heard)


async def refused_to_listen(settings: Settings, user: str, subject: str) -> bool:
    client, faults = await enter(settings, user)
    await client.subscribe(subject)
    await client.flush()
    await asyncio.sleep(0.05)
    await client.close()
    return any("permissions violation" in fault.lower() for fault in faults.heard)


async def test_nobody_enters_without_a_key(settings: Settings) -> None:
    with pytest.raises((NoServersError, nats.errors.Error)):
        await nats.connect(settings.nats, allow_reconnect=False, connect_timeout=2)


async def test_secrets_are_for_their_owner_alone(settings: Settings) -> None:
    secrets = [*settings.nats_seed("admin").parent.iterdir(), settings.data / "nats/server.conf"]
    assert len(secrets) > 8
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}


async def test_an_order_is_kept_and_its_sender_hears_so(settings: Settings) -> None:
    portal, _ = await enter(settings, "portal")
    kept = await portal.jetstream().publish("cmd.demo.zjj.portal.case.file", b"{}")
    assert kept.stream == "CMD"
    await portal.close()


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("portal", "cmd.demo.zjj.jz.case.file"),  # as somebody else
        ("portal", "cmd.other.zjj.portal.case.file"),  # in another city
        ("jz", "cmd.demo.fgw.jz.case.file"),  # for a department not its own
        ("portal", "evt.demo.zjj.case.accepted"),  # events are the relay's
        ("portal", "rpl.demo.jz.1"),  # answers are the gateway's
        ("portal", "$JS.API.STREAM.DELETE.CMD"),
        ("portal", "$JS.API.STREAM.PURGE.EVT"),
        ("portal", "$JS.API.CONSUMER.CREATE.CMD.portal"),
        ("portal", "$JS.API.CONSUMER.CREATE.RPL.portal.rpl.demo.>"),
        ("portal", "$JS.API.CONSUMER.CREATE.RPL.portal"),
        ("jz", "$JS.API.CONSUMER.CREATE.EVT.jz.evt.demo.>"),  # wider than its department
        ("portal", "$JS.API.CONSUMER.MSG.NEXT.EVT.jz"),  # from another's consumer
        ("relay", "cmd.demo.zjj.relay.case.file"),
        ("relay", "$JS.API.STREAM.DELETE.EVT"),
        ("gateway", "evt.demo.zjj.case.accepted"),
        ("gateway", "$JS.API.STREAM.DELETE.CMD"),
        ("web", "cmd.demo.zjj.portal.case.file"),
        ("web", "sig.demo.portal.fire.red"),  # a signal as somebody else
        ("portal", "sig.demo.jz.fire.red"),
        ("portal", "sig.other.portal.fire.red"),
        ("signals", "cmd.demo.zjj.portal.case.file"),
        ("notifier", "evt.demo.zjj.case.accepted"),
        ("notifier", "$JS.API.STREAM.DELETE.NTF"),
        ("web", "ntf.demo.sms"),  # notices are the notifier's
        ("portal", "nrc.demo.portal"),
        ("signals", "$JS.API.STREAM.DELETE.SIG"),
        ("monitor", "cmd.demo.zjj.monitor.case.file"),
    ],
)
async def test_a_user_may_not_publish(settings: Settings, user: str, subject: str) -> None:
    assert await refused_to_publish(settings, user, subject)


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("portal", "rpl.demo.jz.>"),
        ("portal", "_INBOX.>"),
        ("portal", "_INBOX.jz.>"),
        ("portal", "cmd.>"),
        ("portal", "sig.>"),
        ("jz", "evt.demo.>"),
        ("jz", "evt.demo.fgw.>"),
        ("relay", "cmd.>"),
        ("gateway", "_INBOX.portal.>"),
        ("web", "qry.>"),
        ("web", "qry.demo.portal.case.status"),
        ("portal", "qry.demo.*.signal.fate"),
        ("monitor", ">"),
    ],
)
async def test_a_user_may_not_listen(settings: Settings, user: str, subject: str) -> None:
    assert await refused_to_listen(settings, user, subject)


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("portal", "cmd.demo.zjj.portal.case.file"),
        ("jz", "cmd.demo.zjj.jz.case.file"),
        ("jz", "qry.demo.jz.status"),
        ("relay", "evt.demo.zjj.case.accepted"),
        ("gateway", "rpl.demo.portal.1"),
        ("gateway", "dlq.demo.portal"),
        ("gateway", "cmd.demo.zjj.portal.case.file"),
        ("web", "cmd.demo.zjj.web.case.file"),
        ("web", "sig.demo.web.fire.red"),
        ("portal", "sig.demo.portal.fire.plain"),
    ],
)
async def test_a_user_may_publish_what_is_its_own(
    settings: Settings, user: str, subject: str
) -> None:
    assert not await refused_to_publish(settings, user, subject)


async def test_the_gateway_takes_orders_with_a_durable_consumer(settings: Settings) -> None:
    portal, _ = await enter(settings, "portal")
    await portal.jetstream().publish("cmd.demo.zjj.portal.case.file", b"{}")
    gateway, faults = await enter(settings, "gateway")
    js = gateway.jetstream()
    await declare(js, "CMD", "RPL", "DLQ")
    await js.add_consumer("CMD", ConsumerConfig(durable_name="gateway"))
    taking = await js.pull_subscribe_bind("gateway", "CMD")
    (order,) = await taking.fetch(1, timeout=2)
    await order.ack_sync(timeout=2)
    assert (await js.consumer_info("CMD", "gateway")).ack_floor.consumer_seq == 1
    assert faults.heard == []
    await gateway.close()
    await portal.close()


async def test_a_question_is_answered_into_the_askers_own_inbox(settings: Settings) -> None:
    gateway, _ = await enter(settings, "gateway")

    async def answer(message: Msg) -> None:
        await message.respond(b"42")

    await gateway.subscribe("qry.>", cb=answer)
    await gateway.flush()
    portal, _ = await enter(settings, "portal")
    assert (await portal.request("qry.demo.portal.status", b"?", timeout=2)).data == b"42"
    await portal.close()
    await gateway.close()


async def test_a_department_reads_its_own_events_and_no_others(settings: Settings) -> None:
    relay, _ = await enter(settings, "relay")
    for department in ("fgw", "zjj"):
        await relay.jetstream().publish(f"evt.demo.{department}.case.accepted", b"{}")
    jz, faults = await enter(settings, "jz")
    js = jz.jetstream()
    # With `name` given the filter stands in the subject, where the permission sees it.
    await js.add_consumer(
        "EVT", ConsumerConfig(name="jz", durable_name="jz", filter_subject="evt.demo.zjj.>")
    )
    taking = await js.pull_subscribe_bind("jz", "EVT")
    events = await taking.fetch(50, timeout=1)
    assert {event.subject for event in events} == {"evt.demo.zjj.case.accepted"}
    await events[0].ack_sync(timeout=2)
    assert faults.heard == []
    await jz.close()
    await relay.close()


async def test_an_answer_missed_is_read_later_and_only_by_its_addressee(
    settings: Settings,
) -> None:
    gateway, _ = await enter(settings, "gateway")
    await gateway.jetstream().publish("rpl.demo.portal.ab", b"done")
    portal, _ = await enter(settings, "portal")
    kept = await portal.jetstream().get_last_msg("RPL", "rpl.demo.portal.ab", direct=True)
    assert kept.data == b"done"
    jz, _ = await enter(settings, "jz")
    with pytest.raises((NatsTimeout, NotFoundError)):
        await jz.jetstream(timeout=0.5).get_last_msg("RPL", "rpl.demo.portal.ab", direct=True)
    for client in (jz, portal, gateway):
        await client.close()


async def test_answers_missed_are_taken_through_a_consumer_of_ones_own(settings: Settings) -> None:
    gateway, _ = await enter(settings, "gateway")
    for user in ("portal", "jz"):
        await gateway.jetstream().publish(f"rpl.demo.{user}.cd", b"done")
    portal, faults = await enter(settings, "portal")
    js = portal.jetstream()
    wanted = ConsumerConfig(name="portal", filter_subject="rpl.demo.portal.>")
    await js.add_consumer("RPL", wanted)
    taking = await js.pull_subscribe_bind(consumer="portal", stream="RPL")
    assert {answer.subject.split(".")[2] for answer in await taking.fetch(50, timeout=1)} == {
        "portal"
    }
    assert faults.heard == []
    await portal.close()
    await gateway.close()


def test_a_system_name_is_no_integrator(tmp_path: Path) -> None:
    taken = Settings(_env_file=None, data=tmp_path, nats_integrators={"gateway": ("*",)})
    with pytest.raises(SettingMissing, match="gateway 是系统自用的名字"):
        embedded.users(taken)


def test_seeds_and_the_storage_key_survive_a_new_configuration(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data=tmp_path)
    first = embedded.configuration(settings, listen="127.0.0.1:1", store=tmp_path)
    assert embedded.configuration(settings, listen="127.0.0.1:1", store=tmp_path) == first
