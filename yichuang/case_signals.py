"""Signals of the worker to the cases' workflows."""

from __future__ import annotations

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from cases.orders import Retime
from workflows.approval import ApprovalWorkflow, workflow_id


class CaseSignals:
    """Tells cases something. The client comes when the process has joined Temporal."""

    def __init__(self) -> None:
        self.client: Client | None = None

    async def retime(self, case_id: str, order: Retime) -> bool:
        """Tell a case that its calendar is another; False where its workflow does not run."""
        if self.client is None:
            raise RuntimeError("Temporal 还没有连上")
        handle = self.client.get_workflow_handle_for(ApprovalWorkflow.run, workflow_id(case_id))
        try:
            await handle.signal(ApprovalWorkflow.retime, order)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True
