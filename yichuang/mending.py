"""Starting a case's workflow again from its rows, when it was ended or broken behind its back.

The rows are the newest truth that there is: a step is in them before anybody was answered. What
the broken run had accepted and not settled is handed to the new one under the same ids, so that
whatever was under way happens once. What is being mended is kept in the case's row of the census
before anything is ended: after a crash the next round finishes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import Engine
from temporalio.api.enums.v1 import EventType
from temporalio.api.update.v1 import Request
from temporalio.client import Client, WorkflowUpdateStage
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.entries import stream_of
from audit.entry import EntryDraft, What, Where, Who, WorkflowRef, entry_id
from audit.outbox import record
from cases import census
from cases.armed import IN_CHINESE, Seen
from cases.census import Looked
from cases.database import reading
from cases.messages import NAMESPACE
from cases.orders import ApprovalInput, Orders
from workflows.approval import KEEP_IDS, ApprovalWorkflow, workflow_id
from yichuang.history import backwards

MENDED = "case_mended"
"""The act of the entry."""
READ_BACK = 2000
"""Events of a broken run that are searched for orders it had accepted and not settled."""

_log = logging.getLogger("yichuang.census")


@dataclass(frozen=True, slots=True)
class Mender:
    """Mends one case at a time. Safe beside doors that start a lost workflow themselves."""

    engine: Engine
    client: Client
    task_queue: str
    now: Callable[[], datetime]

    async def mend(self, found: Looked, seen: Seen) -> Looked:
        """Mend what is wrong and return the case's row as it stands then.

        Raises `RPCError` when Temporal is away and the store's errors: the row tells what was
        begun, and the next round goes on.
        """
        assert found.fault is not None
        begun = found  # where a crash left it: the same entry as if there had been none
        if not found.mending:
            begun = replace(
                found,
                mends=found.mends + 1,
                mended_at=self.now(),
                mending=f"{found.fault}:{seen.run_id}:{seen.closed_as}",
            )
        await asyncio.to_thread(self._save, begun)
        _log.warning("case %s: %s, mending", found.case_id, begun.mending)
        name = workflow_id(found.case_id)
        if seen.is_running:
            await self._end(name, seen.run_id, found.fault)
        run_id = "" if found.fault == "lingering" else await self._go_on(found.case_id, name, seen)
        return await asyncio.to_thread(self._mended, begun, run_id)

    async def finish(self, found: Looked, seen: Seen) -> Looked:
        """Write down a mending whose entry a crash has kept back: another run is there already."""
        return await asyncio.to_thread(self._mended, found, seen.run_id)

    async def _end(self, name: str, run_id: str, fault: str) -> None:
        handle = self.client.get_workflow_handle(name, run_id=run_id)
        try:
            await handle.terminate(reason=f"census: {fault}")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # it is over by now
                raise

    async def _go_on(self, case_id: str, name: str, broken: Seen) -> str:
        """Start the workflow from the rows; return its run, empty when the case is over."""
        given = await asyncio.to_thread(self._input, case_id)
        if given is None:
            return ""
        orders = await self._unsettled(name, broken)
        if any(command.backfill for _, each in orders for command in each.commands):
            # There is more to tell: what came due waits for it.
            given = given.model_copy(update={"backfilled_at": self.now()})
        try:
            handle = await self.client.start_workflow(
                ApprovalWorkflow.run,
                given,
                id=name,
                task_queue=self.task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            )
        except WorkflowAlreadyStartedError as other:
            # A door was faster with an order; it too began from the rows.
            return other.run_id or ""
        for update_id, unsettled in orders:
            await self._hand_on(name, update_id, unsettled)
        return handle.result_run_id or ""

    def _input(self, case_id: str) -> ApprovalInput | None:
        with reading(self.engine) as connection:
            held = census.held_input(connection, case_id)
            if held is None:
                return None
            recent = census.recent_commands(connection, case_id, KEEP_IDS)
        return held.model_copy(update={"recent": recent})

    # --- what the broken run had accepted ---

    async def _unsettled(self, name: str, broken: Seen) -> list[tuple[str, Orders]]:
        """Return the orders that were accepted and not answered, in their order."""
        if not broken.is_known:
            return []
        asked: dict[str, Request] = {}
        settled: set[str] = set()
        read = 0
        async for event in backwards(self.client, name, broken.run_id):
            read += 1
            if read > READ_BACK:
                break
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
                done = event.workflow_execution_update_completed_event_attributes
                settled.add(done.meta.update_id)
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
                accepted = event.workflow_execution_update_accepted_event_attributes
                _note(asked, accepted.accepted_request)
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED:
                _note(asked, event.workflow_execution_update_admitted_event_attributes.request)
        left = [(one, asked[one]) for one in reversed(asked) if one not in settled]
        orders = [(one, await self._orders(request)) for one, request in left]
        ids = [command.id for _, each in orders for command in each.commands]
        known = await asyncio.to_thread(self._known, ids)
        return [
            (one, each) for one, each in orders if any(c.id not in known for c in each.commands)
        ]

    async def _orders(self, request: Request) -> Orders:
        (orders,) = await self.client.data_converter.decode(request.input.args.payloads, [Orders])
        assert isinstance(orders, Orders)
        return orders

    def _known(self, ids: list[str]) -> set[str]:
        with reading(self.engine) as connection:
            return census.known_commands(connection, ids)

    async def _hand_on(self, name: str, update_id: str, orders: Orders) -> None:
        handle = self.client.get_workflow_handle_for(ApprovalWorkflow.run, name)
        try:
            await handle.start_update(
                ApprovalWorkflow.act,
                orders,
                id=update_id,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            )
        except RPCError as error:
            # Refused by now (an expired warrant), or Temporal went: its door asks again.
            _log.warning("%s: order %s was not handed on: %s", name, update_id, error)

    # --- rows ---

    def _save(self, one: Looked) -> None:
        with self.engine.begin() as connection:
            census.save(connection, [one])

    def _mended(self, begun: Looked, run_id: str) -> Looked:
        """Record the entry; the row is read from its beginning at the next look."""
        mended = replace(
            begun,
            run_id=run_id,
            run_started_at=None,
            event_id=0,
            event_at=None,
            armed={},
            is_proven=False,
            mending="",
        )
        with self.engine.begin() as connection:
            record(connection, _entry(begun, run_id, self.client.namespace, self.now()))
            census.save(connection, [mended])
        return mended


def _note(asked: dict[str, Request], request: Request) -> None:
    if request.HasField("input"):
        asked.setdefault(request.meta.update_id, request)


def _entry(begun: Looked, run_id: str, namespace: str, at: datetime) -> EntryDraft:
    """Return the entry that says what was found and what was done."""
    fault, broken, closed_as = begun.mending.split(":", 2)
    found = IN_CHINESE[fault]  # type: ignore[index]  # it was a Fault when it was written
    how = f"（{closed_as}）" if closed_as else ""
    done = "已终止流程" if fault == "lingering" else "已按办件记录重新启动"
    began = begun.mended_at.isoformat() if begun.mended_at else ""
    key = uuid5(NAMESPACE, f"mended\n{begun.case_id}\n{begun.mending}\n{began}")
    return EntryDraft(
        id=entry_id(UUID(str(key)), MENDED),
        stream=stream_of(begun.case_id),
        at=at,
        who=Who("system", "system"),
        act=MENDED,
        obj=What("workflow", workflow_id(begun.case_id), broken or None),
        why=f"{fault}：{found}{how}；{done}",
        where=Where(svc="worker"),
        wf=WorkflowRef(ns=namespace, id=workflow_id(begun.case_id), run=run_id or None),
    )
