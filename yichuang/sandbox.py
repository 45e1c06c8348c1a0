"""The sandbox of workflows, entered for the workflow's code and for nothing else.

Temporal's SDK asks a running workflow, 17 times a step, which context its payloads are converted
in, and through its sandbox each question costs as much as a small piece of work. Our converter and
codec know no contexts (`WithSerializationContext`) and nothing is stored outside, so the answer is
known: none. What runs of a workflow runs in the sandbox as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.converter import DataConverter, StorageDriverStoreContext, WithSerializationContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

_NOWHERE = StorageDriverStoreContext()


class ContextsKnown(ValueError):
    """A converter that wants to know its context may not be used with this runner."""


class ContextFreeRunner(WorkflowRunner):
    """Runs workflows in the standard sandbox, for a converter to which contexts say nothing."""

    def __init__(self, converter: DataConverter) -> None:
        """Raise `ContextsKnown` for a converter that would lose something."""
        if converter.external_storage is not None or isinstance(
            converter.payload_codec, WithSerializationContext
        ):
            raise ContextsKnown(type(converter.payload_codec).__name__)
        self._sandbox = SandboxedWorkflowRunner()

    def prepare_workflow(self, defn: Any) -> None:
        """Import the workflow in the sandbox once, so that a fault shows at the start."""
        self._sandbox.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Return a case's instance, in a sandbox of its own."""
        return _Instance(self._sandbox.create_instance(det))

    def set_worker_level_failure_exception_types(
        self, types: Sequence[type[BaseException]]
    ) -> None:
        """Hand on which errors fail a workflow."""
        self._sandbox.set_worker_level_failure_exception_types(types)


class _Instance(WorkflowInstance):
    def __init__(self, sandboxed: WorkflowInstance) -> None:
        self._sandboxed = sandboxed

    def activate(self, act: Any) -> Any:
        return self._sandboxed.activate(act)

    def get_serialization_context(self, command_info: object) -> None:
        """Return that there is none."""
        return

    def get_external_store_context(self, command_info: object) -> StorageDriverStoreContext:
        """Return that nothing is stored outside."""
        return _NOWHERE

    def get_info(self) -> workflow.Info:
        return self._sandboxed.get_info()

    def get_thread_id(self) -> int | None:
        return self._sandboxed.get_thread_id()
