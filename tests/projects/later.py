"""The workflow of a project as a later release might have it: what is new stands behind a patch."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from cases.projects.orders import ProjectInput
    from workflows.project import ProjectWorkflow


@workflow.defn(name="project")
class NextProjectWorkflow(ProjectWorkflow):
    """The code of a later release: what is new stands behind `patched`."""

    @workflow.init
    def __init__(self, given: ProjectInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: ProjectInput) -> str:
        if workflow.patched("a-later-release"):
            await workflow.sleep(timedelta(seconds=1))
        return await super().run(given)
