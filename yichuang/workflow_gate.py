"""The gate of workflow code: what was not proved on this city's own histories does not start.

A worker whose workflow code is not the one proved last replays histories of what runs here now and
asks the invariants of the policy in force, before it polls. What holds is noted and is an entry;
what does not is an entry too, and the worker ends: the cases wait, none is harmed
(docs/decisions/0027).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid5

from sqlalchemy import Engine
from temporalio import workflow
from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer

from audit.entry import COMMAND_NAMESPACE, EntryDraft, What, Where, Who
from audit.outbox import record, recorded
from cases import proved_workflows
from cases.database import reading
from cases.proved_workflows import Proved
from yichuang.workflow_code import code_digest

STREAM: Final = "sys:workflows"
PROVED: Final = "workflow_proved"
REFUSED: Final = "workflow_refused"

AGES = (timedelta(0), *(timedelta(days=days) for days in (1, 7, 30, 90, 180, 365)))
"""So old at least are the histories of each part of the sample: what runs longest was begun under
the oldest code (行政许可法第四十二条: twenty working days, with pauses and extensions months)."""
EACH = 20
"""Histories of each kind and age. At some 20 ms each (2026-11-27) a start takes seconds longer."""
MOST_SAID = 10

_log = logging.getLogger("yichuang.worker")

Histories = Callable[[], AsyncIterator[WorkflowHistory]]


class WorkflowRefused(Exception):
    """The code would not go on with what runs here: final, until other code is put in its place."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(
            "流程程序与本市在办的流程不合，办件进程不启动；请换回原来的版本，在办的不受影响：\n"
            + "\n".join(faults[:MOST_SAID])
        )
        self.faults = faults


@dataclass(frozen=True)
class WorkflowGate:
    """Proves `workflows` on the histories of one city."""

    engine: Engine
    """The cases store, in which a proof is noted."""
    workflows: Sequence[type]
    converter: DataConverter
    histories: Histories
    invariants: Callable[[], Sequence[str]]
    """What the policy in force breaks, a sentence each."""
    now: Callable[[], datetime]

    @property
    def digest(self) -> str:
        return code_digest(sorted({one.__module__ for one in self.workflows}))

    async def pass_through(self) -> int:
        """Return how many histories were replayed; 0 too where this very code was proved last.

        Raises `WorkflowRefused` after its entry; the errors of Temporal and of the store rise.
        """
        digest = self.digest
        with reading(self.engine) as connection:
            last = proved_workflows.newest(connection)
        if last is not None and last.digest == digest:
            return 0
        count, faults = await self.tried()
        self._note(digest, count, faults)
        if faults:
            raise WorkflowRefused(faults)
        _log.info("流程程序 %s 已在本市的 %d 份历史上重放", digest[:12], count)
        return count

    async def tried(self) -> tuple[int, list[str]]:
        """Return how many histories were replayed, and what does not hold. Notes nothing."""
        replayer = Replayer(workflows=list(self.workflows), data_converter=self.converter)
        count, faults = 0, list(self.invariants())
        async for history in self.histories():
            count += 1
            found = await replayer.replay_workflow(history, raise_on_replay_failure=False)
            if found.replay_failure is not None:
                faults.append(f"{history.workflow_id}：{str(found.replay_failure)[:200]}")
        return count, faults

    def _note(self, digest: str, count: int, faults: Sequence[str]) -> None:
        """Write the proof and its entry; of a refusal the entry alone, once after each proof.

        Two workers that start at once find the same: the later one has nothing to add.
        """
        act, at = REFUSED if faults else PROVED, self.now()
        with self.engine.begin() as connection:
            last = proved_workflows.newest(connection)
            if last is not None and last.digest == digest:
                return
            n = 1 if last is None else last.n + 1
            draft = EntryDraft(
                id=str(uuid5(COMMAND_NAMESPACE, f"{act}\n{n}\n{digest}")),
                stream=STREAM,
                at=at,
                who=Who("system", "system"),
                act=act,
                obj=What("workflow_code", digest, str(count)),
                res="deny" if faults else "ok",
                why="not_replayed" if faults else None,
                where=Where(svc="worker"),
            )
            if faults and recorded(connection, draft.id):
                return  # tried again by whoever starts us anew
            if not faults:
                proved_workflows.note(connection, Proved(n, digest, count, at))
            record(connection, draft)


def running(client: Client, workflows: Sequence[type], now: datetime) -> Histories:
    """Return what yields a sample of the histories of what runs: of each kind, of each age."""
    # The name that `@workflow.defn` gave stands nowhere else.
    kinds = [str(workflow._Definition.must_from_class(one).name) for one in workflows]

    async def histories() -> AsyncIterator[WorkflowHistory]:
        seen: set[str] = set()
        for kind in kinds:
            for age in AGES:
                query = (
                    f"ExecutionStatus = 'Running' AND WorkflowType = '{kind}'"
                    f" AND StartTime <= '{(now - age).isoformat()}'"
                )
                async for one in client.list_workflows(query, limit=EACH, page_size=EACH):
                    if one.run_id not in seen:
                        seen.add(one.run_id)
                        handle = client.get_workflow_handle(one.id, run_id=one.run_id)
                        yield await handle.fetch_history()

    return histories
