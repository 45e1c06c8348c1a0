"""One incident, from its report to its archive: a life (`workflows.life`) with its own activity."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.incidents.orders import (
        IncidentBatch,
        IncidentInput,
        IncidentSettled,
        incident_workflow,
    )
    from cases.lives import Admitted
    from workflows.life import FIRST, FORBIDDEN, LATER, Life

SETTLE_INCIDENT = "settle_incident"
"""Name of the one activity (activities/incidents.py)."""

__all__ = ["FIRST", "FORBIDDEN", "LATER", "SETTLE_INCIDENT", "IncidentWorkflow", "workflow_id"]


def workflow_id(incident_id: str) -> str:
    return incident_workflow(incident_id)


@workflow.defn(name="incident")
class IncidentWorkflow(Life):
    """The life of an incident. Its id is `workflow_id(incident_id)`."""

    activity = SETTLE_INCIDENT
    settled = IncidentSettled
    not_mine = ("wrong_incident", "命令不属于本事件")
    unbegun = "未接报"

    @workflow.init
    def __init__(self, given: IncidentInput) -> None:
        self.begin(
            given.incident_id, given.memory, given.recent, given.steps_per_run,
            urgent=given.urgent, wake=given.wake,
        )  # fmt: skip

    @workflow.run
    async def run(self, given: IncidentInput) -> str:
        """Return the stage in which nothing more was awaited; empty when nothing was reported."""
        return await self.live()

    def batch(self, seq: int, commands: tuple[Admitted, ...]) -> IncidentBatch:
        return IncidentBatch(incident_id=self._id, seq=seq, commands=commands)

    def anew(self) -> IncidentInput:
        return IncidentInput(
            incident_id=self._id,
            memory=self._memory,
            urgent=self._urgent,
            recent=tuple(self._recent),
            steps_per_run=self._steps_per_run,
        )
