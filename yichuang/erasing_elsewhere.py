"""The copies of a person's data that Temporal and NATS hold: found and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from workflows.approval import workflow_id
from yichuang import bus, temporal
from yichuang.settings import Settings

STREAMS = ("CMD", "RPL", "DLQ", "EVT", "SIG")
"""Streams whose messages may speak of a case. TELE holds readings of sensors alone."""

NATS_USER = "admin"
"""Who may delete single messages; no role of the city may."""


class StillRunning(Exception):
    """A case of the person still has a living workflow: it is not closed. Final until it is."""


@dataclass(frozen=True)
class CityElsewhere:
    """`yichuang.erasing.Elsewhere` over the city's own servers."""

    settings: Settings

    def histories(self, cases: Sequence[str]) -> int:
        """Delete every run of these cases. Raises `StillRunning`, and `RuntimeError` or `RPCError`
        when Temporal is away."""
        return asyncio.run(self._histories(cases)) if cases else 0

    def messages(self, said: Sequence[bytes]) -> int:
        """Delete, and overwrite, the messages that hold any of these. Raises what nats raises when
        it is away."""
        return asyncio.run(self._messages(said)) if said else 0

    async def _histories(self, cases: Sequence[str]) -> int:
        client = await temporal.connect(self.settings)
        gone = 0
        for case_id in cases:
            gone += await delete_runs(client, workflow_id(case_id))
        return gone

    async def _messages(self, said: Sequence[bytes]) -> int:
        connection = await bus.connect(self.settings, NATS_USER, attempts=0)
        try:
            gone = 0
            for stream in STREAMS:
                gone += await delete_messages(connection.jetstream(), stream, said)
            return gone
        finally:
            await connection.close()


async def delete_runs(client: Client, name: str) -> int:
    """Delete every run of a workflow; return how many. Raises `StillRunning`, `RPCError`."""
    runs = [one async for one in client.list_workflows(f'WorkflowId = "{name}"')]
    if any(one.status is WorkflowExecutionStatus.RUNNING for one in runs):
        raise StillRunning(name)
    for one in runs:
        execution = WorkflowExecution(workflow_id=one.id, run_id=one.run_id)
        request = DeleteWorkflowExecutionRequest(
            namespace=client.namespace, workflow_execution=execution
        )
        try:
            await client.workflow_service.delete_workflow_execution(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
    return len(runs)


async def delete_messages(js: JetStreamContext, stream: str, said: Sequence[bytes]) -> int:
    """Delete the messages of a stream that hold any of these; return how many.

    The server overwrites what it deletes. A stream that nobody made holds nothing.
    """
    try:
        state = (await js.stream_info(stream)).state
    except NotFoundError:
        return 0
    gone, position = 0, state.first_seq
    while position <= state.last_seq:
        try:
            found = await js.get_msg(stream, position, next=True, subject=">")
        except NotFoundError:
            break
        assert found.seq is not None
        if any(one in (found.data or b"") for one in said):
            await js.delete_msg(stream, found.seq)
            gone += 1
        position = found.seq + 1
    return gone
