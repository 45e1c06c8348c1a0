"""The census on the real server: what is done to a workflow behind its back is found and mended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

from cases import census
from cases.reception import NotNow
from tests.yichuang.censused import PACE, Ground, Town, served, serving, town, workflows_only
from tests.yichuang.censused_mutant import Meddled
from workflows.approval import ApprovalWorkflow, workflow_id
from yichuang.history import Mark, look

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with served() as there:
        yield there


@pytest.fixture
def own_ground() -> Iterator[Ground]:
    """A ground whose server the test may kill."""
    with served() as there:
        yield there


def execution(case: str, run: str = "") -> WorkflowExecution:
    return WorkflowExecution(workflow_id=workflow_id(case), run_id=run)


TWO = timedelta(seconds=2)


async def found_and_mended(there: Town, case: str, fault: str) -> str:
    """See the fault named in one round and gone after the next; return the entry's words."""
    before = there.mended(case)
    figures = await there.round()
    assert there.wrong() == {case: fault}
    assert figures["unarmed"] + figures["stray"] == 1
    await there.round()
    await there.until_well()
    assert there.wrong() == {}
    (said,) = there.mended(case)[len(before) :]
    (fires_at,) = (await there.seen(case)).armed.values()
    due_at = there.row(case).due_at
    assert due_at is not None and abs(fires_at - due_at) < TWO
    return said


async def test_a_case_just_filed_has_one_timer_at_its_instant(ground: Ground) -> None:
    async with town(ground.settings) as there:
        case = await there.filed()
        figures = await there.until_well()
        assert (figures["unarmed"], figures["stray"], figures["overdue"]) == (0, 0, 0)
        row = there.row(case)
        assert row.due_at is not None and len(row.armed) == 1
        assert abs(next(iter(row.armed.values())) - row.due_at) < TWO


async def test_a_step_moves_the_timer_and_the_census_follows(ground: Ground) -> None:
    async with town(ground.settings) as there:
        case = await there.filed()
        await there.until_well()
        before = there.row(case)
        await there.accept(case)
        await there.until_well()
        after = there.row(case)
        assert after.seq == before.seq + 1 and after.event_id > before.event_id
        assert after.run_id == before.run_id and after.due_at != before.due_at


async def test_a_second_look_that_finds_nothing_new_keeps_what_was_known(ground: Ground) -> None:
    async with town(ground.settings) as there:
        case = await there.filed()
        await there.until_well()
        row, whole = there.row(case), await there.seen(case)
        mark = Mark(row.run_id, row.run_started_at, row.event_id, row.event_at, row.armed)
        again = await look(there.client, workflow_id(case), mark, datetime.now(UTC))
        assert again == replace(whole, is_successor=True, armed=row.armed)
        assert whole.armed == row.armed


async def test_a_terminated_workflow_goes_on_from_its_rows(ground: Ground) -> None:
    async with town(ground.settings) as there:
        case = await there.filed()
        await there.until_well()
        await there.handle(case).terminate()
        said = await found_and_mended(there, case, "closed")
        assert "terminated" in said and "重新启动" in said
        await there.accept(case)


async def test_a_cancelled_workflow_goes_on_from_its_rows(ground: Ground) -> None:
    async with town(ground.settings) as there:
        case = await there.filed()
        await there.until_well()
        await there.handle(case).cancel()
        await asyncio.sleep(1)
        said = await found_and_mended(there, case, "closed")
        assert "cancelled" in said


async def test_a_deleted_workflow_goes_on_from_its_rows(ground: Ground) -> None:
    async with town(ground.settings) as there:
        case = await there.filed()
        await there.until_well()
        await there.delete(case)
        assert "missing" in await found_and_mended(there, case, "missing")


async def test_a_workflow_set_back_goes_on_from_its_rows(ground: Ground) -> None:
    async with town(ground.settings) as there:
        case = await there.filed()
        await there.accept(case)
        await there.until_well()
        await there.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=there.client.namespace,
                workflow_execution=execution(case, there.row(case).run_id),
                reason="a test",
                request_id=case,
                workflow_task_finish_event_id=4,
            )
        )
        await asyncio.sleep(1)
        assert "reset" in await found_and_mended(there, case, "reset")
        assert (await there.census._remembered(case)) == there.seq(case) == 2


async def test_a_case_whose_filing_is_under_way_is_left_alone(ground: Ground) -> None:
    async with town(ground.settings) as there:
        filings = [asyncio.create_task(there.filed()) for _ in range(8)]
        while not all(filing.done() for filing in filings):
            await there.round()
            assert there.wrong() == {}
        await there.until_well()
        assert [there.mended(filing.result()) for filing in filings] == [[]] * 8


async def test_of_two_workers_one_takes_the_census(ground: Ground) -> None:
    async with town(ground.settings) as there:
        await there.round()
        other = there.another()
        assert await other.round() is None
        there.census.let_go()
        assert await other.round() is not None
        assert await there.census.round() is None
        other.let_go()


async def test_without_a_worker_nothing_is_mended_and_the_census_says_so(
    ground: Ground,
) -> None:
    async with town(ground.settings) as there:
        case = await there.filed()
        await there.until_well()
        await there.handle(case).terminate()
    async with town(ground.settings, working=False) as idle:
        idle.without_workers()
        await idle.round()
        await asyncio.sleep(PACE.late_after.total_seconds())
        assert "没有进程" in (await idle.round())["away"]
        assert idle.mended(case) == []
        assert [one.key for one in idle.alarms()] == ["census:away"]
    async with town(ground.settings) as there:
        await there.round()
        await there.round()
        await there.until_well()
        assert len(there.mended(case)) == 1
        assert there.alarms() == []


async def test_an_order_that_a_broken_run_had_accepted_is_settled_by_the_next(
    ground: Ground,
) -> None:
    async with town(ground.settings) as there:
        case = await there.filed()
        await there.until_well()
    async with town(ground.settings, working=False) as idle, workflows_only(idle):
        ordered = asyncio.create_task(idle.accept(case))
        await idle.until_accepted(case)
        await idle.handle(case).terminate()
        with pytest.raises(NotNow):
            await ordered
        assert idle.seq(case) == 1
    async with town(ground.settings) as there:
        await there.round()
        await there.round()
        await there.until_well()
        assert (there.seq(case), len(there.mended(case))) == (2, 1)


async def test_a_mending_that_a_crash_cut_short_is_finished_with_one_entry(
    ground: Ground,
) -> None:
    async with town(ground.settings) as there:
        case = await there.filed()
        await there.until_well()
        await there.handle(case).terminate()
        await there.round()
        begun = replace(
            there.row(case),
            mends=1,
            mended_at=datetime.now(UTC),
            mending="closed:broken:terminated",
        )
        with there.engine.begin() as connection:
            census.save(connection, [begun])
        for _ in range(3):
            await there.round()
        await there.until_well()
        assert len(there.mended(case)) == 1
        assert there.row(case).mending == ""


async def test_a_mended_case_is_not_mended_again_within_the_minute(ground: Ground) -> None:
    async with town(ground.settings) as there:
        case = await there.filed()
        await there.until_well()
        for _ in range(2):
            await there.handle(case).terminate()
            await there.round()
            await there.round()
        assert (len(there.mended(case)), there.wrong()) == (1, {case: "closed"})
        await asyncio.sleep(PACE.pause.total_seconds())
        await there.until_well()
        assert len(there.mended(case)) == 2


async def test_a_cancelled_timer_is_set_again(ground: Ground) -> None:
    async with town(ground.settings, working=False) as there:
        async with serving(there, Meddled):
            case = await there.filed()
            await there.until_well()
            await there.handle(case).signal("drop_timer")
            await asyncio.sleep(0.5)
            assert "unarmed" in await found_and_mended(there, case, "unarmed")


async def test_a_second_timer_is_removed_with_its_run(ground: Ground) -> None:
    async with town(ground.settings, working=False) as there:
        async with serving(there, Meddled):
            case = await there.filed()
            await there.until_well()
            await there.handle(case).signal("second_timer")
            await asyncio.sleep(0.5)
            assert "doubled" in await found_and_mended(there, case, "doubled")


async def test_a_workflow_that_cannot_be_replayed_is_replaced(ground: Ground) -> None:
    async with town(ground.settings, working=False) as there:
        async with serving(there, Meddled):
            case = await there.filed()
            await there.until_well()
            await there.handle(case).signal("second_timer")
            await asyncio.sleep(0.5)
        async with serving(there, ApprovalWorkflow):
            await there.handle(case).signal("anything")  # wakes it; ours knows of no second timer
            await there.until_failing(case)
            await there.until_reported(case)
            assert "wedged" in await found_and_mended(there, case, "wedged")
            await there.accept(case)


async def test_what_was_deleted_is_missed_where_workflows_are_counted(ground: Ground) -> None:
    async with town(ground.settings) as there:
        cases = [await there.filed() for _ in range(3)]
        await there.until_well()
        begun = there.row(cases[-1]).run_started_at
        assert begun is not None
        later = begun + timedelta(seconds=1)
        assert await there.visible().differing(later, later) == []
        await there.delete(cases[1])
        assert await there.visible().differing(later, later) == [cases[1]]
        assert await there.visible().differing(later, begun - timedelta(days=1)) == [cases[1]]


async def test_what_was_terminated_after_its_case_ended_lingers_no_longer(
    ground: Ground,
) -> None:
    async with town(ground.settings) as there:
        case = await there.filed()
        await there.until_well()
        with there.engine.begin() as connection:
            connection.execute(text("UPDATE case_file SET is_open = 0 WHERE id = :c"), {"c": case})
        assert (await there.round())["stray"] == 1
        await there.round()
        assert there.wrong() in ({}, {case: "lingering"})
        await there.until_well()
        assert not (await there.seen(case)).is_running
        assert "lingering" in there.mended(case)[0]


async def test_a_server_down_over_the_instant_fires_at_once_and_the_step_says_how_late(
    own_ground: Ground,
) -> None:
    server = own_ground.server
    async with town(own_ground.settings) as there:
        case = await there.filed()
        await there.until_well()
        await there.bring_forward(case, datetime.now(UTC) + timedelta(seconds=5))
        await asyncio.sleep(1)
        server.kill()
        await asyncio.sleep(8)
        assert there.overdue(0) == [case]
        server.start()
        await server.until_ready()
        await there.until_fired(case)
        (late,) = there.late_seconds(case)
        assert late >= 3
        assert there.overdue(0) == []
        figures = await there.until_well()
        assert figures["late_hour"]["max"] >= late
        assert there.mended(case) == []
