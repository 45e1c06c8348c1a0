"""The door for systems, on a real NATS server and a real store; the reception is a plain one."""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from nats.aio.client import Client

from audit.tables import keys_metadata, outbox_metadata
from audit.vault import SubjectVault
from cases.database import open_engine
from cases.gateway_tables import gateway_metadata
from cases.messages import Actor, Grant, Outcome, Source
from cases.reception import NotNow, Request
from tests.stores import lay_out
from yichuang import subjects
from yichuang.bus import connect
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.events import read
from yichuang.gateway import CONSUMER, Gateway
from yichuang.inbox import Inbox, NoSuchLetter
from yichuang.orders import order_event
from yichuang.publishing import publish_whole
from yichuang.settings import Settings

CITY = "demo"


class PlainReception:
    """Notes what it was asked and says yes, except where a test wants otherwise."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.away = 0
        self.outcomes: dict[str, Outcome] = {}

    async def handle(
        self, actor: Actor, source: Source, requests: Sequence[Request]
    ) -> tuple[Outcome, ...]:
        if self.away:
            self.away -= 1
            raise NotNow("the world is away")
        for request in requests:
            self.asked.append(request)
            self.outcomes.setdefault(
                request.id,
                Outcome(
                    command_id=request.id,
                    case_id="c",
                    status="done",
                    case_no=f"NO-{len(self.outcomes) + 1}",
                ),
            )
        return tuple(self.outcomes[request.id] for request in requests)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(
        _env_file=None,
        data=tmp_path_factory.mktemp("gateway"),
        city=CITY,
        nats_integrators={"portal": ("*",), "other": ("*",)},
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
    deadline = time.monotonic() + 10
    while await embedded.answers(settings) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def service(user: str, department: str) -> Actor | None:
    if user == "other":
        return None
    return Actor(
        id=f"s:{user}",
        kind="service",
        department=department,
        grants=(Grant(role="service_intake", department=department),),
    )


class City:
    """A running gateway and an integrator beside it."""

    def __init__(self, bus: Client, gateway: Gateway, reception: PlainReception, inbox: Inbox):
        self.bus = bus
        self.gateway = gateway
        self.reception = reception
        self.inbox = inbox
        self.answers: list[dict[str, Any]] = []

    async def hear(self) -> None:
        async def take(message: Any) -> None:
            self.answers.append(read(message.data).data)

        await self.bus.subscribe(f"rpl.{CITY}.>", cb=take)
        await self.bus.flush()

    async def send(self, verb: str, data: dict[str, Any], *, event_id: str, **kw: Any) -> None:
        event = order_event(CITY, verb, data, source="/portal", event_id=event_id)
        await self.raw(event.to_json(), verb=verb, **kw)

    async def raw(self, body: bytes, *, verb: str = "file", user: str = "portal") -> None:
        subject = f"cmd.{CITY}.zjj.{user}.case.{verb}"
        await self.bus.jetstream().publish(subject, body)

    async def until(self, true: Callable[[], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, self.answers[-3:]
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(
    settings: Settings, tmp_path: Path, *, purged: bool = True
) -> AsyncIterator[City]:
    engine = open_engine(f"sqlite:///{tmp_path / 'gateway.sqlite'}")
    lay_out(engine, gateway_metadata, outbox_metadata)
    keys = open_engine(f"sqlite:///{tmp_path / 'keys.sqlite'}")
    lay_out(keys, keys_metadata)
    inbox = Inbox(engine, SubjectVault(keys, b"k" * 32), lambda user: f"account:{user}")
    reception = PlainReception()
    own = await connect(settings, "gateway")
    bus = await connect(settings, "admin")
    await subjects.declare(bus.jetstream(), "CMD", "RPL", "DLQ")
    if purged:
        await bus.jetstream().purge_stream("CMD")
    gateway = Gateway(own, CITY, reception, inbox, service)
    await gateway.declare()
    stop = asyncio.Event()
    work = asyncio.create_task(gateway.run(stop, lambda: None))
    city = City(bus, gateway, reception, inbox)
    await city.hear()
    try:
        yield city
    finally:
        stop.set()
        await work
        await own.close()
        await bus.close()


def stored_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("gateway.sqlite*"))


FILING: dict[str, Any] = {"matter": "food-operation", "applicant": {"name": "甲公司"}}


async def test_an_order_is_answered_with_its_case_number(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(settings, tmp_path) as city:
        await city.send("file", {"body": FILING}, event_id="a-1")
        await city.until(lambda: len(city.answers) == 1)
        assert city.answers[0]["event_id"] == "a-1"
        assert city.answers[0]["outcome"]["case_no"] == "NO-1"


async def test_a_thousand_repeats_are_one_case_and_each_is_answered(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(settings, tmp_path) as city:
        event = order_event(CITY, "file", {"body": FILING}, source="/portal", event_id="same")
        subject = f"cmd.{CITY}.zjj.portal.case.file"
        for _ in range(2):
            await publish_whole(city.bus, [(subject, event.to_json())] * 500)
        await city.until(lambda: len(city.answers) == 1000, 60)
        assert {answer["outcome"]["case_no"] for answer in city.answers} == {"NO-1"}
        assert len(city.reception.asked) == 1
        assert sum(not answer["outcome"]["repeated"] for answer in city.answers) == 1


MALFORMED: list[tuple[bytes, str]] = [
    (b"not json", ""),
    (b"[1]", ""),
    (b'{"specversion":"1.0","id":"x","source":"/p"}', "type"),
    (json.dumps({"specversion": "1.0", "id": "x", "source": "/p", "type": "t"}).encode(), "type"),
    (order_event(CITY, "file", {"body": {}}, source="/p").to_json(), "data.body.matter"),
    (
        order_event(CITY, "file", {"body": {**FILING, "x": 1}}, source="/p").to_json(),
        "data.body.x",
    ),
    (
        order_event(
            CITY, "file", {"body": {**FILING, "applicant": {"name": ""}}}, source="/p"
        ).to_json(),
        "data.body.applicant.name",
    ),
    (
        order_event(
            CITY, "file", {"body": FILING, "case_no": "1", "reference": "2"}, source="/p"
        ).to_json(),
        "data",
    ),
]


async def test_each_of_a_thousand_malformed_messages_is_buried_with_the_field_at_fault(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(settings, tmp_path) as city:
        subject = f"cmd.{CITY}.zjj.portal.case.file"
        for _ in range(2):
            await publish_whole(city.bus, [(subject, body) for body, _ in MALFORMED] * 62)
        await city.until(lambda: len(city.answers) == 2 * 62 * len(MALFORMED), 90)
        fields = {answer["field"] for answer in city.answers}
        assert fields == {field for _, field in MALFORMED}
        assert all(answer["dead_letter"] and answer["reason"] for answer in city.answers)
        assert city.inbox.letters()[1] == 2 * 62 * len(MALFORMED)
        assert city.reception.asked == []


async def test_orders_of_one_case_are_carried_out_in_the_order_of_the_stream(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(settings, tmp_path) as city:
        for n in range(40):
            data = {"reference": f"r-{n % 4}", "body": {"text": f"{n}"}}
            await city.send("urge", data, event_id=f"u-{n}")
        await city.until(lambda: len(city.answers) == 40)
        for case in range(4):
            texts = [
                int(request.body["text"])
                for request in city.reception.asked
                if request.reference == f"r-{case}"
            ]
            assert texts == sorted(texts)


async def test_what_a_dead_gateway_held_comes_before_what_is_new(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yichuang.gateway.ACK_WAIT_SECONDS", 3)
    async with held_by_the_dead(settings, 2) as bus:
        async with running(settings, tmp_path, purged=False) as city:
            await city.until(lambda: len(city.answers) == 5)
            assert [request.body["text"] for request in city.reception.asked] == list("01234")
        assert (await bus.jetstream().stream_info("CMD")).state.messages == 0


async def test_an_order_is_not_held_back_for_one_that_was_taken_out_of_the_stream(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yichuang.gateway.ACK_WAIT_SECONDS", 3)
    async with held_by_the_dead(settings, 2) as bus:
        first = (await bus.jetstream().stream_info("CMD")).state.first_seq
        assert await bus.jetstream().delete_msg("CMD", first)
        async with running(settings, tmp_path, purged=False) as city:
            await city.until(lambda: len(city.answers) == 4)
            assert [request.body["text"] for request in city.reception.asked] == list("1234")


@asynccontextmanager
async def held_by_the_dead(settings: Settings, held: int) -> AsyncIterator[Client]:
    """Five orders of one case in the stream, the first `held` given to a gateway that died."""
    bus = await connect(settings, "admin")
    js = bus.jetstream()
    await subjects.declare(js, "CMD", "RPL", "DLQ")
    await js.purge_stream("CMD")
    await Gateway(bus, CITY, PlainReception(), cast(Inbox, None), service).declare()
    for n in range(5):
        data = {"reference": "r", "body": {"text": f"{n}"}}
        event = order_event(CITY, "urge", data, source="/portal", event_id=f"{uuid4()}")
        await js.publish(f"cmd.{CITY}.zjj.portal.case.urge", event.to_json())
    dead = await js.pull_subscribe_bind(durable=CONSUMER, stream="CMD")
    assert len(await dead.fetch(held)) == held
    await dead.unsubscribe()
    yield bus
    await bus.close()


async def test_an_order_waits_while_the_world_is_away_and_keeps_its_place(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(settings, tmp_path) as city:
        city.reception.away = 1
        for n in range(3):
            data = {"reference": "r", "body": {"text": f"{n}"}}
            await city.send("urge", data, event_id=f"w-{n}")
        await city.until(lambda: len(city.answers) == 3)
        assert [request.body["text"] for request in city.reception.asked] == ["0", "1", "2"]


async def test_an_answer_survives_the_gateway_and_is_given_again_by_the_next_one(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(settings, tmp_path) as city:
        await city.send("file", {"body": FILING}, event_id="old")
        await city.until(lambda: len(city.answers) == 1)
    async with running(settings, tmp_path) as later:
        await later.send("file", {"body": FILING}, event_id="old")
        await later.until(lambda: len(later.answers) == 1)
        assert later.reception.asked == []
        assert later.answers[0]["outcome"]["repeated"]
        assert later.answers[0]["outcome"]["case_no"] == "NO-1"


async def test_a_broken_envelope_is_answered_under_the_id_that_it_shows(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(settings, tmp_path) as city:
        await city.raw(b'{"specversion": "0.3", "id": "old-style"}')
        await city.until(lambda: len(city.answers) == 1)
        assert city.answers[0]["event_id"] == "old-style"
        assert city.answers[0]["dead_letter"]


async def test_a_user_nobody_registered_is_buried_not_obeyed(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(settings, tmp_path) as city:
        await city.send("file", {"body": FILING}, event_id="x", user="other")
        await city.until(lambda: len(city.answers) == 1)
        assert city.inbox.letters()[0][0].reason == "unknown_sender"


async def test_a_mended_letter_is_read_back_and_may_be_settled_once(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(settings, tmp_path) as city:
        await city.raw(b"{")
        await city.until(lambda: len(city.answers) == 1)
        number = city.inbox.letters()[0][0].id
        assert city.inbox.letter(number).body == b"{"
        city.inbox.mend(number, b"{}", "u:mender")
        assert city.inbox.letter(number).body == b"{}"
        city.inbox.settle(number, "replayed", "u:mender")
        with pytest.raises(NoSuchLetter):
            city.inbox.settle(number, "discarded", "u:mender")


async def test_a_letter_that_was_sent_again_names_the_case_that_came_of_it(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(settings, tmp_path) as city:
        bad = order_event(CITY, "file", {"body": {**FILING, "x": 1}}, source="/p", event_id="m")
        await city.raw(bad.to_json())
        await city.until(lambda: len(city.answers) == 1)
        number = city.inbox.letters()[0][0].id
        assert city.inbox.answer_to(city.inbox.letter(number)) is None
        good = order_event(CITY, "file", {"body": FILING}, source="/p", event_id="m").to_json()
        city.inbox.mend(number, good, "u:mender")
        await city.raw(city.inbox.letter(number).body)
        await city.until(lambda: len(city.answers) == 2)
        answer = city.inbox.answer_to(city.inbox.letter(number))
        assert answer is not None and (answer.status, answer.case_no) == ("done", "NO-1")


async def test_the_bytes_of_a_dead_letter_do_not_lie_in_the_store_in_clear(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(settings, tmp_path) as city:
        await city.raw("{张三的身份证号".encode())
        await city.until(lambda: len(city.answers) == 1)
    assert "张三".encode() not in stored_bytes(tmp_path)
