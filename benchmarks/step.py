"""Human steps per second through the whole path, against a bare Temporal workflow of its shape.

Ours: reception (policy, warrant signed) → update → main loop → settle (warrant verified, rules
asked by durable_rules, entry, rows, outbox, one transaction) → answer, from filing to rating, eight
steps a case. Bare: update → main loop → one empty normal activity → answer, eight steps a
workflow. One server, two worker processes that take turns, clients in this process. The matter is
食品经营许可 without its documents: printing has a benchmark of its own.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
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
CASES = 48
ROUNDS = 3
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
    return Catalogue(matters, shipped.law, shipped.city, shipped.calendars)


class NothingToPrint:
    """Must not be asked: the matter has no documents."""

    def render(self, order: DocumentOrder) -> bytes:
        raise AssertionError(f"a document in a benchmark without documents: {order.kind}")


def run(cases: int = CASES, rounds: int = ROUNDS, clients: int = CLIENTS) -> dict[str, Any]:
    """Return steps per second, ours and bare, medians over interleaved rounds."""
    with ground.installed() as settings:
        return asyncio.run(_run(settings, cases, rounds, clients))


async def _run(settings: Settings, cases: int, rounds: int, clients: int) -> dict[str, Any]:
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
        through = {"ours": _ours(settings, await temporal.connect(settings)), "bare": _bare(plain)}
        return await _rounds(through, cases, rounds, clients)
    finally:
        ours.stop()
        bare.stop()
        server.kill()


OneCase = Callable[[list[float]], Awaitable[None]]


async def _rounds(
    through: dict[str, OneCase], cases: int, rounds: int, clients: int
) -> dict[str, Any]:
    rates: dict[str, list[float]] = {name: [] for name in through}
    waits: dict[str, list[float]] = {name: [] for name in through}
    for one in through.values():  # caches, sandboxes, connections
        await _crowd(one, clients, clients, [])
    for number in range(rounds):
        order = list(through.items())[:: 1 if number % 2 else -1]
        for name, one in order:
            began = time.perf_counter()
            await _crowd(one, cases, clients, waits[name])
            rates[name].append(cases * STEPS / (time.perf_counter() - began))
    value, baseline = statistics.median(rates["ours"]), statistics.median(rates["bare"])
    # Quotients of neighbours in time: what the machine did to one it did to the other.
    ratio = statistics.median(a / b for a, b in zip(rates["ours"], rates["bare"], strict=True))
    return {
        "name": "step",
        "value": round(value, 1),
        "unit": "steps/s",
        "baseline": round(baseline, 1),
        "ratio": round(ratio, 3),
        "steps": cases * STEPS * rounds,
        "clients": clients,
        "ours_ms_p50": _milliseconds(waits["ours"], 0.5),
        "ours_ms_p95": _milliseconds(waits["ours"], 0.95),
        "bare_ms_p50": _milliseconds(waits["bare"], 0.5),
        "bare_ms_p95": _milliseconds(waits["bare"], 0.95),
        "rounds_ours": [round(rate, 1) for rate in rates["ours"]],
        "rounds_bare": [round(rate, 1) for rate in rates["bare"]],
    }


def _milliseconds(waits: list[float], quantile: float) -> float:
    ordered = sorted(waits)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * quantile))] * 1000, 1)


async def _crowd(one: OneCase, cases: int, clients: int, waits: list[float]) -> None:
    left = iter(range(cases))

    async def client() -> None:
        for _ in left:
            await one(waits)

    await asyncio.gather(*(client() for _ in range(clients)))


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

    async def one(waits: list[float]) -> None:
        case_id = str(uuid4())
        for who, verb, body in steps_of_a_case():
            request = Request(id=str(uuid4()), verb=verb, body=body, case_id=case_id)
            began = time.perf_counter()
            (outcome,) = await reception.handle(who, SOURCE, (request,))
            waits.append(time.perf_counter() - began)
            assert outcome.status == "done", outcome

    return one


def _bare(client: Client) -> OneCase:
    async def one(waits: list[float]) -> None:
        start: WithStartWorkflowOperation[BareWorkflow, int] = WithStartWorkflowOperation(
            BareWorkflow.run,
            STEPS,
            id=f"bare-{uuid4()}",
            task_queue=BARE_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        for number in range(STEPS):
            command = str(uuid4())
            began = time.perf_counter()
            if number == 0:
                await client.execute_update_with_start_workflow(
                    BareWorkflow.act, command, start_workflow_operation=start, id=command
                )
                handle = await start.workflow_handle()
            else:
                await handle.execute_update(BareWorkflow.act, command, id=command)
            waits.append(time.perf_counter() - began)

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
