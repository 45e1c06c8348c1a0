"""What a process does again and again beside its main work.

Whatever ends one turn of a job ends nothing else: a fault that nobody foresaw is logged with its
trace, shown by `bin/yichuang status` and the supervisors' board until a turn succeeds, and the job
is tried again. Pages stay up; what they do not show of themselves, a watch that has stopped, is
told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from yichuang import roles

AWAY: Final = (OSError, SQLAlchemyError)
"""A store that is away or busy: the next turn finds what this one left."""

PASSES_WITHIN: Final = timedelta(minutes=10)
"""What passes by itself and has not after so long, or after three turns where they are rarer, is
told like any fault."""

AGAIN: Final = timedelta(seconds=30)
"""After so long a service that has ended is started once more."""

_log = logging.getLogger("yichuang.beside")


@dataclass(frozen=True, slots=True)
class Job:
    """What is looked at now and again, in a thread."""

    name: str
    """In Chinese, as `status` shows it."""
    look: Callable[[], object]
    every: timedelta
    away: tuple[type[Exception], ...] = ()
    """Errors that pass by themselves, as a store that is away or another process that was faster:
    logged, and left to the next turns."""


@dataclass(frozen=True, slots=True)
class Service:
    """What runs for as long as the process does."""

    name: str
    run: Callable[[], Awaitable[None]]


@contextlib.asynccontextmanager
async def beside(jobs: Sequence[Job], services: Sequence[Service] = ()) -> AsyncIterator[None]:
    """Do the jobs and run the services until the block is left."""
    tasks = [asyncio.create_task(_keep(one)) for one in jobs]
    tasks += [asyncio.create_task(_run(one)) for one in services]
    try:
        yield
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(job: Job) -> None:
    patience = max(PASSES_WITHIN, 3 * job.every).total_seconds()
    succeeded = time.monotonic()
    while True:
        try:
            await asyncio.to_thread(job.look)
        except job.away as away:
            _log.warning("%s: not now: %s", job.name, away)
            if time.monotonic() - succeeded > patience:
                roles.stalled(job.name, is_so=True)
        except Exception:
            _failed(job.name)
        else:
            succeeded = time.monotonic()
            roles.stalled(job.name, is_so=False)
        await asyncio.sleep(job.every.total_seconds())


async def _run(service: Service) -> None:
    loop = asyncio.get_running_loop()
    while True:
        # Taken back once it has run for a while: one that falls at once stays told, since when too.
        runs = partial(roles.stalled, service.name, is_so=False)
        calm = loop.call_later(AGAIN.total_seconds(), runs)
        try:
            await service.run()
            _log.warning("%s ended by itself; it is started again", service.name)
            roles.stalled(service.name, is_so=True)
        except Exception:
            _failed(service.name)
        finally:
            calm.cancel()
        await asyncio.sleep(AGAIN.total_seconds())


def _failed(name: str) -> None:
    _log.exception("%s: failed; it is tried again", name)
    roles.stalled(name, is_so=True)
