"""The rehearsal before other code is put in place: every history this city has, replayed under it.

Where the gate of workflow code looks at a sample when a worker starts, the rehearsal reads every
run that Temporal still holds, ended ones too, and whatever was laid aside in folders, and names
each that would break. It changes nothing and notes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from temporalio import workflow
from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer

PAGE: Final = 200
SAID: Final = 400
"""Characters that are kept of what a replay says."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A run that the code at hand would not go on with."""

    name: str
    """Id of its workflow; of one from a folder its file's name."""
    run: str
    why: str


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a rehearsal found."""

    tried: int
    broken: tuple[Broken, ...]

    def __add__(self, other: Rehearsed) -> Rehearsed:
        return Rehearsed(self.tried + other.tried, (*self.broken, *other.broken))


class HistoryUnreadable(Exception):
    """A file that is no history; the text says which."""


async def rehearse(
    histories: AsyncIterator[WorkflowHistory], workflows: Sequence[type], converter: DataConverter
) -> Rehearsed:
    """Replay every one. The errors of Temporal rise: half a rehearsal proves nothing."""
    replayer = Replayer(workflows=list(workflows), data_converter=converter)
    tried, broken = 0, []
    async for one in histories:
        tried += 1
        found = await replayer.replay_workflow(one, raise_on_replay_failure=False)
        if found.replay_failure is not None:
            why = str(found.replay_failure)[:SAID]
            broken.append(Broken(one.workflow_id, one.run_id, why))
    return Rehearsed(tried, tuple(broken))


async def every(
    client: Client, workflows: Sequence[type], *, running_only: bool = False
) -> AsyncIterator[WorkflowHistory]:
    """Yield the history of every run of these kinds that Temporal still holds."""
    for one in workflows:
        # The name that `@workflow.defn` gave stands nowhere else.
        kind = workflow._Definition.must_from_class(one).name
        query = f"WorkflowType = '{kind}'"
        if running_only:
            query += " AND ExecutionStatus = 'Running'"
        async for found in client.list_workflows(query, page_size=PAGE):
            handle = client.get_workflow_handle(found.id, run_id=found.run_id)
            try:
                yield await handle.fetch_history()
            except RPCError as gone:
                # Its retention ended between the list and now.
                if gone.status is not RPCStatusCode.NOT_FOUND:
                    raise


async def laid_aside(folders: Sequence[Path]) -> AsyncIterator[WorkflowHistory]:
    """Yield the histories in these folders' JSON files. Raises `HistoryUnreadable`."""
    for path in _files(folders):
        try:
            yield WorkflowHistory.from_json(path.name, path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as wrong:
            raise HistoryUnreadable(f"{path} 不是可读的流程历史：{wrong}") from wrong


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        found = sorted(folder.glob("*.json"))
        if not found:
            raise HistoryUnreadable(f"{folder} 里没有流程历史（*.json）")
        yield from found


PLAIN: Final = pydantic_data_converter
"""How payloads of laid-aside histories are read: they were kept unsealed."""
