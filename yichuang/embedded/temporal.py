"""The embedded Temporal server: its makers' development server, made durable."""

import sysconfig
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from yichuang import links
from yichuang.settings import Settings

DURABLE = ("journal_mode=WAL", "synchronous=FULL")
"""As safe as the shipped mode at a power cut and 1.5–2.2 times as fast; `synchronous=NORMAL` lost
acknowledged steps in 5 of 5 snapshots (reference/temporal.md §3.2)."""

ONE_PARTITION = (
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)
"""On one machine four partitions only lengthen the tail: p95 1204 → 616 ms (temporal.md §1.2)."""

REPORT_PROBLEMS = "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=2"
"""After so many failures of a workflow task the server lists its workflow under
`TemporalReportedProblems`: 12 s, where its own 5 take 50 (measured 2026-11-26, 1.32.0)."""


def command(settings: Settings) -> list[str]:
    """Return the command that starts the server: loopback only, for it has no access control."""
    host, _, port = settings.temporal.rpartition(":")
    folder = settings.data / "temporal"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ui = ["--headless"]
    if settings.temporal_ui_port:
        ui = ["--ui-port", str(settings.temporal_ui_port), "--ui-ip", settings.loopback]
    words = [str(Path(sysconfig.get_path("scripts")) / "temporal"), "server", "start-dev"]
    words += ["--ip", host, "--port", port, *ui, "--log-level", "warn"]
    words += ["--db-filename", str(folder / "temporal.sqlite")]
    words += ["--namespace", settings.temporal_namespace]
    for pragma in DURABLE:
        words += ["--sqlite-pragma", pragma]
    for value in (*ONE_PARTITION, REPORT_PROBLEMS):
        words += ["--dynamic-config-value", value]
    return words


async def connect(settings: Settings) -> Client:
    """Return a bare client, for health and administration; roles make their own with the codec."""
    key = settings.temporal_api_key.get_secret_value()
    return await Client.connect(
        settings.temporal,
        namespace=settings.temporal_namespace,
        tls=links.temporal_tls(settings),
        api_key=key or None,
    )


async def answers(settings: Settings) -> str | None:
    """Return where Temporal serves our namespace with its retention set, None while it does not.

    The embedded server makes a namespace with 24 hours (measured): closed cases would be gone the
    next day, so the retention is set at each start.
    """
    try:
        client = await connect(settings)
        service = client.workflow_service
        name = settings.temporal_namespace
        found = await service.describe_namespace(DescribeNamespaceRequest(namespace=name))
        wanted = timedelta(days=settings.temporal_retention_days)
        kept = found.config.workflow_execution_retention_ttl.ToTimedelta()
        if settings.form == "embedded" and kept != wanted:
            ttl = Duration()
            ttl.FromTimedelta(wanted)
            config = NamespaceConfig(workflow_execution_retention_ttl=ttl)
            await service.update_namespace(UpdateNamespaceRequest(namespace=name, config=config))
            kept = wanted
    except (RPCError, RuntimeError):
        # `Client.connect` tells a closed port as RuntimeError.
        return None
    return f"{settings.temporal} 命名空间 {name} 保留 {kept.days} 天"


async def pollers(settings: Settings) -> int | None:
    """Return how many pollers ask our task queue for workflow tasks, None when nobody answers.

    A worker can be alive and poll nothing (reference/temporal.md §3.4): only this tells.
    """
    try:
        client = await connect(settings)
        queue = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=settings.temporal_namespace,
                task_queue=TaskQueue(name=settings.temporal_task_queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            )
        )
    except (RPCError, RuntimeError):
        return None
    return len(queue.pollers)
