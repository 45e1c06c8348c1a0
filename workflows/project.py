"""One project, from 立项 to 办结, up to forty years: a life that begins anew with each of them."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.lives import RING, Admitted
    from cases.messages import Command
    from cases.projects.orders import (
        ProjectBatch,
        ProjectInput,
        ProjectSettled,
        project_workflow,
    )
    from workflows.life import FORBIDDEN, LATER, Life

SETTLE_PROJECT = "settle_project"
"""Name of the one activity (activities/projects.py)."""
YEAR = "year:"
"""First part of the key of the instant at which a calendar year has ended."""

__all__ = ["FORBIDDEN", "LATER", "SETTLE_PROJECT", "ProjectWorkflow", "workflow_id"]


def workflow_id(project_id: str) -> str:
    return project_workflow(project_id)


@workflow.defn(name="project")
class ProjectWorkflow(Life):
    """The life of a project. Its id is `workflow_id(project_id)`.

    No history is longer than a year: so a worker of another time replays little.
    """

    activity = SETTLE_PROJECT
    settled = ProjectSettled
    not_mine = ("wrong_project", "命令不属于本项目")
    unbegun = "未立项"

    @workflow.init
    def __init__(self, given: ProjectInput) -> None:
        self.begin(
            given.project_id, given.memory, given.recent, given.steps_per_run, wake=given.wake
        )

    @workflow.run
    async def run(self, given: ProjectInput) -> str:
        """Return the stage in which nothing more was awaited; empty when nothing was begun."""
        return await self.live()

    def ends_run(self, command: Command) -> bool:
        """The year has turned."""
        return command.verb == RING and str(command.body.get("timer", "")).startswith(YEAR)

    def batch(self, seq: int, commands: tuple[Admitted, ...]) -> ProjectBatch:
        return ProjectBatch(project_id=self._id, seq=seq, commands=commands)

    def anew(self) -> ProjectInput:
        return ProjectInput(
            project_id=self._id,
            memory=self._memory,
            recent=tuple(self._recent),
            steps_per_run=self._steps_per_run,
        )
