"""Cards on a server that skips time: over a holiday, a pause, and a worker that was away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from cases.state import CaseState
from catalogue.working_days import Calendar
from tests.activities.conftest import food
from tests.activities.supervised import ClockTown, city, supervised_town
from tests.histories.walking import Handle, act, file_case
from workflows.approval import ApprovalWorkflow
from yichuang.sandbox import ContextFreeRunner
from yichuang.temporal import WORKFLOWS

CHINA = ZoneInfo("Asia/Shanghai")
QUEUE = "cards"


@asynccontextmanager
async def working(skipping: WorkflowEnvironment, town: ClockTown) -> AsyncIterator[None]:
    """Run a worker that remembers no case: what it does, the next one does from history alone.

    (The skipping server gives a task in a dead worker's own queue to nobody else.)
    """
    with ThreadPoolExecutor(2) as threads:
        worker = Worker(
            skipping.client,
            task_queue=QUEUE,
            workflows=WORKFLOWS,
            workflow_runner=ContextFreeRunner(skipping.client.data_converter),
            activities=[town.settlement.settle],
            activity_executor=threads,
            max_concurrent_activities=2,
            max_cached_workflows=0,
        )
        async with worker:
            yield


async def state_of(handle: Handle) -> CaseState:
    state = await handle.query(ApprovalWorkflow.state)
    assert state is not None
    return state


async def sleep_until(skipping: WorkflowEnvironment, town: ClockTown, when: datetime) -> None:
    await skipping.sleep(when - await skipping.get_current_time())
    town.now_at = await skipping.get_current_time()


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=CHINA)


def counted(first: date, off: set[date], n: int) -> date:
    """Return the n-th working day after `first`, day by day."""
    day = first
    while n:
        day += timedelta(days=1)
        n -= day.weekday() < 5 and day not in off
    return day


async def test_a_card_fires_at_its_instant_across_a_holiday_a_pause_and_a_restart(
    skipping: WorkflowEnvironment, tmp_path: Path
) -> None:
    begin = await skipping.get_current_time()
    today = begin.astimezone(CHINA).date()
    holiday = {today + timedelta(days=n) for n in range(3, 9)}
    calendar = Calendar("cn", "test", date(2020, 1, 1), date(2099, 1, 1), frozenset(holiday))
    limit = {"时限": 6, "单位": "working_day", "依据": "YSHJ-36"}
    changed: dict[str, Any] = {
        "日历": "cn", "承诺办结时限": limit, "承诺时限停表": ["testing"], "特别程序": ["testing"],
        "文书": [],
    }  # fmt: skip
    town = supervised_town(tmp_path, city(food(**changed), cn=calendar))
    town.now_at = begin
    async with working(skipping, town):
        handle, _ = await file_case(skipping.client, QUEUE, town.file(at=begin))
        (done,) = (await act(handle, town.order("accept", {}, at=begin))).outcomes
        assert done.status == "done", done
        # A test over the second working day after the holiday.
        stopped = counted(max(holiday), set(), 2)
        await sleep_until(skipping, town, midnight(stopped) + timedelta(hours=9))
        ground = {"kind": "testing", "ground": "检测", "expected_days": 3}
        assert not (await state_of(handle)).cards
        pause = town.order("start_procedure", ground, by="u:head", at=town.now_at)
        assert (await act(handle, pause)).outcomes[0].status == "done"
        await sleep_until(skipping, town, midnight(stopped) + timedelta(hours=15))
        end = {"procedure": "testing-1", "result": "完成"}
        resume = town.order("end_procedure", end, by="u:head", at=town.now_at)
        assert (await act(handle, resume)).outcomes[0].status == "done"
        free = holiday | {stopped}
        warned = midnight(counted(today, free, 5) + timedelta(days=1))
        await sleep_until(skipping, town, warned - timedelta(seconds=1))
        assert not (await state_of(handle)).cards
        await sleep_until(skipping, town, warned + timedelta(seconds=30))
        (warning,) = (await state_of(handle)).cards
        assert (warning.rule, warning.at) == ("JC-YJ-90", warned)
    # Another worker takes over before the promise runs out. (The server skips no time over a task
    # that nobody takes, so that the two hours of absence are the second worker's own clock.)
    overdue = midnight(counted(today, free, 6) + timedelta(days=1))
    await sleep_until(skipping, town, overdue - timedelta(seconds=1))
    town.now_at = overdue + timedelta(hours=2)
    async with working(skipping, town):
        await skipping.sleep(timedelta(seconds=60))
        _, yellow = (await state_of(handle)).cards
        assert (yellow.rule, yellow.at) == ("JC-HP-CN", overdue)
        assert yellow.told_at - yellow.at == timedelta(hours=2)
        await handle.terminate("done")
