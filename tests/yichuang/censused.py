"""A city of two: the embedded Temporal server and a worker, cases filed through the door, and a
census whose rounds the test takes itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import Engine, delete, select, text, update
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.alarming import Alarms
from activities.papers import Press
from benchmarks import crowd, ground
from benchmarks.step import CLERK, SOURCE, NothingToPrint, catalogue, steps_of_a_case
from cases import census
from cases.alarms import Alarm, open_alarms
from cases.armed import WEDGED_AT, Seen
from cases.census import Looked
from cases.database import open_engine, reading
from cases.messages import Actor, Outcome
from cases.reception import Request
from cases.tables import state, timer
from workflows.approval import ApprovalWorkflow, workflow_id
from workflows.project import ProjectWorkflow
from yichuang import joining, temporal
from yichuang.census import Census
from yichuang.census_telling import Pace
from yichuang.counting import Visible
from yichuang.history import look
from yichuang.reception import CityReception
from yichuang.refusals import RefusalLog
from yichuang.sandbox import ContextFreeRunner
from yichuang.settings import Settings
from yichuang.worker import THREADS, workshop

PACE = Pace(
    every=timedelta(seconds=0.6),
    settles_within=timedelta(seconds=0.5),
    late_after=timedelta(seconds=4),
    pause=timedelta(seconds=4),
)
"""Fifteen times as fast as in the worker, so that a test waits for seconds."""
ALARMS = Alarms("demo", "https://city.invalid/schemas")


@dataclass(frozen=True)
class Ground:
    """An installation and its Temporal server."""

    settings: Settings
    server: ground.TemporalServer


@contextmanager
def served() -> Iterator[Ground]:
    """Give an installation whose Temporal server runs."""
    with ground.installed() as settings:
        server = ground.TemporalServer(settings)
        server.start()
        try:
            asyncio.run(server.until_ready())
            yield Ground(settings, server)
        finally:
            server.kill()


@dataclass
class Town:
    """What a test works with."""

    settings: Settings
    engine: Engine
    client: Client
    reception: CityReception
    census: Census = field(init=False)

    def __post_init__(self) -> None:
        self.census = self.another()

    def another(self, holder: str = "") -> Census:
        """Return the census of another worker."""
        queue = self.settings.temporal_task_queue
        holder = holder or f"worker-{uuid4()}"
        return Census(self.engine, self.client, queue, ALARMS, PACE, holder)

    async def round(self) -> dict[str, Any]:
        """Wait until the next round is due, take it and return its figures."""
        await asyncio.sleep(PACE.every.total_seconds())
        figures = await self.census.round()
        assert figures is not None
        return figures

    async def until_well(self, seconds: float = 20.0) -> dict[str, Any]:
        """Take the census until nothing is wrong and every case was read to its end."""
        until = time.monotonic() + seconds
        while True:
            figures = await self.round()
            if not (figures["unarmed"] or figures["stray"] or figures["unproven"]):
                return figures
            if time.monotonic() > until:
                raise AssertionError(figures | {"wrong": self.wrong()})

    # --- cases ---

    async def order(self, actor: Actor, verb: str, body: Mapping[str, Any], case: str) -> Outcome:
        ground.admit(self.settings, actor)
        request = Request(id=str(uuid4()), verb=verb, body=dict(body), case_id=case)
        (outcome,) = await self.reception.handle(actor, SOURCE, (request,))
        assert outcome.status == "done", outcome
        return outcome

    async def filed(self) -> str:
        """File a case: its first instant is the end of the five days of notice."""
        case = str(uuid4())
        who, verb, body = steps_of_a_case()[0]
        await self.order(who, verb, body, case)
        return case

    async def accept(self, case: str) -> Outcome:
        return await self.order(CLERK, "accept", {}, case)

    # --- what is so ---

    def handle(self, case: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(workflow_id(case))

    async def delete(self, case: str) -> None:
        """Let Temporal forget the workflow; return when visibility has too."""
        request = DeleteWorkflowExecutionRequest(
            namespace=self.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(case)),
        )
        await self.client.workflow_service.delete_workflow_execution(request)
        named = f"WorkflowId = '{workflow_id(case)}'"
        for _ in range(100):
            if not (await self.client.count_workflows(named)).count:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"visibility still knows {case}")

    def visible(self) -> Visible:
        return Visible(self.client, self.engine)

    async def seen(self, case: str) -> Seen:
        return await look(self.client, workflow_id(case), None, datetime.now(UTC))

    def row(self, case: str) -> Looked:
        with reading(self.engine) as connection:
            return census.looked(connection, [case])[case]

    def wrong(self) -> dict[str, str]:
        """Return what is wrong, by case."""
        with reading(self.engine) as connection:
            return {one.case_id: str(one.fault) for one in census.at_fault(connection)}

    def mended(self, case: str) -> list[str]:
        """Return what the entries say that was found and done."""
        query = "SELECT body FROM audit_outbox WHERE stream = :s ORDER BY seq"
        with reading(self.engine) as connection:
            bodies = connection.execute(text(query), {"s": f"case:{case}"}).scalars()
            entries = [orjson.loads(bytes(body)) for body in bodies]
        return [one["why"] for one in entries if one["act"] == "case_mended"]

    def alarms(self) -> list[Alarm]:
        with reading(self.engine) as connection:
            return [one.alarm for one in open_alarms(connection)]

    def seq(self, case: str) -> int:
        with reading(self.engine) as connection:
            return census.seqs(connection, [case])[case][0]

    async def bring_forward(self, case: str, due_at: datetime) -> None:
        """Let the case's next instant come at another time, in its rows and in its workflow.

        Its forecast cards go: they would come of the instant that is no more.
        """
        with self.engine.begin() as connection:
            query = select(state.c.state).where(state.c.case_id == case)
            held = orjson.loads(connection.execute(query).scalar_one())
            (one,) = (one for one in held["timers"] if not one["key"].startswith("card:"))
            one["due_at"] = due_at.isoformat()
            held["timers"] = [one]
            stored = orjson.dumps(held).decode()
            connection.execute(update(state).where(state.c.case_id == case).values(state=stored))
            rows = timer.c.case_id == case
            connection.execute(delete(timer).where(rows, timer.c.key != one["key"]))
            connection.execute(update(timer).where(rows).values(due_at=due_at))
        await self.handle(case).terminate()
        await crowd.begun(self.settings, self.client, [crowd.Copy(case, stored, due_at)])

    def overdue(self, seconds: float) -> list[str]:
        """Return the cases with an instant so long past without its event, by SQL alone."""
        after = timedelta(seconds=seconds)
        with reading(self.engine) as connection:
            found = census.overdue(connection, datetime.now(UTC), after=after)
        return [one.case_id for one in found]

    def late_seconds(self, case: str) -> list[int]:
        """Return what the law's own steps of a case say of their lateness."""
        sealer = joining.sealer_of(self.settings, joining.vault_of(self.settings))
        view = joining.queries_of(self.settings, sealer).case_view(case, datetime.now(UTC))
        assert view is not None
        return [one.late_seconds for one in view.timeline if one.verb == "timer_fired"]

    async def until_fired(self, case: str) -> None:
        for _ in range(300):
            if self.late_seconds(case):
                return
            await asyncio.sleep(0.2)
        raise AssertionError("the timer has not fired")

    # --- waiting for what is outside ---

    def without_workers(self) -> None:
        """Let the census see no worker: the server remembers one that has gone for minutes."""
        queue = f"deserted-{uuid4()}"
        self.settings = self.settings.model_copy(update={"temporal_task_queue": queue})
        self.census = self.another()

    async def until_accepted(self, case: str) -> None:
        """Wait until the workflow has an order under way."""
        await self._until(lambda seen: seen.is_busy, case)

    async def until_failing(self, case: str) -> None:
        """Wait until the workflow's task has failed so often that it counts as wedged."""
        await self._until(lambda seen: seen.failing >= WEDGED_AT, case)

    async def until_reported(self, case: str) -> None:
        """Wait until the server lists the workflow among those with problems."""
        for _ in range(150):
            if case in await self.visible().failing():
                return
            await asyncio.sleep(0.2)
        raise AssertionError("not reported")

    async def _until(self, true: Callable[[Seen], bool], case: str) -> None:
        for _ in range(300):
            if true(await self.seen(case)):
                return
            await asyncio.sleep(0.2)
        raise AssertionError(await self.seen(case))


@asynccontextmanager
async def town(settings: Settings, *, working: bool = True) -> AsyncIterator[Town]:
    """Give a town with a worker in this process (`working`), its census not running by itself."""
    client = await temporal.connect(settings)
    sealer = joining.sealer_of(settings, joining.vault_of(settings))
    engine = open_engine(settings.store_url("cases"))
    reception = CityReception(
        client,
        settings.temporal_task_queue,
        access=joining.access_of(settings, "web"),
        queries=joining.queries_of(settings, sealer),
        catalogue=catalogue,
        refusals=RefusalLog(open_engine(settings.store_url("web")), "web", sealer.who),
    )
    there = Town(settings, engine, client, reception)
    try:
        if working:
            async with serving(there, ApprovalWorkflow):
                yield there
        else:
            yield there
    finally:
        there.census.let_go()  # the next town's census need not wait for the lease to run out
        engine.dispose()


@asynccontextmanager
async def serving(there: Town, approval: type, press: Press | None = None) -> AsyncIterator[None]:
    """Run a worker in this process, with this class for cases."""
    settings = there.settings
    with (
        workshop(settings, press or NothingToPrint(), catalogue) as shop,
        ThreadPoolExecutor(4) as pool,
    ):
        async with Worker(
            there.client,
            task_queue=settings.temporal_task_queue,
            workflows=[approval, ProjectWorkflow],
            workflow_runner=ContextFreeRunner(there.client.data_converter),
            activities=shop.activities(),
            activity_executor=pool,
            max_concurrent_activities=THREADS,
            sticky_queue_schedule_to_start_timeout=temporal.STICKY_TIMEOUT,
        ):
            yield


@asynccontextmanager
async def workflows_only(there: Town) -> AsyncIterator[None]:
    """Run a worker that carries out no activity: what is accepted is not settled."""
    async with Worker(
        there.client,
        task_queue=there.settings.temporal_task_queue,
        workflows=[ApprovalWorkflow],
        workflow_runner=ContextFreeRunner(there.client.data_converter),
    ):
        yield
