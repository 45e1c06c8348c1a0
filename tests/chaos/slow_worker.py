"""A worker that can be met in the middle: python -m tests.chaos.slow_worker FOLDER

While FOLDER/pause is there, each settling waits a few seconds, for half of the cases before it
commits and for the other half after, and says so by touching FOLDER/<case id>.
"""

from __future__ import annotations

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from temporalio import activity

from activities.settle import Settlement
from benchmarks.ground import READY
from benchmarks.step import NothingToPrint, catalogue
from cases.settling import Batch, Settled
from yichuang import temporal
from yichuang.settings import from_environment
from yichuang.worker import THREADS, workshop

PAUSE_SECONDS = 5.0


def commits_first(case_id: str) -> bool:
    """Whether this case is met after the commit (else before it)."""
    return int(case_id[-1], 16) % 2 == 0


class SlowSettlement:
    def __init__(self, settlement: Settlement, folder: Path) -> None:
        self._settlement = settlement
        self._folder = folder

    @activity.defn(name="settle")
    def settle(self, batch: Batch) -> Settled:
        case_id = batch.commands[0].case_id
        if not commits_first(case_id):
            self._wait(case_id)
            return self._settlement.settle(batch)
        settled = self._settlement.settle(batch)
        self._wait(case_id)
        return settled

    def _wait(self, case_id: str) -> None:
        if (self._folder / "pause").exists():
            (self._folder / case_id).touch()
            time.sleep(PAUSE_SECONDS)


async def _serve(folder: Path) -> None:
    settings = from_environment()
    with (
        workshop(settings, NothingToPrint(), catalogue) as shop,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        slow = SlowSettlement(shop.settlement, folder)
        client = await temporal.connect(settings)
        queue = settings.temporal_task_queue
        async with temporal.make_worker(client, queue, [slow.settle], pool, THREADS):
            sys.stdout.write(f"{READY}\n")
            sys.stdout.flush()
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
