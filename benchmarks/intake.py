"""From a NATS message to a started workflow and its answer, against a bare `start_workflow`.

Ours, one filing at a time: publish with JetStream's acknowledgement (on the disk) → gateway reads,
checks the schema, looks for an earlier answer → policy, signed warrant → update-with-start →
settle in one transaction (case number, rows, entry, outbox) → register of answers → answer in
stream RPL → heard. Bare: `start_workflow` of an empty workflow, until the server has it. Both on
one Temporal server with our settings, turn by turn. The matter of the main figure issues no
document; `with_receipt_*` is 食品经营许可, whose 收件凭证 is printed before the answer.
`bare_update_*` is an empty workflow asked as ours is, by update-with-start with one activity: what
of our time is Temporal's.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from nats.aio.client import Client as Bus
from nats.aio.msg import Msg
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from benchmarks import ground
from benchmarks.bare import BareWorkflow
from benchmarks.step import BARE_QUEUE, DEPARTMENT, steps_of_a_case
from yichuang.bus import connect
from yichuang.events import read
from yichuang.orders import order_event
from yichuang.settings import Settings
from yichuang.subjects import OrderSubject

FILINGS = 100
WITH_RECEIPT = 20
WARM = 5
USER = "portal"
PARTS = "temporal,nats,worker,gateway"
READY = "一窗已就绪"
ANSWER_SECONDS = 60.0

PLAIN = (
    "nl-gemeente",
    {"matter": "wabo-receipt", "applicant": {"kind": "other", "name": "benchmark"}},
)
"""Department and filing of a matter without a receipt."""


def run(filings: int = FILINGS, with_receipt: int = WITH_RECEIPT) -> dict[str, Any]:
    """Return milliseconds from message to answer, p50 and p95, and those of the baseline."""
    with ground.installed() as settings:
        words = [sys.executable, "-u", "-m", "yichuang.cli", "up", "--only", PARTS]
        city = ground.Process(settings, "up", words)
        bare = ground.worker(settings, "benchmarks.step", "bare", name="bare")
        try:
            city.start()
            city.until_it_says(READY)
            bare.start()
            bare.until_it_says(ground.READY)
            return asyncio.run(_run(settings, filings, with_receipt))
        finally:
            bare.stop()
            city.stop()


async def _run(settings: Settings, filings: int, with_receipt: int) -> dict[str, Any]:
    temporal = await Client.connect(settings.temporal, namespace=settings.temporal_namespace)
    bus = await connect(settings, USER)
    try:
        sender = await Sender.listening(bus, settings.city)
        _, _, food = steps_of_a_case()[0]
        for _ in range(WARM):
            await sender.filed(*PLAIN)
            await _started(temporal)
        ours: list[float] = []
        theirs: list[float] = []
        updates: list[float] = []
        for _ in range(filings):
            ours.append(await sender.filed(*PLAIN))
            theirs.append(await _started(temporal))
            updates.append(await _updated(temporal))
        await sender.filed(DEPARTMENT, food)
        printed = [await sender.filed(DEPARTMENT, food) for _ in range(with_receipt)]
    finally:
        await bus.close()
    value, baseline = quantile(ours, 0.5), quantile(theirs, 0.5)
    return {
        "name": "intake",
        "value": value,
        "unit": "ms",
        "baseline": baseline,
        "ratio": round(baseline / value, 3),
        "filings": filings,
        "p50": value,
        "p95": quantile(ours, 0.95),
        "baseline_p95": quantile(theirs, 0.95),
        "bare_update_p50": quantile(updates, 0.5),
        "bare_update_p95": quantile(updates, 0.95),
        "with_receipt_p50": quantile(printed, 0.5),
        "with_receipt_p95": quantile(printed, 0.95),
    }


@dataclass
class Sender:
    """An integrator that waits for each answer before it sends the next order."""

    bus: Bus
    city: str
    heard: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    async def listening(cls, bus: Bus, city: str) -> Sender:
        """Return a sender that hears its answers from now on."""
        sender = cls(bus, city)
        await bus.subscribe(f"rpl.{city}.{USER}.>", cb=sender._hear)
        await bus.flush()
        return sender

    async def _hear(self, message: Msg) -> None:
        data = read(message.data, message.headers).data
        waiting = self.heard.pop(data["event_id"], None)
        if waiting is not None:
            waiting.set_result(data)

    async def filed(self, department: str, filing: dict[str, Any]) -> float:
        """File a fresh case; return the seconds from message to answer, which must be a yes."""
        event_id = str(uuid4())
        data = {"reference": event_id, "body": filing}
        event = order_event(self.city, "file", data, source="/benchmark", event_id=event_id)
        subject = str(OrderSubject(self.city, department, USER, "file"))
        self.heard[event_id] = answer = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self.bus.jetstream().publish(subject, event.to_json())
        said = await asyncio.wait_for(answer, ANSWER_SECONDS)
        took = time.perf_counter() - began
        assert said.get("outcome", {}).get("status") == "done", said
        return took


async def _started(client: Client) -> float:
    began = time.perf_counter()
    await client.start_workflow(BareWorkflow.run, 0, id=f"bare-{uuid4()}", task_queue=BARE_QUEUE)
    return time.perf_counter() - began


async def _updated(client: Client) -> float:
    """Return the seconds of update-with-start and one empty activity: the least that an answer
    after the commit can cost, whatever stands before and behind it."""
    start: WithStartWorkflowOperation[BareWorkflow, int] = WithStartWorkflowOperation(
        BareWorkflow.run,
        1,
        id=f"bare-{uuid4()}",
        task_queue=BARE_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    began = time.perf_counter()
    await client.execute_update_with_start_workflow(
        BareWorkflow.act, str(uuid4()), start_workflow_operation=start
    )
    return time.perf_counter() - began


def quantile(seconds: Sequence[float], part: float) -> float:
    """Return a quantile in milliseconds."""
    ordered = sorted(seconds)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000, 1)
