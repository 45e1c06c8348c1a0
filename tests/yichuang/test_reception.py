"""The whole path of an order on real stores, with policy, warrants, rules and the sealed log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import Engine, func, select
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.papers import DocumentOrder
from audit.tables import audit_outbox
from benchmarks import ground
from benchmarks.step import (
    CLERK,
    FORM,
    HEAD,
    REVIEWER,
    SOURCE,
    TASK,
    NothingToPrint,
    catalogue,
    steps_of_a_case,
)
from cases.database import open_engine
from cases.messages import BODIES, OF_LAW, Actor, Grant, Outcome
from cases.queries import Queries
from cases.reception import NotNow, Request
from cases.tables import step
from cases.web_tables import refused_command
from tests.workflows.conftest import TEST_SERVER
from workflows.approval import ApprovalWorkflow, workflow_id
from yichuang import joining
from yichuang.codec import codec_of
from yichuang.reception import CityReception
from yichuang.refusals import RefusalLog
from yichuang.settings import Settings
from yichuang.temporal import data_converter, make_worker, master_keys
from yichuang.worker import Workshop, workshop


@pytest_asyncio.fixture
async def hidden(town: Town) -> str:
    """Return the id of a case of another department."""
    return await town.file()


STRANGER = Actor(id="u:stranger", department="zjj", clearance=3)
ORGAN = Actor(
    id="u:organ", department="scjg", clearance=3,
    grants=(Grant(role="organ_head", department="scjg"),),
)  # fmt: skip
FILING = steps_of_a_case()[0][2]


class CardPapers(NothingToPrint):
    """Only what goes with a supervision card, when time has gone by."""

    def render(self, order: DocumentOrder) -> bytes:
        if order.kind in ("supervision_order", "supervision_advice"):
            return order.number.encode()
        return super().render(order)


OPINION = {"task": TASK, "result": "agree", "text": "同意"}


@dataclass
class Town:
    environment: WorkflowEnvironment
    reception: CityReception
    queries: Queries
    web: Engine
    settings: Settings
    entries_before: int = 0
    late: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.late

    async def sleep(self, days: float) -> None:
        await self.environment.sleep(timedelta(days=days))
        self.late = await self.environment.get_current_time() - datetime.now(UTC)

    async def order(
        self, who: Actor, verb: str, body: dict[str, Any], request_id: str = "", **named: Any
    ) -> Outcome:
        ground.admit(self.settings, who)
        request = Request(id=request_id or str(uuid4()), verb=verb, body=body, **named)
        (outcome,) = await self.reception.handle(who, SOURCE, (request,))
        return outcome

    async def file(self, **changed: Any) -> str:
        outcome = await self.order(CLERK, "file", FILING | changed)
        assert outcome.status == "done", outcome
        return outcome.case_id

    def refusals(self) -> list[dict[str, Any]]:
        """Return the entries that the door wrote itself."""
        with self.web.connect() as connection:
            rows = connection.execute(select(audit_outbox).order_by(audit_outbox.c.pos)).mappings()
            bodies = [orjson.loads(row["body"]) for row in rows][self.entries_before :]
        return [body for body in bodies if body["res"] == "deny"]


def count(web: Engine) -> int:
    with web.connect() as connection:
        found: int = connection.execute(select(func.count()).select_from(audit_outbox)).scalar_one()
    return found


@pytest.fixture(scope="module")
def installation() -> Iterator[tuple[Settings, Workshop]]:
    """One installation for all tests here: each has cases of its own."""
    with ground.installed() as settings, workshop(settings, CardPapers(), catalogue) as shop:
        yield settings, shop


@pytest_asyncio.fixture
async def town(installation: tuple[Settings, Workshop]) -> AsyncIterator[Town]:
    settings, shop = installation
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(TEST_SERVER),
        data_converter=data_converter(codec_of(master_keys(settings))),
    )
    async with environment:
        sealer = joining.sealer_of(settings, joining.vault_of(settings))
        queries = joining.queries_of(settings, sealer)
        web = open_engine(settings.store_url("web"))
        client = environment.client
        made: list[Town] = []
        reception = CityReception(
            client,
            "town",
            access=joining.access_of(settings, "web"),
            queries=queries,
            catalogue=catalogue,
            refusals=RefusalLog(web, "web", sealer.who, refused_command),
            now=lambda: made[0].now(),
        )
        made.append(Town(environment, reception, queries, web, settings, count(web)))
        with ThreadPoolExecutor(2) as threads:
            async with make_worker(client, "town", shop.activities(), threads, 2):
                yield made[0]


async def test_a_case_goes_from_filing_to_archive(town: Town) -> None:
    case_id = ""
    for who, verb, body in steps_of_a_case():
        outcome = await town.order(who, verb, body, case_id=case_id)
        assert outcome.status == "done", (verb, outcome)
        case_id = outcome.case_id
    state = town.queries.state(case_id)
    assert state is not None
    assert (state.stage, state.ending, state.seq) == ("ended", "granted", 8)
    assert town.refusals() == []
    ended = await town.order(CLERK, "urge", {"text": "?"}, case_id=case_id)
    assert (ended.status, ended.code) == ("refused", "case_ended")
    assert [body["why"] for body in town.refusals()] == ["case_ended"]


async def test_what_the_door_refused_by_law_keeps_its_answer_when_it_has_become_possible(
    town: Town,
) -> None:
    case_id = await town.file()
    early = {"request_id": "web-early", "case_id": case_id}
    await town.order(CLERK, "accept", {}, case_id=case_id)
    no = await town.order(HEAD, "decide", {"result": "grant"}, **early)
    assert (no.status, no.code, no.basis) == ("refused", "wrong_stage", "XKF-37")
    await town.order(REVIEWER, "opine", OPINION, case_id=case_id)
    again = await town.order(HEAD, "decide", {"result": "grant"}, **early)
    assert again == no.model_copy(update={"repeated": True})
    assert [body["why"] for body in town.refusals()] == ["wrong_stage"]
    reused = await town.order(HEAD, "urge", {"text": "?"}, **early)
    assert (reused.status, reused.code) == ("refused", "id_reused")
    fresh = await town.order(HEAD, "decide", {"result": "grant"}, case_id=case_id)
    assert fresh.status == "done"


async def test_an_order_too_late_for_its_case_gets_the_same_answer_for_ever(town: Town) -> None:
    case_id = ""
    for who, verb, body in steps_of_a_case():
        case_id = (await town.order(who, verb, body, case_id=case_id)).case_id
    late = {"request_id": "web-late", "case_id": case_id}
    no = await town.order(CLERK, "urge", {"text": "?"}, **late)
    assert (no.status, no.code) == ("refused", "case_ended")
    again = await town.order(CLERK, "urge", {"text": "?"}, **late)
    assert again == no.model_copy(update={"repeated": True})
    assert [body["why"] for body in town.refusals()] == ["case_ended"]


async def test_who_may_not_today_may_ask_again_with_the_same_id(town: Town) -> None:
    case_id = await town.file()
    named = {"request_id": "web-right", "case_id": case_id}
    no = await town.order(STRANGER, "accept", {}, **named)
    assert no.status == "refused"
    granted = STRANGER.model_copy(update={"department": "scjg", "grants": CLERK.grants})
    assert (await town.order(granted, "accept", {}, **named)).status == "done"


async def test_an_archived_licence_is_revoked_through_the_door_and_only_once(town: Town) -> None:
    case_id = ""
    for who, verb, body in steps_of_a_case():
        case_id = (await town.order(who, verb, body, case_id=case_id)).case_id
    body = {"ground": "fraud", "reason": "查实行贿"}
    not_theirs = await town.order(CLERK, "revoke_licence", body, case_id=case_id)
    assert not_theirs.status == "refused"
    done = await town.order(ORGAN, "revoke_licence", body, case_id=case_id)
    assert (done.status, done.stage) == ("done", "ended")
    state = town.queries.state(case_id)
    assert state is not None and state.ending == "revoked"
    again = await town.order(ORGAN, "revoke_licence", body, case_id=case_id)
    assert (again.status, again.code) == ("refused", "case_ended")
    # Its workflow was over again at once, and no order of another kind begins one.
    handle = town.environment.client.get_workflow_handle(workflow_id(case_id))
    assert await handle.result() == "revoked"


async def test_the_same_request_again_gets_its_stored_outcome(town: Town) -> None:
    first = await town.order(CLERK, "file", FILING, request_id="web-1")
    again = await town.order(CLERK, "file", FILING, request_id="web-1")
    assert again == first.model_copy(update={"repeated": True})
    other = await town.order(HEAD, "file", FILING, request_id="web-1")
    assert (other.status, other.code) == ("refused", "id_reused")


async def test_a_reference_names_the_case_for_ever(town: Town) -> None:
    first = await town.order(CLERK, "file", FILING | {"reference": "A-1"})
    second = await town.order(CLERK, "file", FILING | {"reference": "A-1"})
    assert (second.status, second.code) == ("refused", "already_filed")
    assert first.case_no in second.reason
    accepted = await town.order(CLERK, "accept", {}, reference="A-1")
    assert (accepted.case_id, accepted.stage) == (first.case_id, "review")
    by_number = await town.order(REVIEWER, "opine", OPINION, case_no=first.case_no)
    assert by_number.status == "done"


async def test_who_may_not_is_refused_and_the_refusal_is_in_the_doors_own_log(town: Town) -> None:
    case_id = await town.file()
    outcome = await town.order(STRANGER, "accept", {}, case_id=case_id)
    assert outcome.status == "refused"
    assert outcome.reason
    (entry,) = town.refusals()
    assert (entry["act"], entry["obj"]["id"], entry["s"]["id"]) == ("accept", case_id, "sys:web")
    assert "stranger" not in str(entry)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"form": FORM | {"phone": "12"}}, "body.form.phone"),
        ({"form": {k: v for k, v in FORM.items() if k != "uscc"}}, "body.form.uscc"),
        ({"form": FORM | {"colour": "red"}}, "body.form.colour"),
        ({"form": FORM | {"items": ["拆家具"]}}, "body.form.items.0"),
        ({"matter": "no-such-matter"}, "body.matter"),
        ({"applicant": {"kind": "enterprise"}}, "body.applicant.name"),
        ({"materials": [{"code": "blood-type"}]}, "body.materials.0.code"),
    ],
)
async def test_a_wrong_filing_is_refused_and_the_field_is_named(
    town: Town, change: dict[str, Any], field: str
) -> None:
    outcome = await town.order(CLERK, "file", FILING | change)
    assert (outcome.status, outcome.field) == ("refused", field)


async def test_a_wrong_correction_is_refused_and_the_field_is_named(town: Town) -> None:
    case_id = await town.file()
    wrong = await town.order(
        CLERK, "correct_on_spot", {"form": {"floor_area_m2": -1}}, case_id=case_id
    )
    assert (wrong.code, wrong.field) == ("invalid", "body.form.floor_area_m2")
    right = await town.order(
        CLERK, "correct_on_spot", {"form": {"floor_area_m2": 80}}, case_id=case_id
    )
    assert right.status == "done"


async def test_a_case_that_is_not_there_is_said_so(town: Town) -> None:
    for named in ({"case_no": "NO-9"}, {"case_id": str(uuid4())}, {"reference": "Z"}):
        outcome = await town.order(CLERK, "accept", {}, **named)
        assert (outcome.code, outcome.field) == ("unknown_case", next(iter(named)))


ELSEWHERE = Actor(
    id="s:minzheng", kind="service", department="mzj", clearance=3,
    grants=(Grant(role="service_intake", department="mzj"),),
)  # fmt: skip


@pytest.mark.parametrize("verb", sorted(set(BODIES) - {"file", *OF_LAW}))
async def test_a_case_that_is_not_the_senders_to_know_is_answered_as_none(
    town: Town, hidden: str, verb: str
) -> None:
    ids = (hidden, str(uuid4()))
    answers = [await town.order(ELSEWHERE, verb, {}, case_id=one) for one in ids]
    blank = {"command_id": "", "case_id": "", "recorded_at": None}
    assert answers[0].model_copy(update=blank) == answers[1].model_copy(update=blank)
    assert (answers[0].code, answers[0].case_id) == ("unknown_case", hidden)
    # The log is told what the sender is not.
    assert [body["obj"]["id"] for body in town.refusals()] == list(ids)
    assert town.refusals()[1]["why"] == "unknown_case" != town.refusals()[0]["why"]


async def test_filing_under_the_id_of_somebody_elses_case_tells_nothing_of_it(
    town: Town, hidden: str
) -> None:
    state = town.queries.state(hidden)
    assert state is not None
    no = await town.order(ELSEWHERE, "file", FILING, case_id=hidden)
    assert (no.status, no.code, no.field) == ("refused", "invalid", "case_id")
    assert state.case_no not in no.reason


async def test_what_one_order_opens_the_next_of_the_same_batch_may_do(town: Town) -> None:
    lead = Actor(id="u:both", department="scjg", grants=(*CLERK.grants, *REVIEWER.grants))
    lead = lead.model_copy(update={"clearance": 3})
    ground.admit(town.settings, lead)
    orders: list[tuple[str, dict[str, Any]]] = [
        ("file", FILING),
        ("accept", {}),
        ("opine", OPINION),
    ]
    case_id = str(uuid4())
    requests = [
        Request(id=str(uuid4()), verb=verb, body=body, case_id=case_id) for verb, body in orders
    ]
    outcomes = await town.reception.handle(lead, SOURCE, requests)
    assert [one.status for one in outcomes] == ["done"] * 3, outcomes
    assert [one.seq for one in outcomes] == [1, 2, 3]


async def test_silence_accepts_by_a_warrant_that_the_worker_issues(town: Town) -> None:
    materials = [{"code": "application"}]
    case_id = await town.file(materials=materials)
    filed = town.queries.state(case_id)
    await town.sleep(20)
    state = town.queries.state(case_id)
    assert state is not None and filed is not None
    assert (state.accept_mode, state.accepted_at) == ("deemed", filed.received_at)
    assert state.stage == "review"
    with town.queries.engine.connect() as connection:
        row = connection.execute(
            step.select()
            .where(step.c.case_id == case_id, step.c.verb == "timer_fired")
            .order_by(step.c.seq)
        ).first()
        assert row is not None
    warrant = orjson.loads(row.warrant)
    assert (row.actor, warrant["issuer"], warrant["row"]) == ("system", "worker", "XKF-32-4")


async def test_a_lost_workflow_goes_on_from_the_rows(town: Town) -> None:
    case_id = await town.file()
    handle = town.environment.client.get_workflow_handle(workflow_id(case_id))
    await handle.terminate("lost")
    outcome = await town.order(CLERK, "accept", {}, case_id=case_id)
    assert (outcome.status, outcome.seq) == ("done", 2)
    state = await town.environment.client.get_workflow_handle_for(
        ApprovalWorkflow.run, workflow_id(case_id)
    ).query(ApprovalWorkflow.state)
    assert state == town.queries.state(case_id)


async def test_a_temporal_that_is_away_is_not_now(town: Town) -> None:
    away = await Client.connect(
        f"127.0.0.1:{ground.free_port()}",
        lazy=True,
        data_converter=town.environment.client.data_converter,
    )
    town.reception._asker._client = away
    with pytest.raises(NotNow):
        await town.order(CLERK, "file", FILING)
