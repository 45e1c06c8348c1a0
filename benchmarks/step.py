"""Human steps per second through the whole path, against a bare Temporal workflow of its shape.

Ours: reception (policy, warrant signed) → update → main loop → settle (warrant verified, rules
asked by durable_rules, entry, rows, outbox, one transaction) → answer, from filing to rating, eight
steps a case. Bare: update → main loop → one empty normal activity → answer, eight steps a
workflow. One server, two worker processes, clients in this process; the two take short turns, and
what is under way when a turn ends is waited for. The matter is 食品经营许可 without its documents:
printing has a benchmark of its own.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import uuid4

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities.papers import DocumentOrder
from benchmarks import ground
from benchmarks.bare import STEPS, BareWorkflow, nothing
from cases.database import open_engine
from cases.messages import Actor, Grant, Source
from cases.reception import Request
from catalogue.load import Catalogue
from yichuang import joining, temporal
from yichuang.reception import CityReception
from yichuang.refusals import RefusalLog
from yichuang.settings import Settings, from_environment
from yichuang.worker import THREADS, workshop

CLIENTS = 16
SECONDS, WARM_SECONDS, ROUNDS = 4.0, 5.0, 8
"""Length of a turn, of the one before that counts, and turns of each side."""
ENOUGH_SECONDS, LEAST_ROUNDS = 80.0, 3
"""On a busy machine no further round begins after so long: the whole stays under two minutes."""
BARE_QUEUE = "bare"
DEPARTMENT = "scjg"
SOURCE = Source(door="web", ip="127.0.0.1", session="benchmark")

FORM = {
    "operator_name": "云川市清泉餐饮有限公司",
    "uscc": "91990100MA00000000",
    "legal_representative": "张三",
    "id_number": "110105194912310025",
    "phone": "13800000000",
    "premises_address": "云川市商务路18号一层",
    "business_kind": "餐饮服务经营者",
    "items": ["热食类食品制售"],
    "floor_area_m2": 120,
}


def actor(name: str, role: str) -> Actor:
    return Actor(
        id=f"u:{name}",
        department=DEPARTMENT,
        grants=(Grant(role=role, department=DEPARTMENT),),
        clearance=3,
    )


CLERK, REVIEWER = actor("clerk", "window_clerk"), actor("reviewer", "section_clerk")
HEAD, DESK = actor("head", "section_head"), actor("desk", "certificate_desk")
PEOPLE = (CLERK, REVIEWER, HEAD, DESK)
TASK = "review-site-check"


def steps_of_a_case() -> list[tuple[Actor, str, dict[str, Any]]]:
    """Return the eight steps from filing to rating: who, verb, body."""
    materials = ["application", "premises", "safety-rules", "health-cert", "manager-proof"]
    filing = {
        "matter": "food-operation",
        "applicant": {"kind": "enterprise", "name": FORM["operator_name"]},
        "form": FORM,
        "materials": [{"code": code, "originals": 1} for code in materials],
    }
    opinion = {"task": TASK, "result": "agree", "text": "符合条件，同意。"}
    return [
        (CLERK, "file", filing),
        (CLERK, "accept", {}),
        (REVIEWER, "opine", opinion),
        (HEAD, "decide", {"result": "grant"}),
        (DESK, "certify", {"certificate": "食品经营许可证", "number": "JY1"}),
        (CLERK, "serve", {"method": "direct", "recipient": "张三"}),
        (CLERK, "close", {}),
        (CLERK, "rate", {"grade": 1}),
    ]


@cache
def catalogue() -> Catalogue:
    """Return the catalogue with this one matter printing nothing and asking for no inspection."""
    shipped = joining.catalogue()
    matters = tuple(
        one.model_copy(
            update={
                "documents": (),
                "steps": tuple(s.model_copy(update={"inspectors": 0}) for s in one.steps),
            }
        )
        for one in shipped.matters
        if one.code == "food-operation"
    )
    return Catalogue(
        matters, shipped.law, shipped.city, shipped.calendars, templates=shipped.templates
    )


class NothingToPrint:
    """Must not be asked: the matter has no documents."""

    def render(self, order: DocumentOrder) -> bytes:
        raise AssertionError(f"a document in a benchmark without documents: {order.kind}")


def run(seconds: float = SECONDS, rounds: int = ROUNDS, clients: int = CLIENTS) -> dict[str, Any]:
    """Return steps per second, ours and bare, and the CPU time of a step by process."""
    until = time.monotonic() + ENOUGH_SECONDS
    with ground.installed() as settings:
        ground.admit(settings, *PEOPLE)
        return asyncio.run(_run(settings, seconds, rounds, clients, until))


async def _run(
    settings: Settings, seconds: float, rounds: int, clients: int, until: float
) -> dict[str, Any]:
    server = ground.TemporalServer(settings)
    ours = ground.worker(settings, "benchmarks.step", "ours", name="ours")
    bare = ground.worker(settings, "benchmarks.step", "bare", name="bare")
    try:
        server.start()
        await server.until_ready()
        ours.start()
        bare.start()
        ours.until_it_says(ground.READY)
        bare.until_it_says(ground.READY)
        plain = await Client.connect(settings.temporal, namespace=settings.temporal_namespace)
        sides = {
            "ours": _Side(_ours(settings, await temporal.connect(settings)), ours, server),
            "bare": _Side(_bare(plain), bare, server),
        }
        for side in sides.values():
            side.enter(clients)
        try:
            await _rounds(sides, seconds, rounds, until)
        finally:
            for side in sides.values():
                side.leave()
        return _found(sides["ours"], sides["bare"], clients)
    finally:
        ours.stop()
        bare.stop()
        server.kill()


OneCase = Callable[["_Side"], Awaitable[None]]


class _Side:
    """One of the two, with clients that go on where they stood whenever its turn comes."""

    def __init__(self, one: OneCase, worker: ground.Process, server: ground.Process) -> None:
        self._one, self._worker, self._server = one, worker, server
        self._open = asyncio.Event()
        self._idle = asyncio.Event()
        self._under_way = 0
        self._clients: list[asyncio.Task[None]] = []
        self.steps = 0
        self.waits: list[float] = []
        self.rates: list[float] = []
        self.cpu: list[dict[str, float]] = []

    def enter(self, clients: int) -> None:
        self._clients = [asyncio.create_task(self._client()) for _ in range(clients)]

    def leave(self) -> None:
        for client in self._clients:
            client.cancel()

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """Hold a step back until it is this side's turn; then time and count it."""
        await self._open.wait()
        self._under_way += 1
        began = time.perf_counter()
        try:
            yield
            self.steps += 1
            self.waits.append(time.perf_counter() - began)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def turn(self, seconds: float) -> None:
        """Let the clients work for so long, and wait for the steps that are then under way."""
        for client in self._clients:
            if client.done():
                client.result()  # raises what ended it
        steps, spent, began = self.steps, self._spent(), time.perf_counter()
        self._open.set()
        await asyncio.sleep(seconds)
        self._open.clear()
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()
        steps = self.steps - steps
        assert steps, "not one step: " + self._worker.words()
        self.rates.append(steps / (time.perf_counter() - began))
        self.cpu.append({name: (now - spent[name]) / steps for name, now in self._spent().items()})

    def forget(self) -> None:
        """Forget what was measured so far: it was the warming up."""
        self.steps = 0
        self.waits, self.rates, self.cpu = [], [], []

    def cpu_ms(self) -> dict[str, float]:
        """Return the milliseconds of CPU per step by process, medians over the turns."""
        parts = {
            name: round(statistics.median(one[name] for one in self.cpu) * 1000, 1)
            for name in self.cpu[0]
        }
        return parts | {"all": round(sum(parts.values()), 1)}

    async def _client(self) -> None:
        while True:
            await self._one(self)

    def _spent(self) -> dict[str, float]:
        return {
            "server": self._server.cpu_seconds(),
            "worker": self._worker.cpu_seconds(),
            "client": time.process_time(),
        }


async def _rounds(sides: dict[str, _Side], seconds: float, rounds: int, until: float) -> None:
    for side in sides.values():  # caches, sandboxes, connections; and clients fall out of step
        await side.turn(WARM_SECONDS)
        side.forget()
    for number in range(rounds):
        if number >= LEAST_ROUNDS and time.monotonic() > until:
            break
        for side in list(sides.values())[:: 1 if number % 2 else -1]:
            await side.turn(seconds)


def _found(ours: _Side, bare: _Side, clients: int) -> dict[str, Any]:
    # Quotients of neighbours in time: what the machine did to one it did to the other.
    ratio = statistics.median(a / b for a, b in zip(ours.rates, bare.rates, strict=True))
    cpu, bare_cpu = ours.cpu_ms(), bare.cpu_ms()
    return {
        "name": "step",
        "value": round(statistics.median(ours.rates), 1),
        "unit": "steps/s",
        "baseline": round(statistics.median(bare.rates), 1),
        "ratio": round(ratio, 3),
        "steps": ours.steps,
        "clients": clients,
        "ours_ms_p50": _milliseconds(ours.waits, 0.5),
        "ours_ms_p95": _milliseconds(ours.waits, 0.95),
        "bare_ms_p50": _milliseconds(bare.waits, 0.5),
        "bare_ms_p95": _milliseconds(bare.waits, 0.95),
        "rounds_ours": [round(rate, 1) for rate in ours.rates],
        "rounds_bare": [round(rate, 1) for rate in bare.rates],
        "ours_cpu_ms": cpu,
        "bare_cpu_ms": bare_cpu,
        "cpu_ratio": round(bare_cpu["all"] / cpu["all"], 3),
    }


def _milliseconds(waits: list[float], quantile: float) -> float:
    ordered = sorted(waits)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * quantile))] * 1000, 1)


def _ours(settings: Settings, client: Client) -> OneCase:
    sealer = joining.sealer_of(settings, joining.vault_of(settings))
    reception = CityReception(
        client,
        settings.temporal_task_queue,
        access=joining.access_of(settings, "web"),
        queries=joining.queries_of(settings, sealer),
        catalogue=catalogue,
        refusals=RefusalLog(open_engine(settings.store_url("web")), "web", sealer.who),
    )

    async def one(side: _Side) -> None:
        case_id = str(uuid4())
        for who, verb, body in steps_of_a_case():
            request = Request(id=str(uuid4()), verb=verb, body=body, case_id=case_id)
            async with side.step():
                (outcome,) = await reception.handle(who, SOURCE, (request,))
            assert outcome.status == "done", outcome

    return one


def _bare(client: Client) -> OneCase:
    async def one(side: _Side) -> None:
        start: WithStartWorkflowOperation[BareWorkflow, int] = WithStartWorkflowOperation(
            BareWorkflow.run,
            STEPS,
            id=f"bare-{uuid4()}",
            task_queue=BARE_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        for number in range(STEPS):
            command = str(uuid4())
            async with side.step():
                if number == 0:
                    await client.execute_update_with_start_workflow(
                        BareWorkflow.act, command, start_workflow_operation=start, id=command
                    )
                    handle = await start.workflow_handle()
                else:
                    await handle.execute_update(BareWorkflow.act, command, id=command)

    return one


# --- the workers, processes of their own --------------------------------------------------------


async def _serve_ours(settings: Settings) -> None:
    with (
        workshop(settings, NothingToPrint(), catalogue) as shop,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        client = await temporal.connect(settings)
        queue = settings.temporal_task_queue
        async with temporal.make_worker(client, queue, shop.activities(), pool, THREADS):
            await _until_killed()


async def _serve_bare(settings: Settings) -> None:
    client = await Client.connect(settings.temporal, namespace=settings.temporal_namespace)
    with ThreadPoolExecutor(THREADS) as pool:
        async with Worker(
            client,
            task_queue=BARE_QUEUE,
            workflows=[BareWorkflow],
            activities=[nothing],
            activity_executor=pool,
            max_concurrent_activities=THREADS,
            max_cached_workflows=temporal.CACHED_CASES,
            workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
            activity_task_poller_behavior=PollerBehaviorAutoscaling(),
            sticky_queue_schedule_to_start_timeout=temporal.STICKY_TIMEOUT,
        ):
            await _until_killed()


async def _until_killed() -> None:
    print(ground.READY, datetime.now(UTC).isoformat(), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    serve = {"ours": _serve_ours, "bare": _serve_bare}[sys.argv[1]]
    asyncio.run(serve(from_environment()))
