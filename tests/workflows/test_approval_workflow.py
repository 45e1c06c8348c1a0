"""The case's workflow on a real server with the sandbox on."""

from __future__ import annotations

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.histories.paths import PATHS, Path
from tests.histories.walking import walk_path
from tests.workflows.conftest import Serving


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
async def test_a_path_through_the_workflow_ends_where_its_table_says(
    skipping: WorkflowEnvironment, serving: Serving, path: Path
) -> None:
    async with serving(path.settlement().settle) as queue:
        handle, state = await walk_path(skipping, queue, path)
        assert state is not None
        assert (state.stage, state.ending) == (path.stage, path.ending)
        assert await handle.result() == path.ending
