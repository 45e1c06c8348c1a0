"""Orders put into Temporal by another way than our doors: refused, an entry, an alarm.

The attacker has Temporal and the codec's key, and no pen of a door.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.alarming import Alarms
from activities.forging import FORGED, STANDS, ForgeryWatch
from audit.tables import audit_outbox
from benchmarks import ground
from benchmarks.step import CLERK, PEOPLE, SOURCE, catalogue
from cases import alarms
from cases.database import open_engine, reading
from cases.messages import Command
from cases.orders import Answers, ApprovalInput, Orders
from cases.payments import RequestPayment, payment_id
from cases.reception import Request
from cases.tables import outbox
from policies.access import Access
from policies.warrants import WarrantSigner
from tests.cases.test_payments import body
from tests.yichuang.registry import FILING
from tests.yichuang.test_payments import clerk
from workflows.approval import ApprovalWorkflow, timer_command, workflow_id
from workflows.payments import PaymentWorkflow, payment_workflow_id
from workflows.releases import ReleaseWorkflow, release_workflow_id
from yichuang import joining, temporal
from yichuang.reception import CityReception
from yichuang.refusals import RefusalLog
from yichuang.settings import Settings


class Attacked:
    """A city with the vendor's server and a worker process of its own, and who attacks it."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self.settings, self.client = settings, client
        self.cases = open_engine(settings.store_url("cases"))
        self.door: Access = joining.access_of(settings, "web")
        sealer = joining.sealer_of(settings, joining.vault_of(settings))
        self.queries = joining.queries_of(settings, sealer)
        self.reception = CityReception(
            client,
            settings.temporal_task_queue,
            access=self.door,
            queries=self.queries,
            catalogue=catalogue,
            refusals=RefusalLog(open_engine(settings.store_url("web")), "web", sealer.who),
        )

    def ordered(self, verb: str, case: str, body: dict[str, Any] | None = None) -> Command:
        """Return an order with the very warrant that the web would sign."""
        plain = Command(
            id=str(uuid4()), verb=verb, case_id=case, body=body or {}, actor=CLERK, source=SOURCE,
            occurred_at=datetime.now(UTC),
        )  # fmt: skip
        facts = self.queries.case_facts(case)
        assert facts is not None
        warrant = self.door.warrant(plain, facts, datetime.now(UTC))
        return plain.model_copy(update={"warrant": warrant})

    async def filed(self) -> str:
        request = Request(id=str(uuid4()), verb="file", body=FILING, case_id=str(uuid4()))
        (outcome,) = await self.reception.handle(CLERK, SOURCE, (request,))
        assert outcome.status == "done", outcome
        return outcome.case_id

    async def inject(self, case: str, command: Command, update_id: str = "") -> str:
        """Hand the order to the case's workflow; return the code of the refusal, empty: done."""
        handle = self.client.get_workflow_handle_for(ApprovalWorkflow.run, workflow_id(case))
        try:
            answers: Answers = await handle.execute_update(
                ApprovalWorkflow.act, Orders(commands=(command,)), id=update_id or str(uuid4())
            )
        except WorkflowUpdateFailedError as refused:
            assert isinstance(refused.cause, ApplicationError)
            return str(refused.cause.details[0]["code"])
        (outcome,) = answers.outcomes
        return outcome.code

    def alarm(self, thing: str, name: str) -> alarms.KeptAlarm | None:
        with reading(self.cases) as connection:
            ringing = alarms.open_alarms(connection, FORGED)
        key = f"{FORGED}:{thing}:{name}"
        return next((one for one in ringing if one.alarm.key == key), None)

    def denied(self, stream: str) -> list[tuple[str, str, str]]:
        """Return act, reason and actor of the refusals in a stream."""
        with reading(self.cases) as connection:
            rows = connection.execute(
                select(audit_outbox.c.body)
                .where(audit_outbox.c.stream == stream)
                .order_by(audit_outbox.c.seq)
            ).scalars()
            bodies = [orjson.loads(bytes(one)) for one in rows]
        return [(b["act"], b["why"], b["who"]["id"]) for b in bodies if b["res"] == "deny"]


@pytest.fixture(scope="module")
def installed() -> Iterator[Settings]:
    with ground.installed() as settings:
        ground.admit(settings, *PEOPLE, clerk())
        yield settings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city(installed: Settings) -> AsyncIterator[Attacked]:
    server = ground.TemporalServer(installed)
    worker = ground.worker(installed, "benchmarks.step", "ours")
    try:
        server.start()
        await server.until_ready()
        worker.start()
        worker.until_it_says(ground.READY)
        yield Attacked(installed, await temporal.connect(installed))
    finally:
        worker.stop()
        server.kill()


pytestmark = pytest.mark.asyncio(loop_scope="module")


def _bare(city: Attacked, good: Command) -> Command:
    return good.model_copy(update={"warrant": None})


def _warrant(good: Command, **changes: Any) -> Command:
    assert good.warrant is not None
    return good.model_copy(update={"warrant": good.warrant.model_copy(update=changes)})


def _other_pen(city: Attacked, good: Command) -> Command:
    assert good.warrant is not None
    pen = WarrantSigner("web", Ed25519PrivateKey.generate())
    return good.model_copy(update={"warrant": pen.sign(good.warrant)})


def _of_no_policy(city: Attacked, good: Command) -> Command:
    assert good.warrant is not None
    pen = joining.warrant_signer(city.settings, "web")
    named = good.warrant.model_copy(update={"policy": "sha256:" + "0" * 32})
    return good.model_copy(update={"warrant": pen.sign(named)})


def _long_expired(city: Attacked, good: Command) -> Command:
    assert good.warrant is not None
    pen, then = joining.warrant_signer(city.settings, "web"), timedelta(days=2)
    old = good.warrant.model_copy(
        update={
            "issued_at": good.warrant.issued_at - then,
            "expires_at": good.warrant.expires_at - then,
        }
    )
    return good.model_copy(update={"warrant": pen.sign(old)})


def _of_law(city: Attacked, good: Command) -> Command:
    state = city.queries.state(good.case_id)
    assert state is not None
    return timer_command(good.case_id, state.timers[0])


def _more_for_it(city: Attacked, good: Command) -> Command:
    return good.model_copy(update={"actor": good.actor.model_copy(update={"clearance": 4})})


FORGERIES: dict[str, tuple[Callable[[Attacked, Command], Command], str]] = {
    "no warrant": (_bare, "no_warrant"),
    "another expiry": (
        lambda _, good: _warrant(good, expires_at=datetime.now(UTC) + timedelta(days=1)),
        "bad_signature",
    ),
    "another row": (lambda _, good: _warrant(good, row="sysadmin, …"), "bad_signature"),
    "an unknown door": (lambda _, good: _warrant(good, issuer="back"), "unknown_issuer"),
    "a pen of one's own": (_other_pen, "bad_signature"),
    "an actor with more": (_more_for_it, "wrong_warrant"),
    "a policy that never was": (_of_no_policy, "unknown_policy"),
    "kept for days": (_long_expired, "warrant_expired"),
    "an order of the law": (_of_law, "wrong_case"),
}


@pytest.mark.parametrize("name", list(FORGERIES))
async def test_what_no_door_has_sent_is_refused_recorded_and_alarmed(
    city: Attacked, name: str
) -> None:
    forge, code = FORGERIES[name]
    case = await city.filed()
    good = city.ordered("accept", case)
    assert await city.inject(case, forge(city, good)) == code
    verb = "timer_fired" if code == "wrong_case" else "accept"
    assert city.denied(f"case:{case}") == [(verb, code, "unknown")]
    ringing = city.alarm("case", case)
    assert ringing is not None and ringing.alarm.detail["code"] == code
    assert "Temporal" in ringing.alarm.text
    # The order itself is not spoilt: its id has no answer yet, and the door's own goes through.
    assert await city.inject(case, good) == ""
    assert city.denied(f"case:{case}") == [(verb, code, "unknown")]


async def test_a_warrant_of_another_case_opens_none(city: Attacked) -> None:
    mine, other = await city.filed(), await city.filed()
    good = city.ordered("accept", mine)
    assert await city.inject(other, good) == "wrong_case"
    assert city.alarm("case", other) is not None and city.alarm("case", mine) is None
    moved = good.model_copy(update={"case_id": other})
    assert await city.inject(other, moved) == "wrong_warrant"
    assert await city.inject(mine, good) == ""


async def test_an_order_replayed_gets_its_old_answer_and_nothing_happens_twice(
    city: Attacked,
) -> None:
    case = await city.filed()
    good = city.ordered("accept", case)
    assert await city.inject(case, good) == ""
    assert await city.inject(case, good, "another update") == ""
    state = city.queries.state(case)
    assert state is not None and state.seq == 2
    assert city.alarm("case", case) is None
    stripped = _warrant(good, signature="AAAA")
    assert await city.inject(case, stripped, "a third") == "bad_signature"
    assert city.alarm("case", case) is not None


async def test_an_event_tells_nats_of_it(city: Attacked) -> None:
    case = await city.filed()
    await city.inject(case, _bare(city, city.ordered("accept", case)))
    with reading(city.cases) as connection:
        events = connection.execute(
            select(outbox.c.subject, outbox.c.event).where(outbox.c.case_id == case)
        ).all()
    (told,) = [orjson.loads(one.event) for one in events if ".alarm.raised" in one.subject]
    assert told["data"]["kind"] == FORGED


async def test_a_payment_and_a_version_are_no_way_around(city: Attacked) -> None:
    name = str(uuid4())
    plain = Command(
        id=name, verb="payment_request", case_id=payment_id(name),
        body=RequestPayment.model_validate(body(department="fgw")).model_dump(mode="json"),
        actor=clerk(), source=SOURCE, occurred_at=datetime.now(UTC),
    )  # fmt: skip
    paid = await city.client.execute_workflow(
        PaymentWorkflow.run, plain, id=payment_workflow_id(name),
        task_queue=city.settings.temporal_task_queue,
    )  # fmt: skip
    assert (paid.status, paid.code) == ("refused", "warrant_missing")
    assert city.alarm("payment", plain.case_id) is not None
    name = str(uuid4())
    proposal = plain.model_copy(
        update={
            "id": name, "verb": "release_propose", "case_id": "new:calendar",
            "body": {"kind": "calendar", "text": "x"},
        }
    )  # fmt: skip
    made = await city.client.execute_workflow(
        ReleaseWorkflow.run, proposal, id=release_workflow_id(name),
        task_queue=city.settings.temporal_task_queue,
    )  # fmt: skip
    assert (made.status, made.code) == ("refused", "warrant_missing")
    assert city.alarm("release", "new:calendar") is not None


async def test_a_case_that_is_not_there_is_not_begun_by_a_forged_filing(city: Attacked) -> None:
    case = str(uuid4())
    real = await city.filed()
    filing = city.ordered("accept", real).model_copy(update={"case_id": case, "verb": "file"})
    await city.client.start_workflow(
        ApprovalWorkflow.run, ApprovalInput(case_id=case), id=workflow_id(case),
        task_queue=city.settings.temporal_task_queue,
    )  # fmt: skip
    assert await city.inject(case, filing) == "wrong_warrant"
    assert city.queries.state(case) is None and city.alarm("case", case) is not None


async def test_the_alarm_ends_after_a_week_without_another(city: Attacked) -> None:
    case = await city.filed()
    await city.inject(case, _bare(city, city.ordered("accept", case)))
    rung = city.alarm("case", case)
    assert rung is not None
    bells = Alarms(city.settings.city, f"{city.settings.address}/schemas")
    early = ForgeryWatch(city.cases, bells, lambda: rung.updated_at + STANDS)
    assert rung.alarm.key not in early.look()[1]
    late = ForgeryWatch(
        city.cases, bells, lambda: rung.updated_at + STANDS + timedelta(microseconds=1)
    )
    assert rung.alarm.key in late.look()[1] and city.alarm("case", case) is None
