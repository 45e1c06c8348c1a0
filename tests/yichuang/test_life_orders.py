"""Orders of systems to projects and incidents over NATS: a real server with the permissions of
their accounts, the gateway with its register, the doors, policy, workflow and rows behind it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import nats
import orjson
import pytest
from jsonschema import Draft202012Validator
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.js.errors import Error as JetStreamError

from benchmarks.ground import Process
from cases.database import open_engine
from cases.messages import Actor, Grant, Outcome
from cases.reception import NotNow, Reception, Request
from policies.policy import load_policy
from tests.incidents import town as incidents
from tests.projects.town import LEAD, paper
from tests.projects.town import Town as ProjectTown
from tests.projects.town import installation as installation_of_projects
from tests.projects.town import town_of as town_of_projects
from tests.serving import accounts_of
from yichuang import asyncapi, joining
from yichuang.bus import connect, inbox_of
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.events import EventInvalid, read
from yichuang.gateway import Gateway
from yichuang.inbox import Inbox
from yichuang.life_reception import WithLives, incident_kind, project_kind
from yichuang.orders import LIFE_ORDERS, order_event, request_of
from yichuang.services import Services
from yichuang.settings import Settings
from yichuang.subjects import parse_order
from yichuang.unit_incidents import UnitIncidents

CITY = "yunchuan"
SOURCE = incidents.SOURCE.model_copy(update={"door": "nats"})


def system(name: str, role: str, department: str) -> Actor:
    return Actor(
        id=f"s:{name}", kind="service", department=department, clearance=2,
        grants=(Grant(role=role, department=department),),
    )  # fmt: skip


OURS = system("gx-sys", "service_project", "gxj")
"""The system of 实施机构."""
THEIRS = system("spv-sys", "service_project", "spv1")
"""The operator's."""
STRANGE = system("sw-sys", "service_project", "sw")
SYSTEMS = (OURS, THEIRS, STRANGE)


# --- what is understood -------------------------------------------------------------------------

RIGHT: Mapping[str, Mapping[str, Any]] = {
    "project.forecast": {"milestone": "scheme", "on": "2027-01-05"},
    "project.add_evidence": {"milestone": "scheme", "paper": {"name": "方案", "sha256": "a" * 64}},
    "project.achieve": {"milestone": "scheme", "on": "2026-11-27"},
    "project.add_security": {
        "kind": "guarantee", "title": "履约保函", "issuer": "银行", "amount_fen": 1,
        "until": "2027-01-01", "paper": {"name": "保函", "sha256": "a" * 64},
    },
    "project.renew_security": {
        "security": "s1", "until": "2028-01-01", "paper": {"name": "保函", "sha256": "a" * 64},
    },
    "project.list_assets": {
        "assets": [{"name": "泵", "quantity": 2, "unit": "台", "condition": "good"}],
        "paper": {"name": "清单", "sha256": "a" * 64},
    },
    "project.record_test": {
        "name": "性能", "passed": True, "on": "2026-11-27",
        "paper": {"name": "报告", "sha256": "a" * 64},
    },
    **{f"incident.{verb}": {"department": "sw"} for verb in
       ("acknowledge", "set_out", "arrive", "answer")},
    "incident.progress": {"department": "sw", "text": "正在抢修"},
}  # fmt: skip
ALL = [f"{thing}.{verb}" for thing, verbs in LIFE_ORDERS.items() for verb in verbs]


def understood(name: str, data: Mapping[str, Any], kind: str = "") -> Request:
    thing, verb = name.split(".")
    subject = parse_order(f"cmd.{CITY}.gxj.gx-sys.{name}")
    assert subject is not None
    event = order_event(CITY, verb, dict(data), source="/x", event_id="1", thing=kind or thing)
    return request_of(event, subject)


def test_every_order_has_an_example_a_schema_and_a_right() -> None:
    assert set(RIGHT) == set(ALL)
    allowed = {
        f"{row.object_type}.{row.act}"
        for row in load_policy().rows
        if row.role in ("service_project", "service_unit") and row.object_type in LIFE_ORDERS
    }
    assert allowed - {f"{one}.{act}" for one in LIFE_ORDERS for act in ("read", "list")} == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_an_order_is_understood_and_what_its_schema_refuses_the_door_refuses(name: str) -> None:
    body = RIGHT[name]
    schema = Draft202012Validator(asyncapi.schemas()[f"{name}.v1.json"])
    for named in ({"number": "云项〔2026〕1号"}, {"id": "p-1"}):
        data = {**named, "body": body}
        assert schema.is_valid(data)
        request = understood(name, data)
        assert (request.verb, request.body) == (name, body)
        assert (request.case_no, request.case_id) == (named.get("number", ""), named.get("id", ""))
    first = next(iter(body))
    for wrong, field_ in (
        ({"body": body}, "data.number"),
        ({"number": "1", "id": "2", "body": body}, "data.number"),
        ({"number": "1"}, "data.body"),
        ({"number": "1", "body": {**body, first: []}}, f"data.body.{first}"),
        ({"number": "1", "body": {**body, "more": 1}}, "data.body.more"),
        ({"number": "1", "body": {k: v for k, v in body.items() if k != first}},
         f"data.body.{first}"),
    ):  # fmt: skip
        assert not schema.is_valid(wrong), wrong
        with pytest.raises(EventInvalid) as no:
            understood(name, wrong)
        assert no.value.field == field_


@pytest.mark.parametrize(
    "name",
    ["project.establish", "project.pass_gate", "project.ring", "incident.refuse_dispatch",
     "incident.verify", "incident.close"],
)  # fmt: skip
def test_what_is_a_persons_order_or_the_laws_is_no_order_of_a_system(name: str) -> None:
    with pytest.raises(EventInvalid) as no:
        understood(name, {"number": "1", "body": {}})
    assert no.value.field == "type"


def test_an_order_says_in_its_type_what_its_subject_says() -> None:
    with pytest.raises(EventInvalid) as no:
        understood("project.achieve", {"number": "1", "body": {}}, kind="incident")
    assert no.value.field == "type"


# --- a city with systems ------------------------------------------------------------------------


class Nobody(Reception):
    """There is no case in these tests."""

    async def handle(self, *_asked: Any) -> tuple[Outcome, ...]:
        raise NotNow("no case is ordered to")


@dataclass
class Bus:
    """One system at the bus, and what it was answered."""

    client: Client
    user: str
    department: str
    faults: list[str]
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    """Ids of the events answered, in order."""

    async def hear(self) -> None:
        async def take(message: Any) -> None:
            answer = read(message.data).data
            self.answers[answer["event_id"]] = answer
            self.heard.append(answer["event_id"])

        await self.client.subscribe(f"rpl.{CITY}.{self.user}.>", cb=take)
        await self.client.flush()

    async def order(
        self, name: str, body: Mapping[str, Any], key: str = "", **named: str
    ) -> dict[str, Any]:
        """Publish an order, wait for its answer, return it."""
        thing, verb = name.split(".")
        key = key or str(uuid4())
        event = order_event(
            CITY, verb, {**named, "body": dict(body)}, source="/sys", event_id=key, thing=thing
        )
        subject = f"cmd.{CITY}.{self.department}.{self.user}.{name}"
        before = len(self.heard)
        await self.client.jetstream().publish(subject, event.to_json())
        deadline = time.monotonic() + 30
        while key not in self.heard[before:]:
            assert time.monotonic() < deadline, (name, self.answers)
            await asyncio.sleep(0.02)
        return self.answers[key]


@contextmanager
def server_of(settings: Settings) -> Iterator[None]:
    """Run a NATS server with the permissions of the city's accounts; their seeds lie beside."""
    accounts = accounts_of(open_engine(settings.store_url("web")))
    for one in SYSTEMS:
        login = one.id[2:]
        accounts.seed_service(
            login, list(one.grants), embedded.public_key(settings, login), datetime.now(UTC)
        )  # fmt: skip
    ground.prepare_folder(settings)
    ground.take_ports(settings, ("nats",))
    with subprocess.Popen(embedded.command(settings), stderr=subprocess.DEVNULL) as server:
        deadline = time.monotonic() + 20
        while asyncio.run(embedded.answers(settings)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        try:
            yield
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def installed() -> Iterator[tuple[Settings, Any]]:
    with installation_of_projects() as (settings, shop):
        settings = settings.model_copy(update={"city": CITY})
        with server_of(settings):
            yield settings, shop


@asynccontextmanager
async def gateway_of(settings: Settings, town: ProjectTown) -> AsyncIterator[Inbox]:
    """The gateway as its process has it, with the town's door behind it."""
    store = open_engine(settings.store_url("gateway"))
    sealer = joining.sealer_of(settings, joining.vault_of(settings))
    inbox = Inbox(store, joining.vault_of(settings, store), sealer.who)
    reception = WithLives(
        Nobody(),
        {"project": project_kind(town.door)},
        access=joining.access_of(settings, "web"),
        engine=open_engine(settings.store_url("cases"), read_only=True),
        now=town.now,
    )
    services = Services(open_engine(settings.store_url("web"), read_only=True))
    own = await connect(settings, "gateway")
    gateway = Gateway(own, CITY, reception, inbox, services.actor)
    await gateway.declare()
    stop = asyncio.Event()
    work = asyncio.create_task(gateway.run(stop, lambda: None))
    try:
        yield inbox
    finally:
        stop.set()
        await work
        await own.close()


@asynccontextmanager
async def at_the_bus(settings: Settings, who: Actor) -> AsyncIterator[Bus]:
    user, faults = who.id[2:], list[str]()

    async def fault(error: Exception) -> None:
        faults.append(str(error).lower())

    client = await nats.connect(
        settings.nats, nkeys_seed=str(settings.nats_seed(user)),
        inbox_prefix=inbox_of(user).encode(), error_cb=fault,
    )  # fmt: skip
    bus = Bus(client, user, who.department, faults)
    await bus.hear()
    yield bus
    await client.close()


async def test_a_milestone_is_forecast_proved_and_reached_by_the_systems_of_both_sides(
    installed: tuple[Settings, Any],
) -> None:
    settings, shop = installed
    async with town_of_projects(settings, shop) as town, town.working():
        key, number = await ground_of(town)
        async with (
            gateway_of(settings, town) as inbox,
            at_the_bus(settings, OURS) as ours,
            at_the_bus(settings, THEIRS) as theirs,
            at_the_bus(settings, STRANGE) as strange,
        ):
            today = town.today.isoformat()
            forecast = {"milestone": "scheme", "on": today}
            first = await theirs.order("project.forecast", forecast, "f-1", number=number)
            assert first["outcome"]["status"] == "done" and not first["outcome"]["repeated"]
            assert (first["outcome"]["case_no"], first["outcome"]["case_id"]) == (number, key)
            seq = town.state(key).seq

            # The same message twice is one order.
            again = await theirs.order("project.forecast", forecast, "f-1", number=number)
            assert again["outcome"] == {**first["outcome"], "repeated": True}
            assert town.state(key).seq == seq

            proved = await theirs.order(
                "project.add_evidence", {"milestone": "scheme", "paper": paper("特许经营方案")},
                number=number,
            )  # fmt: skip
            assert proved["outcome"]["status"] == "done"

            # Who operates proves; who carries out says that it is reached.
            achieve = {"milestone": "scheme", "on": today}
            no = await theirs.order("project.achieve", achieve, number=number)
            assert (no["outcome"]["status"], no["outcome"]["code"]) == ("refused", "no_right")
            assert "实施机构" in no["reason"]
            early = await ours.order(
                "project.achieve", {"milestone": "feasibility", "on": today}, id=key
            )
            assert early["outcome"]["status"] == "refused" and early["outcome"]["reason"]
            done = await ours.order("project.achieve", achieve, id=key)
            assert done["outcome"]["status"] == "done"
            reached = town.state(key).milestone("scheme")
            assert reached is not None and reached.achieved

            await told_nothing(strange, key, number)
            await buried(theirs, inbox, number)
            await held_by_nats(theirs, ours)
        entries = [one for one in town.entries(f"project:{key}") if one["res"] == "ok"]
        assert [one["act"] for one in entries[-3:]] == ["forecast", "add_evidence", "achieve"]
        for one in entries[-3:]:
            assert (one["from"]["svc"], one["who"]["kind"]) == ("nats", "service")
            assert one["who"]["role"] == "service_project" and one["pol"]
        assert [one["who"]["org"] for one in entries[-3:]] == ["spv1", "spv1", "gxj"]


async def ground_of(town: ProjectTown) -> tuple[str, str]:
    """Return id and number of a concession that spv1 operates."""
    key = await town.established()
    signed = {"operator": "spv1", "number": "XY-1", "signed_on": town.today.isoformat(),
              "ends_on": town.today.replace(year=town.today.year + 30, day=1).isoformat(),
              "tender_days": 30, "sale_days": 5, "candidate_days": 3}  # fmt: skip
    await town.done(LEAD, key, "sign_contract", signed)
    return key, town.state(key).number


async def told_nothing(strange: Bus, key: str, number: str) -> None:
    """A project of others is answered as one that is not there."""
    body = {"milestone": "scheme", "on": "2027-01-01"}
    for there, nowhere in (({"number": number}, {"number": "云项〔2026〕9999号"}),
                           ({"id": key}, {"id": str(uuid4())})):  # fmt: skip
        answers = [await strange.order("project.forecast", body, **one) for one in (there, nowhere)]
        told = []
        for answer, one in zip(answers, (there, nowhere), strict=True):
            outcome = answer["outcome"]
            assert outcome["code"] == "unknown_project"
            assert one.get("number", "") == outcome["case_no"]
            assert one.get("id", "") == outcome["case_id"]
            told.append({name: value for name, value in outcome.items()
                         if name not in ("command_id", "case_no", "case_id")})  # fmt: skip
        assert told[0] == told[1]


async def buried(theirs: Bus, inbox: Inbox, number: str) -> None:
    """What is malformed becomes a dead letter with its reason, and is answered so."""
    answer = await theirs.order(
        "project.forecast", {"milestone": "scheme", "on": "yesterday"}, number=number
    )
    assert answer["dead_letter"] and answer["field"] == "data.body.on" and answer["reason"]
    letters, _ = await asyncio.to_thread(inbox.letters)
    assert (letters[0].field, letters[0].subject.split(".")[-2:]) == (
        "data.body.on", ["project", "forecast"],
    )  # fmt: skip
    answer = await theirs.order("project.pass_gate", {"milestone": "scheme"}, number=number)
    assert answer["dead_letter"] and answer["field"] == "type" and "pass_gate" in answer["reason"]


async def held_by_nats(theirs: Bus, ours: Bus) -> None:
    """The server itself lets a system publish no other order, for no other, as no other."""
    js = theirs.client.jetstream()
    for subject in (
        f"cmd.{CITY}.spv1.spv-sys.case.file", f"cmd.{CITY}.gxj.spv-sys.project.achieve",
        f"cmd.{CITY}.spv1.gx-sys.project.achieve", f"cmd.{CITY}.spv1.spv-sys.plan.report",
        f"cmd.{CITY}.spv1.spv-sys.incident.answer", f"tel.{CITY}.spv1.spv-sys.readings",
    ):  # fmt: skip
        before = len(theirs.faults)
        with pytest.raises((JetStreamError, nats.errors.Error, TimeoutError)):
            await js.publish(subject, b"{}", timeout=0.3)
        assert any("permissions violation" in one for one in theirs.faults[before:]), subject
    await ours.client.jetstream().publish(f"cmd.{CITY}.gxj.gx-sys.payment.request", b"{}")
    before = len(ours.faults)
    await ours.client.subscribe(f"evt.{CITY}.gxj.project.changed")
    await ours.client.flush()
    assert ours.faults[before:] == []
    await ours.client.subscribe(f"evt.{CITY}.gxj.case.>")
    await ours.client.flush()
    await asyncio.sleep(0.1)
    assert any("permissions violation" in one for one in ours.faults[before:])


async def test_a_service_whose_role_is_taken_back_orders_nothing_more(
    installed: tuple[Settings, Any],
) -> None:
    from tests.granting import regrant

    settings, shop = installed
    async with town_of_projects(settings, shop) as town, town.working():
        key, number = await ground_of(town)
        reception = WithLives(
            Nobody(), {"project": project_kind(town.door)},
            access=joining.access_of(settings, "web"),
            engine=open_engine(settings.store_url("cases"), read_only=True), now=town.now,
        )  # fmt: skip
        request = Request(
            id="m:1", verb="project.forecast", case_no=number,
            body={"milestone": "scheme", "on": "2027-01-01"},
        )  # fmt: skip
        web = open_engine(settings.store_url("web"))
        regrant(web, THEIRS.id, [])
        (outcome,) = await reception.handle(THEIRS, SOURCE, (request,))
        # The door still believed it; where it is settled its account is read anew.
        assert (outcome.status, outcome.code) == ("refused", "right_ended"), outcome
        regrant(web, THEIRS.id, list(THEIRS.grants))
        assert town.state(key).seq == 2


async def test_the_gateways_own_process_has_the_doors(installed: tuple[Settings, Any]) -> None:
    """Temporal is not asked for what is not there: the register and the server are enough."""
    settings, _ = installed
    process = Process(
        settings, "gateway", [sys.executable, "-u", "-m", "yichuang.cli", "run", "gateway"]
    )
    process.start()
    try:
        async with at_the_bus(settings, THEIRS) as theirs:
            told = await asked_once_there(theirs, {"department": "spv1"})
            assert told == {"ok": True, "data": {"incidents": []}}, process.words()
            told = await asked_once_there(theirs, {"department": "sw"})
            assert told["problem"]["status"] == 403
            body = {"milestone": "scheme", "on": "2027-01-01"}
            answer = await theirs.order("project.forecast", body, number="云项〔1999〕1号")
            assert answer["outcome"]["code"] == "unknown_project", process.words()
    finally:
        process.stop()


async def asked_once_there(bus: Bus, asked: Mapping[str, str]) -> Any:
    """Ask for the open incidents, as soon as there is a gateway to answer."""
    deadline = time.monotonic() + 60
    while True:
        try:
            question = f"qry.{CITY}.{bus.user}.incident.open"
            reply = await bus.client.request(question, orjson.dumps(asked), timeout=20)
        except NoRespondersError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        else:
            return orjson.loads(reply.data)


# --- a unit's own system ------------------------------------------------------------------------

WATER = system("sw-duty", "service_unit", "sw")
GAS = system("rq-duty", "service_unit", "rq")


@pytest.fixture(scope="module")
def night() -> Iterator[tuple[Settings, Any]]:
    from benchmarks import ground as bench

    with incidents.installation() as (settings, shop):
        bench.admit(settings, WATER, GAS)
        yield settings, shop


async def test_a_units_system_takes_a_dispatch_to_its_end_and_no_other_units(
    night: tuple[Settings, Any],
) -> None:
    settings, shop = night
    async with incidents.town_of(settings, shop) as town:
        key = await town.sent("sw")
        number = town.state(key).number
        access = joining.access_of(settings, "web")
        engine = open_engine(settings.store_url("cases"), read_only=True)
        desk = UnitIncidents(engine, access)
        reception = WithLives(
            Nobody(), {"incident": incident_kind(town.door)}, access=access, engine=engine,
            now=town.now,
        )  # fmt: skip

        async def order(who: Actor, verb: str, id: str = "", **body: Any) -> Outcome:
            request = Request(
                id=id or f"m:{uuid4()}", verb=f"incident.{verb}", case_no=number,
                body={"department": who.department, **body},
            )  # fmt: skip
            (outcome,) = await reception.handle(who, SOURCE, (request,))
            return outcome

        (waiting,) = desk.open(WATER, "sw")
        assert (waiting["number"], waiting["unit"]["state"]) == (number, "dispatched")
        assert waiting["unit"]["acknowledged_at"] is None and "reporter" not in str(waiting)
        assert desk.open(GAS, "rq") == desk.open(GAS, "sw") == desk.open(OURS, "sw") == []

        hidden = await order(GAS, "acknowledge")
        assert (hidden.status, hidden.code) == ("refused", "unknown_incident")
        for_another = await order(WATER, "acknowledge", department="rq")
        assert (for_another.status, for_another.code) == ("refused", "no_right")
        for verb, text_ in (("acknowledge", ""), ("set_out", ""), ("arrive", "已到"),
                            ("progress", "关阀"), ("answer", "已修复")):  # fmt: skip
            said = {"text": text_} if text_ else {}
            done = await order(WATER, verb, f"m:{verb}", **said)
            assert done.status == "done", (verb, done)
            again = await order(WATER, verb, f"m:{verb}", **said)
            assert again.repeated and again.seq == done.seq
        (answered,) = [one for one in town.state(key).units if one.department == "sw"]
        assert answered.state == "answered"
        entries = town.entries(f"incident:{key}")[-5:]
        assert {one["who"]["role"] for one in entries} == {"service_unit"}
        assert {one["from"]["svc"] for one in entries} == {"nats"}
        # Nobody of a unit speaks as the command centre.
        as_the_centre = {"text": "全市已恢复供水"}
        assert await town.refused(incidents.WATER, key, "progress", as_the_centre) == "no_right"
        assert await town.refused(WATER, key, "progress", as_the_centre) == "no_right"
        await town.done(incidents.DUTY, key, "progress", as_the_centre)
        # What is decided, checked or refused stays with people.
        refusal = {"department": "sw", "ground": "not_ours", "evidence": "不在管网图上"}
        for verb, body in (("verify", {"true": True}), ("refuse_dispatch", refusal), ("close", {}),
                           ("check", {"passed": True})):  # fmt: skip
            assert await town.refused(WATER, key, verb, body) in ("no_right", "forbidden"), verb
        await town.done(incidents.EVALUATOR, key, "check", {"passed": True})
        await town.done(incidents.COMMANDER, key, "close")
        assert desk.open(WATER, "sw") == []
