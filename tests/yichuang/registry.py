"""A city with its register, its worker and the door to it, for the tests of what is released."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import Engine, select
from temporalio.testing import WorkflowEnvironment

from activities.papers import DocumentOrder
from audit.tables import audit_outbox
from benchmarks import ground
from benchmarks.step import PEOPLE, SOURCE, steps_of_a_case
from cases import release_tables
from cases.database import open_engine
from cases.messages import Actor, Grant, Outcome
from cases.queries import Queries
from cases.reception import Request
from cases.releasing import Propose, ReleaseAnswer, Sign
from cases.tables import matter_version
from catalogue.matters import Matter
from forms.entrance_ports import Visitor
from policies.access import Access
from tests.workflows.conftest import TEST_SERVER
from yichuang import joining
from yichuang.codec import codec_of
from yichuang.reception import CityReception
from yichuang.refusals import RefusalLog
from yichuang.release_door import ReleaseDoor
from yichuang.released import Released
from yichuang.settings import Settings
from yichuang.temporal import data_converter, make_worker, master_keys
from yichuang.worker import Workshop, workshop

FILING = steps_of_a_case()[0][2]


def person(name: str, *roles: str) -> Actor:
    grants = tuple(Grant(role=role, department="*") for role in roles)
    return Actor(id=f"u:{name}", department="sp", grants=grants, clearance=3)


EDITOR, SIGNER = person("editor", "catalogue_editor"), person("signer", "catalogue_signer")
BOTH = person("both", "catalogue_editor", "catalogue_signer")
GUARD, SECOND_GUARD = person("guard", "secadmin"), person("second-guard", "secadmin")


class LinePress:
    """Renders a line of text: what a document looks like is not what is tried here."""

    def render(self, order: DocumentOrder) -> bytes:
        return f"%PDF-1.7 {order.kind} {order.number} {order.code}".encode()


@dataclass
class Town:
    settings: Settings
    door: ReleaseDoor
    reception: CityReception
    queries: Queries
    access: Access
    released: Released
    shop: Workshop
    web: Engine

    async def propose(self, who: Actor, kind: Any, text: str) -> ReleaseAnswer:
        """Propose, and sign the dossier first where there is one: tests of dossiers do not."""
        ground.admit(self.settings, who)
        made = await self.door.propose(who, SOURCE, str(uuid4()), Propose(kind=kind, text=text))
        if made.dossier and made.status == "done":
            await self.door.endorse(who, SOURCE, str(uuid4()), made.release, made.dossier)
        return made

    async def sign(self, who: Actor, release: str, **body: Any) -> ReleaseAnswer:
        ground.admit(self.settings, who)
        if "dossier" not in body:
            with self.shop.cases.connect() as connection:
                query = select(release_tables.release.c.dossier).where(
                    release_tables.release.c.id == release
                )
                body["dossier"] = connection.execute(query).scalar() or ""
        return await self.door.sign(who, SOURCE, str(uuid4()), release, Sign(**body))

    async def activate(self, kind: Any, text: str) -> ReleaseAnswer:
        hands = (GUARD, SECOND_GUARD) if kind == "policy" else (EDITOR, SIGNER)
        made = await self.propose(hands[0], kind, text)
        assert (made.status, made.state) == ("done", "proposed"), made
        return await self.sign(hands[1], made.release, preview=made.preview)

    async def order(self, who: Actor, verb: str, body: dict[str, Any], case: str = "") -> Outcome:
        ground.admit(self.settings, who)
        request = Request(id=str(uuid4()), verb=verb, body=body, case_id=case)
        (outcome,) = await self.reception.handle(who, SOURCE, (request,))
        assert outcome.status == "done", outcome
        return outcome

    def matter_of(self, case: str) -> Matter:
        """Return the version that a case has been filed under, as its rows keep it."""
        state = self.queries.state(case)
        assert state is not None
        table = matter_version.c
        with self.shop.cases.connect() as connection:
            query = select(table.matter).where(table.digest == state.plan.digest)
            return Matter.model_validate_json(connection.execute(query).scalar_one())

    def entries(self, stream: str) -> list[dict[str, Any]]:
        with self.shop.cases.connect() as connection:
            rows = connection.execute(
                select(audit_outbox.c.body)
                .where(audit_outbox.c.stream == stream)
                .order_by(audit_outbox.c.seq)
            )
            return [orjson.loads(row.body) for row in rows]


@pytest.fixture(scope="module")
def template() -> Iterator[Settings]:
    with ground.installed() as settings:
        yield settings


@pytest.fixture
def settings(template: Settings, tmp_path: Path) -> Settings:
    """A fresh installation for each test: what one activates must not count in another."""
    folder = tmp_path / "var"
    shutil.copytree(template.data, folder)
    return template.model_copy(update={"data": folder})


Working = Callable[..., AbstractAsyncContextManager[None]]


@asynccontextmanager
async def city(settings: Settings) -> AsyncIterator[tuple[Town, Working]]:
    """A city with a server, and workers that come and go: `working(without=(activity names))`."""
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(TEST_SERVER),
        data_converter=data_converter(codec_of(master_keys(settings))),
    )
    with workshop(settings, LinePress()) as shop, ThreadPoolExecutor(3) as threads:

        @asynccontextmanager
        async def working(without: Sequence[str] = ()) -> AsyncIterator[None]:
            activities = [one for one in shop.activities() if one.__name__ not in without]
            async with make_worker(environment.client, "town", activities, threads, 3):
                yield

        # A warrant lives five minutes: a server that skips while an activity runs would outlive it.
        async with environment:
            shop.signals.client = environment.client
            with environment.auto_time_skipping_disabled():
                yield compose(settings, shop, environment), working


@pytest_asyncio.fixture
async def town(settings: Settings) -> AsyncIterator[Town]:
    async with city(settings) as (one, working), working():
        yield one


def compose(settings: Settings, shop: Workshop, environment: WorkflowEnvironment) -> Town:
    sealer = joining.sealer_of(settings, joining.vault_of(settings))
    cases = open_engine(settings.store_url("cases"), read_only=True)
    released = Released(cases, look_every_s=0)
    queries = joining.queries_of(settings, sealer, cases=cases, released=released)
    access = joining.access_of(settings, "web", released)
    web = open_engine(settings.store_url("web"))
    refusals = RefusalLog(web, "web", sealer.who)
    client = environment.client
    ground.admit(settings, *PEOPLE, EDITOR, SIGNER, BOTH, GUARD, SECOND_GUARD)
    return Town(
        settings,
        ReleaseDoor(client, "town", access=access, engine=cases, refusals=refusals),
        CityReception(
            client,
            "town",
            access=access,
            queries=queries,
            catalogue=released.catalogue,
            refusals=refusals,
        ),
        queries,
        access,
        released,
        shop,
        web,
    )


def visitor(actor: Actor) -> Visitor:
    return Visitor(actor, actor.id, actor.id, "", "s1")


def now() -> datetime:
    return datetime.now(UTC)
