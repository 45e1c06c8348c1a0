"""A city whose incidents run on a time-skipping server, with the real worker, stores and policy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import Engine, select
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment

from audit.tables import audit_outbox
from benchmarks import ground
from benchmarks.step import NothingToPrint
from cases import notices_out
from cases.database import open_engine, reading
from cases.incident_lists import state_of
from cases.incidents.state import IncidentState
from cases.messages import Actor, Grant, Outcome, Source
from tests.workflows.conftest import TEST_SERVER
from yichuang import joining
from yichuang.codec import codec_of
from yichuang.incident_door import IncidentDoor, incident_id_for
from yichuang.refusals import RefusalLog
from yichuang.settings import Settings
from yichuang.temporal import data_converter, make_worker, master_keys
from yichuang.worker import Workshop, workshop

SOURCE = Source(door="web", ip="127.0.0.1")


def actor(name: str, role: str, department: str, **more: Any) -> Actor:
    return Actor(
        id=f"u:{name}", department=department,
        grants=(Grant(role=role, department=department),), **more,
    )  # fmt: skip


DUTY = actor("zhiban", "duty_officer", "zhzx")
COMMANDER = actor("zhihui", "commander", "zhzx")
ARBITER = actor("zhongcai", "arbiter", "zhzx")
EVALUATOR = actor("pingjia", "evaluator", "jdzx")
WATER = actor("shuiwu", "unit_duty", "sw")
CITY_ORDER = actor("chengguan", "unit_duty", "cgj")
FIRE = actor("xiaofang", "unit_duty", "xfjy")
SIGNALS = Actor(
    id="s:signals", kind="service", department="zhzx",
    grants=(Grant(role="service_signal", department="zhzx"),),
)  # fmt: skip
PEOPLE = (DUTY, COMMANDER, ARBITER, EVALUATOR, WATER, CITY_ORDER, FIRE, SIGNALS)

BURST = {"type": "water_damage", "title": "主干管爆裂", "place": {"lon": 112.47, "lat": 33.13}}
"""A report of the kind that most tests take: no automatic dispatch."""


@dataclass
class Town:
    """A door, and what it left."""

    environment: WorkflowEnvironment
    door: IncidentDoor
    shop: Workshop
    web: Engine
    late: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.late

    async def sleep(self, minutes: float) -> None:
        """Let so many minutes go by on the server's clock and on the door's."""
        await self.environment.sleep(timedelta(minutes=minutes))
        self.late = await self.environment.get_current_time() - datetime.now(UTC)

    async def order(
        self, who: Actor, incident: str, verb: str, body: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> Outcome:  # fmt: skip
        return await self.door.order(who, SOURCE, key or str(uuid4()), incident, verb, body or {})

    async def done(
        self, who: Actor, incident: str, verb: str, body: Mapping[str, Any] | None = None
    ) -> Outcome:
        outcome = await self.order(who, incident, verb, body)
        assert outcome.status == "done", (verb, outcome)
        return outcome

    async def refused(
        self, who: Actor, incident: str, verb: str, body: Mapping[str, Any] | None = None
    ) -> str:
        outcome = await self.order(who, incident, verb, body)
        assert outcome.status == "refused", (verb, outcome)
        assert outcome.reason
        return outcome.code

    async def reported(self, **changed: Any) -> str:
        incident = incident_id_for(str(uuid4()))
        await self.done(DUTY, incident, "report", BURST | changed)
        return incident

    async def graded(self, **changed: Any) -> str:
        incident = await self.reported(**changed)
        await self.done(DUTY, incident, "verify", {"true": True})
        await self.done(DUTY, incident, "grade", {"level": "none"})
        return incident

    async def sent(self, *departments: str, **changed: Any) -> str:
        """An incident that the first of the departments leads."""
        incident = await self.graded(**changed)
        units = [
            {"department": one, "lead": place == 0}
            for place, one in enumerate(departments or ("sw",))
        ]
        await self.done(DUTY, incident, "dispatch", {"units": units})
        return incident

    def state(self, incident: str) -> IncidentState:
        with reading(self.shop.cases) as connection:
            found = state_of(connection, incident)
        assert found is not None
        return found

    def told(self, incident: str) -> list[tuple[str, str]]:
        """Who was told what, in order."""
        with reading(self.shop.cases) as connection:
            found = notices_out.of_incident(connection, incident)
        return [(one.kind, one.recipient) for one in found]

    def entries(self, stream: str) -> list[dict[str, Any]]:
        with self.shop.cases.connect() as connection:
            rows = connection.execute(
                select(audit_outbox.c.body)
                .where(audit_outbox.c.stream == stream)
                .order_by(audit_outbox.c.seq)
            )
            return [orjson.loads(row.body) for row in rows]


@contextmanager
def installation() -> Iterator[tuple[Settings, Workshop]]:
    with ground.installed() as settings, workshop(settings, NothingToPrint()) as shop:
        ground.admit(settings, *PEOPLE)
        yield settings, shop


@asynccontextmanager
async def town_of(
    settings: Settings, shop: Workshop, converter: DataConverter | None = None
) -> AsyncIterator[Town]:
    """`converter`: another than the sealing one, for histories that are kept."""
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(TEST_SERVER),
        data_converter=converter or data_converter(codec_of(master_keys(settings))),
    )
    async with environment:
        sealer = joining.sealer_of(settings, joining.vault_of(settings))
        web = open_engine(settings.store_url("web"))
        made: list[Town] = []
        door = IncidentDoor(
            environment.client,
            "town",
            access=joining.access_of(settings, "web"),
            engine=open_engine(settings.store_url("cases"), read_only=True),
            refusals=RefusalLog(web, "web", sealer.who),
            now=lambda: made[0].now(),
        )
        made.append(Town(environment, door, shop, web))
        with ThreadPoolExecutor(2) as threads:
            async with make_worker(environment.client, "town", shop.activities(), threads, 2):
                with environment.auto_time_skipping_disabled():
                    yield made[0]
