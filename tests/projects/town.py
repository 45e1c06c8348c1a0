"""A city whose projects run on a time-skipping server, with the real worker, stores and policy."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import select
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from audit.tables import audit_outbox
from benchmarks import ground
from benchmarks.step import NothingToPrint
from cases import notices_out
from cases.database import open_engine, reading
from cases.messages import Actor, Grant, Outcome, Source
from cases.project_lists import state_of
from cases.projects.state import ProjectState
from tests.workflows.conftest import TEST_SERVER
from workflows.project import workflow_id
from yichuang import joining
from yichuang.codec import codec_of
from yichuang.project_door import ProjectDoor, project_id_for
from yichuang.refusals import RefusalLog
from yichuang.sandbox import ContextFreeRunner
from yichuang.settings import Settings
from yichuang.temporal import WORKFLOWS, data_converter, master_keys
from yichuang.worker import Workshop, workshop

SOURCE = Source(door="web", ip="127.0.0.1")
ZONE = ZoneInfo("Asia/Shanghai")
QUEUE = "town"
AT_ONCE = timedelta(days=60)
"""So far the server skips in one call, which has its own time to answer in."""


def actor(name: str, role: str, department: str) -> Actor:
    return Actor(
        id=f"u:{name}", department=department, grants=(Grant(role=role, department=department),)
    )


CLERK = actor("xiangmu1", "project_clerk", "zxb")
LEAD = actor("xiangmufz", "project_lead", "zxb")
GATE_ONE = actor("fagai1", "gate_approver", "fgw")
GATE_TWO = actor("fagai2", "gate_approver", "fgw")
OPERATOR = actor("yunying1", "operator", "spv1")
OUTSIDER = actor("waibu", "section_clerk", "scjg")
PEOPLE = (CLERK, LEAD, GATE_ONE, GATE_TWO, OPERATOR, OUTSIDER)


def paper(name: str) -> dict[str, str]:
    digest = hashlib.sha256(f"{name} {uuid4()}".encode()).hexdigest()
    return {"name": name, "sha256": digest}


def concession(starts_on: date, **changed: Any) -> dict[str, Any]:
    return {
        "template": "concession", "title": "智慧停车特许经营", "department": "gxj",
        "regime": "concession", "user_pays": True, "pay": "user", "mode": "bot",
        "term_years": 40, "starts_on": starts_on.isoformat(), "feasibility_fen": 80_000_000_00,
    } | changed  # fmt: skip


@dataclass
class Town:
    """A door, and what it left. `working` gives it a worker; without one, orders wait."""

    environment: WorkflowEnvironment
    door: ProjectDoor
    shop: Workshop
    settings: Settings
    late: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.late

    @property
    def today(self) -> date:
        return self.now().astimezone(ZONE).date()

    @asynccontextmanager
    async def working(self, workflows: Sequence[type] = WORKFLOWS) -> AsyncIterator[None]:
        """Run a worker with this code; it remembers nothing of the one before."""
        with ThreadPoolExecutor(2) as threads:
            async with Worker(
                self.environment.client,
                task_queue=QUEUE,
                workflows=workflows,
                workflow_runner=ContextFreeRunner(self.environment.client.data_converter),
                activities=self.shop.activities(),
                activity_executor=threads,
                max_concurrent_activities=2,
                # Nothing sticks to a worker: another takes each task over from its history.
                max_cached_workflows=0,
            ):
                yield

    async def until(self, day: date, hour: int = 9) -> None:
        """Let time go by until that day's morning on the server's clock and on the door's."""
        at = datetime(day.year, day.month, day.day, hour, tzinfo=ZONE)
        while at > self.now():
            await self.sleep(min(at - self.now(), AT_ONCE))

    async def sleep(self, span: timedelta) -> None:
        """Let so much time go by on the server's clock and on the door's."""
        await self.environment.sleep(span)
        self.late = await self.environment.get_current_time() - datetime.now(UTC)

    async def order(
        self, who: Actor, project: str, verb: str, body: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> Outcome:  # fmt: skip
        return await self.door.order(who, SOURCE, key or str(uuid4()), project, verb, body or {})

    async def done(
        self, who: Actor, project: str, verb: str, body: Mapping[str, Any] | None = None
    ) -> Outcome:
        outcome = await self.order(who, project, verb, body)
        assert outcome.status == "done", (verb, outcome)
        return outcome

    async def refused(
        self, who: Actor, project: str, verb: str, body: Mapping[str, Any] | None = None
    ) -> tuple[str, str]:
        """Return code and article of the refusal."""
        outcome = await self.order(who, project, verb, body)
        assert outcome.status == "refused", (verb, outcome)
        assert outcome.reason
        return outcome.code, outcome.basis

    async def established(self, **changed: Any) -> str:
        project = project_id_for(str(uuid4()))
        await self.done(CLERK, project, "establish", concession(self.today, **changed))
        return project

    async def reach(self, project: str, milestone: str) -> None:
        """Bring the papers, let two people open the gate, reach it today."""
        one = self.state(project).milestone(milestone)
        assert one is not None
        for name in one.missing:
            await self.done(
                CLERK, project, "add_evidence", {"milestone": milestone, "paper": paper(name)}
            )
        if one.gate:
            for who in (GATE_ONE, GATE_TWO):
                await self.done(who, project, "pass_gate", {"milestone": milestone})
        body = {"milestone": milestone, "on": self.today.isoformat()}
        await self.done(LEAD, project, "achieve", body)

    def state(self, project: str) -> ProjectState:
        with reading(self.shop.cases) as connection:
            found = state_of(connection, project)
        assert found is not None
        return found

    def told(self, project: str) -> list[tuple[str, str]]:
        """Who was told what, in order."""
        with reading(self.shop.cases) as connection:
            found = notices_out.of_incident(connection, project)
        return [(one.kind, one.recipient) for one in found]

    def entries(self, stream: str) -> list[dict[str, Any]]:
        with self.shop.cases.connect() as connection:
            rows = connection.execute(
                select(audit_outbox.c.body)
                .where(audit_outbox.c.stream == stream)
                .order_by(audit_outbox.c.seq)
            )
            return [orjson.loads(row.body) for row in rows]

    async def run_now(self, project: str) -> str:
        """Return the id of the run that lives now."""
        handle = self.environment.client.get_workflow_handle(workflow_id(project))
        return str((await handle.describe()).run_id)

    async def history(self, project: str, run: str) -> WorkflowHistory:
        handle = self.environment.client.get_workflow_handle(workflow_id(project), run_id=run)
        return await handle.fetch_history()


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
        made: list[Town] = []
        door = ProjectDoor(
            environment.client,
            QUEUE,
            access=joining.access_of(settings, "web"),
            engine=open_engine(settings.store_url("cases"), read_only=True),
            refusals=RefusalLog(open_engine(settings.store_url("web")), "web", sealer.who),
            now=lambda: made[0].now(),
        )
        made.append(Town(environment, door, _on_clock(shop, lambda: made[0].now()), settings))
        with environment.auto_time_skipping_disabled():
            yield made[0]


def _on_clock(shop: Workshop, now: Callable[[], datetime]) -> Workshop:
    """Let everything that settles an order here keep the town's time."""
    return replace(
        shop,
        projects=replace(shop.projects, now=now),
        performing=replace(shop.performing, now=now),
        performance_watch=replace(shop.performance_watch, now=now),
        paying=replace(shop.paying, now=now),
        funding=replace(shop.funding, now=now),
    )
