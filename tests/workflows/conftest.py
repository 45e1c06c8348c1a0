"""A time-skipping server and a worker with its sandbox on."""

from __future__ import annotations

import sysconfig
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from yichuang.codec import codec_of
from yichuang.temporal import data_converter, make_worker

TEST_SERVER = Path(sysconfig.get_path("scripts")) / "temporal-test-server"
KEY = b"k" * 32

Serving = Callable[..., AbstractAsyncContextManager[str]]


@pytest_asyncio.fixture
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    """A server on which a month passes in milliseconds; payloads go through the codec."""
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(TEST_SERVER), data_converter=data_converter(codec_of([KEY]))
    )
    async with environment:
        yield environment


@pytest.fixture
def serving(skipping: WorkflowEnvironment) -> Serving:
    """Run a worker with these activities; yields its task queue."""

    @asynccontextmanager
    async def serve(*activities: Callable[..., Any]) -> AsyncIterator[str]:
        queue = f"queue-{uuid4()}"
        with ThreadPoolExecutor(2) as threads:
            async with make_worker(skipping.client, queue, activities, threads, 2):
                yield queue

    return serve
