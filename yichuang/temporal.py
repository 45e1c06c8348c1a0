"""How one of our processes joins Temporal: pydantic values, sealed payloads, a short memory.

What is set here was measured (docs/decisions): autoscaling pollers keep the tail short, a sticky
timeout of one second lets another worker take a case over in 1.2 s instead of 10.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import timedelta
from functools import lru_cache
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import KeepAliveConfig
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from workflows.approval import ApprovalWorkflow
from workflows.fund import FundWorkflow
from workflows.incident import IncidentWorkflow
from workflows.payments import PaymentWorkflow
from workflows.performance import PerformanceWorkflow
from workflows.plans import PlanReportWorkflow
from workflows.project import ProjectWorkflow
from workflows.releases import ReleaseWorkflow, RetimingWorkflow
from workflows.warnings import WarningWorkflow
from yichuang import links
from yichuang.codec import SealingCodec, codec_of
from yichuang.keyring import KeyMissing, master_keys, masters
from yichuang.sandbox import ContextFreeRunner
from yichuang.settings import Settings

__all__ = ["WORKFLOWS", "KeyMissing", "connect", "data_converter", "make_worker", "master_keys"]

WORKFLOWS: tuple[type, ...] = (
    ApprovalWorkflow,
    ReleaseWorkflow,
    RetimingWorkflow,
    PaymentWorkflow,
    FundWorkflow,
    IncidentWorkflow,
    ProjectWorkflow,
    WarningWorkflow,
    PerformanceWorkflow,
    PlanReportWorkflow,
)
"""Every workflow there is (held by tests/house/test_registered.py)."""

STICKY_TIMEOUT = timedelta(seconds=1)
"""How long a case waits for the worker that remembers it, when that one was killed."""
GRACE = timedelta(seconds=5)
"""How long running activities may finish when the worker is asked to stop."""
CACHED_CASES = 1000
"""Cases kept in memory: about 48 KB each (measured)."""


def data_converter(codec: SealingCodec) -> DataConverter:
    """Return how values become payloads: JSON by pydantic, then sealed; failures' words too."""
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


@lru_cache(maxsize=1)
def _runtime() -> Runtime:
    # The core would log to standard output; an unread pipe there froze a worker (temporal.md §3.4).
    forward = LogForwardingConfig(logger=logging.getLogger("temporalio.core"))
    level = TelemetryFilter(core_level="WARN", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(level, forward)))


async def connect(settings: Settings, *, lazy: bool = False) -> Client:
    """Return a client with the codec; a `lazy` one connects when it is first used.

    Raises `KeyMissing`; `RuntimeError` if nobody answers.
    """
    key = settings.temporal_api_key.get_secret_value()
    return await Client.connect(
        settings.temporal,
        namespace=settings.temporal_namespace,
        tls=links.temporal_tls(settings),
        api_key=key or None,
        data_converter=data_converter(codec_of(masters(settings), settings.sealing)),
        runtime=_runtime(),
        lazy=lazy,
        keep_alive_config=KeepAliveConfig(interval_millis=10_000, timeout_millis=5_000),
    )


def make_worker(
    client: Client,
    task_queue: str,
    activities: Sequence[Callable[..., Any]],
    executor: Executor,
    threads: int,
) -> Worker:
    """Return a worker for every workflow and these activities; `async with` it runs and drains.

    `threads` is how many activities run at once in `executor`. The sandbox stays on.
    """
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        workflow_runner=ContextFreeRunner(client.data_converter),
        activities=activities,
        activity_executor=executor,
        max_concurrent_activities=threads,
        max_cached_workflows=CACHED_CASES,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=GRACE,
    )
