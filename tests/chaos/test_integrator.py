"""An integrator's trial on a real city: a construction permit over NATS from filing to rating.

Four departments review under a lead, each system a NATS user held to its own department; one
supplement round, one hearing called off; then a thousand repeats and a thousand malformed messages.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from cases.database import reading
from cases.tables import step
from tests.chaos import ledgers
from tests.chaos.city import City
from tests.chaos.clients import Integrators
from tests.chaos.scripts import (
    SERVE,
    SITE_FORM,
    SITE_PAPERS,
    Order,
    Script,
    filing,
    inspection,
    opinion,
)
from yichuang.events import read
from yichuang.orders import order_event
from yichuang.publishing import publish_whole
from yichuang.subjects import OrderSubject

pytestmark = [pytest.mark.long, pytest.mark.timeout(420)]

CITY = "demo"
SYSTEMS = {
    "portal": ("zjj",),
    "window": ("zjj",),
    "lead": ("zjj",),
    "head": ("zjj",),
    "land": ("zrzy",),
    "fire": ("xf",),
    "shelter": ("rf",),
}
DEPARTMENT = {"land": "zrzy", "fire": "xf", "shelter": "rf"}

LACKING = [{"code": "safety", "what": "保证工程质量和安全的具体措施", "why": "未附"}]
HEARING = {"kind": "hearing", "ground": "利害关系人要求听证", "expected_days": 20, "host": "u:host"}
CALLED_OFF = {"procedure": "hearing-1", "result": "申请人撤回听证申请", "cancelled": True}
ORDERS = (
    Order(
        "portal",
        "file",
        filing("construction-permit", SITE_FORM, SITE_PAPERS.replace(" safety", "")),
    ),
    Order("window", "ask_supplement", {"lacking": LACKING}),
    Order("portal", "supply", {"materials": [{"code": "safety", "originals": 1}]}),
    Order("window", "accept"),
    Order("land", "claim", {"task": "review-planning"}),
    Order("land", "opine", opinion("planning")),
    Order("lead", "start_procedure", HEARING),
    Order("lead", "inspect", inspection("housing")),
    Order("fire", "opine", opinion("fire")),
    Order(
        "lead", "end_procedure", {"procedure": "hearing-1", "result": "申请撤回", "cancelled": True}
    ),
    Order("shelter", "opine", opinion("civil-defence")),
    Order("lead", "opine", opinion("housing")),
    Order("lead", "gather", {"proposal": "grant", "text": "各部门均同意"}),
    Order("head", "decide", {"result": "grant", "reasons": "符合法定条件"}),
    Order("window", "certify", {"certificate": "建筑工程施工许可证", "number": "SG-1"}),
    Order("window", "serve", SERVE),
    Order("window", "close"),
    Order("portal", "rate", {"grade": 1}),
)
PERMIT = Script("permit", "zjj", ORDERS, ("ended", "granted"))


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with City(tmp_path_factory.mktemp("integrator"), {"nats_integrators": SYSTEMS}) as city:
        city.start()
        trial = Trial(city)
        asyncio.run(trial.run())
        yield trial


class Trial:
    """What came of the permit, of the repeats and of the malformed messages."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.case_no = ""
        self.first: dict[str, dict[str, Any]] = {}
        """Event id → its first outcome."""
        self.steps_before = 0
        self.again: list[dict[str, Any]] = []
        self.letters: list[tuple[str, dict[str, Any]]] = []
        """(Field that is wrong, answer)."""

    async def run(self) -> None:
        async with Departments(self.city, "") as systems:
            self.case_no = await systems.carry_out(PERMIT, "permit", patient=True)
            lines = systems.ledger.lines
            self.first = {line.event_id: line.answer or {} for line in lines}
            self.steps_before = self.steps()
            await self._repeat(systems)
            await self._malformed(systems)

    def steps(self) -> int:
        with reading(self.city.store("cases")) as connection:
            return len(connection.execute(step.select()).all())

    async def _repeat(self, systems: Departments) -> None:
        """Send every order of the case again, a thousand in all."""
        sent = list(systems.sent.items())
        chosen = [sent[n % len(sent)] for n in range(1_000)]
        by_user: dict[str, list[tuple[str, bytes]]] = {}
        for _, (user, subject, body) in chosen:
            by_user.setdefault(user, []).append((subject, body))
        for user, messages in by_user.items():
            await publish_whole(systems.bus_of(user), messages)
        answers = await self._answers(1_000 + len(ORDERS))
        self.again = [a for a in answers if a.get("outcome", {}).get("repeated")]

    async def _malformed(self, systems: Departments) -> None:
        bodies = [malformed(n) for n in range(1_000)]
        subject = str(OrderSubject(CITY, "zjj", "portal", "file"))
        await publish_whole(systems.bus_of("portal"), [(subject, body) for body, _ in bodies])
        answers = await self._answers(2_000 + len(ORDERS))
        letters = [answer for answer in answers if answer.get("dead_letter")]
        # In the order of the stream: an envelope without a readable id has no other name.
        self.letters = [(field, answer) for (_, field), answer in zip(bodies, letters, strict=True)]

    async def _answers(self, wanted: int) -> list[dict[str, Any]]:
        """Return every answer there is in RPL once there are so many (a minute at most)."""
        bus = await self.city.bus("admin")
        found = await kept(bus, "RPL", wanted)
        await bus.close()
        return found


class Departments(Integrators):
    """Integrators that order for their own department, and remember what they sent."""

    def __init__(self, city: City, token: str) -> None:
        super().__init__(city, token)
        self.sent: dict[str, tuple[str, str, bytes]] = {}

    def department_of(self, user: str, department: str) -> str:
        return DEPARTMENT.get(user, department)

    def note(self, event_id: str, user: str, subject: str, body: bytes) -> None:
        self.sent[event_id] = (user, subject, body)


async def kept(bus: Client, stream: str, wanted: int) -> list[dict[str, Any]]:
    """Return the data of a stream's messages once there are so many of them."""
    js = bus.jetstream()
    for _ in range(240):
        if (await js.stream_info(stream)).state.messages >= wanted:
            break
        await asyncio.sleep(0.5)
    await js.add_consumer(
        stream,
        ConsumerConfig(
            name=f"all-{wanted}",
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=60,
        ),
    )
    pull = await js.pull_subscribe_bind(consumer=f"all-{wanted}", stream=stream)
    left = (await js.stream_info(stream)).state.messages
    found = []
    while left > 0:
        messages = await pull.fetch(256, timeout=10)
        left -= len(messages)
        found += [read(message.data, message.headers).data for message in messages]
    return found


def malformed(n: int) -> tuple[bytes, str]:
    """Return the n-th malformed filing, and the field at fault as the answer must name it."""
    good = filing("construction-permit", SITE_FORM, SITE_PAPERS)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"body": {k: v for k, v in good.items() if k != "matter"}}, "data.body.matter"),
        ({"body": {**good, "applicant": {"name": ""}}}, "data.body.applicant.name"),
        ({"body": {**good, "colour": "red"}}, "data.body.colour"),
        (
            {"body": {**good, "materials": [{"code": "a", "copies": -1}]}},
            "data.body.materials.0.copies",
        ),
        ({"body": {**good, "channel": "pigeon"}}, "data.body.channel"),
        ({"body": good, "occurred_at": "yesterday"}, "data.occurred_at"),
        ({"body": good, "case_no": "1", "reference": "2"}, "data"),
    ]  # fmt: skip
    if n % 9 < len(wrong):
        data, field = wrong[n % 9]
        event = order_event(CITY, "file", data, source="/bad", event_id=f"bad-{n}")
        return event.to_json(), field
    whole = json.loads(
        order_event(CITY, "file", {"body": good}, source="/bad", event_id=f"bad-{n}").to_json()
    )
    if n % 9 == 7:
        return json.dumps({**whole, "type": f"cn.{CITY}.case.file.v9"}).encode(), "type"
    return json.dumps({**whole, "specversion": "9"}).encode(), "specversion"


def test_the_permit_goes_from_filing_to_rating(tried: Trial) -> None:
    assert {one["status"] for one in tried.first.values()} == {"done"}, tried.first
    shape = ledgers.shape_of(tried.city, tried.case_no)
    assert (shape["stage"], shape["ending"]) == PERMIT.ends
    assert [verb for verb, _ in shape["steps"]] == [order.verb for order in ORDERS]
    assert shape["documents"] == [
        "receipt", "supplement_notice", "acceptance_notice", "procedure_notice", "grant",
        "service_record",
    ]  # fmt: skip


def test_a_thousand_repeats_get_the_first_answers_and_change_nothing(tried: Trial) -> None:
    assert len(tried.again) == 1_000
    for answer in tried.again:
        first = {**tried.first[answer["event_id"]], "repeated": True}
        assert answer["outcome"] == first
    assert tried.steps() == tried.steps_before == len(ORDERS)
    assert ledgers.number_faults(tried.city) == []


def test_a_thousand_malformed_messages_are_dead_letters_that_name_the_field(tried: Trial) -> None:
    assert len(tried.letters) == 1_000
    wrong = Counter(
        (field, answer["field"]) for field, answer in tried.letters if field != answer["field"]
    )
    assert not wrong
    assert all(answer["reason"] for _, answer in tried.letters)
    assert len({answer["dead_letter"] for _, answer in tried.letters}) == 1_000


def test_the_log_verifies_afterwards(tried: Trial) -> None:
    city = tried.city

    def is_sealed() -> bool:
        said = city.answer("audit", "status")
        return said["entries"] == said["sealed"] and not any(said["waiting"].values())

    city.until(is_sealed, 60, "sealed")
    assert city.command("audit", "verify").returncode == 0
