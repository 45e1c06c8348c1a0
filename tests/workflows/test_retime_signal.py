"""A case whose calendar changes: its instants move, fire at once, or ring again."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from temporalio.testing import WorkflowEnvironment

from cases.messages import Retimed
from cases.orders import Retime
from cases.state import CaseState
from tests.histories.sample import (
    EVERY_DAY,
    WEEKDAYS,
    WITHOUT_MONDAYS,
    WORKING_DAYS,
    PlainSettlement,
    body_of_file,
    matter,
    order,
    retimed_body,
)
from tests.histories.walking import Handle, act, file_case
from tests.workflows.conftest import Serving
from workflows.approval import ApprovalWorkflow
from yichuang.case_signals import CaseSignals


def why(version: str, cause: str = "") -> Retimed:
    return Retimed.model_validate(retimed_body(version, cause))


async def opened(
    skipping: WorkflowEnvironment, queue: str, case_id: str
) -> tuple[Handle, datetime]:
    """File and accept; return the case and the instant of its acceptance."""
    now = await skipping.get_current_time()
    filing = order("file", body_of_file(), case_id=case_id, at=now)
    handle, outcome = await file_case(skipping.client, queue, filing)
    assert outcome.status == "done"
    answers = await act(handle, order("accept", case_id=case_id, at=now))
    assert answers.outcomes[0].status == "done", answers
    return handle, now


async def state(handle: Handle) -> CaseState:
    found = await handle.query(ApprovalWorkflow.state)
    assert found is not None
    return found


async def after_step(handle: Handle, seq: int) -> CaseState:
    async with asyncio.timeout(20):
        while True:
            found = await state(handle)
            if found.seq > seq:
                return found
            await asyncio.sleep(0.05)


def due(found: CaseState, key: str) -> datetime:
    return next(one.due_at for one in found.timers if one.key == key)


async def test_the_same_finding_told_twice_is_one_step(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    async with serving(PlainSettlement(matter(**WORKING_DAYS)).settle) as queue:
        with skipping.auto_time_skipping_disabled():
            handle, now = await opened(skipping, queue, "twice")
            before = await state(handle)
            told = Retime(why=why(WITHOUT_MONDAYS.version), at=now, seen=before.seq)
            await handle.signal(ApprovalWorkflow.retime, told)
            await handle.signal(ApprovalWorkflow.retime, told)
            moved = await after_step(handle, before.seq)
            await handle.signal(ApprovalWorkflow.retime, told)
            await asyncio.sleep(0.5)
            after = await state(handle)
            assert after.seq == moved.seq == before.seq + 1
            assert due(after, "statutory") > due(before, "statutory")
            assert {one.calendar_version for one in after.timers if one.key == "statutory"} == {
                WITHOUT_MONDAYS.version
            }


async def test_an_instant_that_moves_into_the_past_fires_at_once(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    async with serving(PlainSettlement(matter(**WORKING_DAYS)).settle) as queue:
        handle, now = await opened(skipping, queue, "into-past")
        before = await state(handle)
        await skipping.sleep(timedelta(days=11))
        with skipping.auto_time_skipping_disabled():
            ahead = await state(handle)
            assert "promised" not in ahead.passed
            told = Retime(why=why(EVERY_DAY.version), at=now, seen=ahead.seq)
            await handle.signal(ApprovalWorkflow.retime, told)
            moved = await after_step(handle, ahead.seq + 1)
            assert due(moved, "promised") < due(before, "promised")
            assert moved.passed["promised"] == due(moved, "promised")
            assert moved.passed["promised"] < await skipping.get_current_time()


async def test_an_instant_that_moves_out_of_the_past_rings_again_at_its_new_time(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    async with serving(PlainSettlement(matter(**WORKING_DAYS)).settle) as queue:
        handle, now = await opened(skipping, queue, "out-of-past")
        old = due(await state(handle), "promised")
        await skipping.sleep(old - now + timedelta(hours=1))
        passed = await state(handle)
        assert passed.passed["promised"] == old
        told = Retime(why=why(WITHOUT_MONDAYS.version), at=now, seen=passed.seq)
        await handle.signal(ApprovalWorkflow.retime, told)
        moved = await after_step(handle, passed.seq)
        new = due(moved, "promised")
        assert new > old
        await skipping.sleep(new - await skipping.get_current_time() + timedelta(hours=1))
        assert (await state(handle)).passed["promised"] == new


async def test_a_case_that_has_ended_or_never_was_does_not_answer(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    signals = CaseSignals()
    signals.client = skipping.client
    async with serving(PlainSettlement(matter(**WORKING_DAYS)).settle) as queue:
        with skipping.auto_time_skipping_disabled():
            handle, now = await opened(skipping, queue, "ended")
            told = Retime(why=why(WEEKDAYS.version), at=now, seen=2)
            assert await signals.retime("ended", told)
            await after_step(handle, 2)
            await act(handle, order("withdraw", {}, case_id="ended", at=now))
            assert await handle.result() == "withdrawn"
            assert not await signals.retime("ended", told)
            assert not await signals.retime("never", told)
