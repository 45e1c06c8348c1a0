"""Makes the histories that replay must still accept: python -m tests.histories.make [NAME…]

Run it only for a new path. A history that is there stays as it is: it stands for the cases that
run somewhere today, and a change of workflow code must go on accepting it (`workflow.patched`).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from tests.histories.paths import BY_NAME, PATHS
from tests.histories.walking import walk_path
from tests.workflows.conftest import TEST_SERVER
from yichuang.temporal import make_worker

HERE = Path(__file__).parent
QUEUE = "histories"


def file_of(name: str, run: int) -> Path:
    return HERE / f"{name}.{run}.json"


async def histories(name: str) -> list[WorkflowHistory]:
    """Return the histories of a path's runs, the first run first."""
    path = BY_NAME[name]
    settlement = path.settlement()
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(TEST_SERVER), data_converter=pydantic_data_converter
    )
    async with environment:
        client = environment.client
        with ThreadPoolExecutor(2) as threads:
            async with make_worker(client, QUEUE, [settlement.settle], threads, 2):
                handle, _ = await walk_path(environment, QUEUE, path, case_id=name)
                await handle.result()
                found = []
                run_id = handle.first_execution_run_id or ""
                while run_id:
                    history = await client.get_workflow_handle(
                        handle.id, run_id=run_id
                    ).fetch_history()
                    found.append(history)
                    run_id = _next_run(history)
                return found


def _nameless(value: Any) -> Any:
    """Return the history without the name of the machine that made it."""
    if isinstance(value, list):
        return [_nameless(item) for item in value]
    if isinstance(value, dict):
        return {
            key: "worker" if key == "identity" else _nameless(item) for key, item in value.items()
        }
    return value


def _next_run(history: WorkflowHistory) -> str:
    last = history.events[-1]
    return last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id


async def _main(names: Sequence[str]) -> None:
    for name in names or [path.name for path in PATHS]:
        if file_of(name, 1).exists() and not names:
            continue
        for run, history in enumerate(await histories(name), start=1):
            file = file_of(name, run)
            plain = _nameless(history.to_json_dict())
            text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            file.write_text(text + "\n", encoding="utf-8")
            sys.stdout.write(f"{file.name} {len(history.events)} events\n")


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
