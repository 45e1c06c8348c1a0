"""A backfilled case comes to rest: what came due while its past was told is rung then, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowUpdateStage
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.supervising import Supervision
from cases import approval
from cases.armed import AWAY, RESTS_AFTER
from cases.messages import Command
from cases.orders import ApprovalInput, Orders
from cases.settling import Batch, Settled
from cases.state import CaseState, Timer
from tests.activities.supervised import PackRules, People
from tests.histories.sample import PlainSettlement, body_of_file, matter, order
from tests.histories.walking import Handle, file_case, refusal_of
from tests.workflows.conftest import Serving
from workflows.approval import ApprovalWorkflow, workflow_id
from yichuang.sandbox import ContextFreeRunner
from yichuang.temporal import WORKFLOWS

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
QUEUE = "resting"


def supervised() -> PlainSettlement:
    return PlainSettlement(matter(), supervision=Supervision(PackRules(), People()))


def backfilled(verb: str, at: datetime, body: dict[str, Any], case_id: str = "") -> Command:
    """Return an order that tells what happened at `at`."""
    return order(verb, body, case_id=case_id or str(uuid4()), at=at, backfill=True)


async def told(skipping: WorkflowEnvironment, queue: str, ago: timedelta) -> tuple[Handle, Command]:
    """Backfill a filing of so long ago."""
    now = await skipping.get_current_time()
    filing = backfilled("file", now - ago, body_of_file())
    handle, outcome = await file_case(skipping.client, queue, filing)
    assert outcome.status == "done", outcome
    return handle, filing


async def state_of(handle: Handle) -> CaseState:
    state = await handle.query(ApprovalWorkflow.state)
    assert state is not None
    return state


async def armed(handle: Handle) -> list[datetime]:
    """Return when the timers of the case's run fire, by its history."""
    timers: dict[int, datetime] = {}
    for event in (await handle.fetch_history()).events:
        if event.HasField("timer_started_event_attributes"):
            lasts = event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
            timers[event.event_id] = event.event_time.ToDatetime(UTC) + lasts
        elif event.HasField("timer_fired_event_attributes"):
            del timers[event.timer_fired_event_attributes.started_event_id]
        elif event.HasField("timer_canceled_event_attributes"):
            del timers[event.timer_canceled_event_attributes.started_event_id]
    return list(timers.values())


def passed(settlement: PlainSettlement) -> list[tuple[str, datetime]]:
    """Return the instants that were settled, in the order of their steps."""
    return [
        (str(event.data["timer"]), datetime.fromisoformat(str(event.data["due_at"])))
        for step in settlement.stored.values()
        for event in step.events
        if event.kind == "timer_passed"
    ]


def pending(state: CaseState) -> Timer:
    return approval.pending_timers(state)[0]


# --- what is past ---


async def test_a_case_left_at_the_window_is_deemed_accepted_and_carded_at_its_rest(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    settlement = supervised()
    async with serving(settlement.settle) as queue:
        handle, filing = await told(skipping, queue, 47 * DAY)
        (fires_at,) = await armed(handle)
        recorded_at = next(iter(settlement.stored.values())).outcome.recorded_at
        assert recorded_at is not None
        assert abs(fires_at - recorded_at - RESTS_AFTER) < SECOND
        await skipping.sleep(RESTS_AFTER - MINUTE)
        assert passed(settlement) == []
        await skipping.sleep(2 * MINUTE)
        state = await state_of(handle)
        assert (state.accept_mode, state.accepted_at) == ("deemed", filing.occurred_at)
        assert (state.stage, state.backfilled) == ("review", True)
        instants = [due_at for _, due_at in passed(settlement)]
        assert instants == sorted(instants) and len(instants) > 3
        cards = {(card.rule, card.clock) for card in state.cards}
        assert {("JC-HP-GZ", "notice"), ("JC-HP-CN", "promised")} < cards
        assert "statutory" in {clock for _, clock in cards}
        now = await skipping.get_current_time()
        assert all(card.at in instants for card in state.cards)
        assert all(timer.due_at > now for timer in approval.pending_timers(state))


async def test_after_its_rest_the_case_has_one_timer_at_its_next_instant(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    async with serving(PlainSettlement(matter()).settle) as queue:
        handle, _ = await told(skipping, queue, 8 * DAY)
        await skipping.sleep(RESTS_AFTER + MINUTE)
        (fires_at,) = await armed(handle)
        assert abs(fires_at - pending(await state_of(handle)).due_at) < SECOND


async def test_the_next_backfilled_order_is_settled_first_and_the_rest_begins_anew(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    settlement = PlainSettlement(matter())
    async with serving(settlement.settle) as queue:
        handle, filing = await told(skipping, queue, 47 * DAY)
        await skipping.sleep(RESTS_AFTER - MINUTE)
        accept = backfilled("accept", filing.occurred_at + DAY, {}, filing.case_id)
        assert await refusal_of(handle, accept) == ""
        await skipping.sleep(RESTS_AFTER - MINUTE)
        assert passed(settlement) == []
        assert len(await armed(handle)) == 1
        await skipping.sleep(2 * MINUTE)
        state = await state_of(handle)
        assert (state.accept_mode, state.accepted_at) == ("plain", accept.occurred_at)
        assert [key for key, _ in passed(settlement)] == [
            "step:review-review", "promised", "statutory",
        ]  # fmt: skip


async def test_a_live_order_before_the_rest_finds_all_that_is_past_settled(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    settlement = PlainSettlement(matter())
    async with serving(settlement.settle) as queue:
        handle, filing = await told(skipping, queue, 47 * DAY)
        now = await skipping.get_current_time()
        urge = order("urge", {"text": "请抓紧"}, case_id=filing.case_id, at=now)
        assert await refusal_of(handle, urge) == ""
        assert [key for key, _ in passed(settlement)] == [
            "notice", "promised", "step:review-review", "statutory",
        ]  # fmt: skip
        await skipping.sleep(RESTS_AFTER + MINUTE)
        assert len(settlement.stored) == 2


async def test_two_instants_that_passed_while_the_case_was_down_are_both_rung_in_order(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    settlement = PlainSettlement(matter())
    now = await skipping.get_current_time()
    filing = backfilled("file", now - 12 * DAY, body_of_file())
    state, _ = settlement.walk(None, filing)
    async with serving(settlement.settle) as queue:
        handle: Handle = await skipping.client.start_workflow(
            ApprovalWorkflow.run,
            ApprovalInput(
                case_id=filing.case_id, state=state, backfilled_at=now - RESTS_AFTER - SECOND
            ),
            id=workflow_id(filing.case_id),
            task_queue=queue,
        )
        await skipping.sleep(5 * SECOND)
        assert [key for key, _ in passed(settlement)] == ["notice", "promised"]
        await handle.terminate("done")


async def test_orders_under_way_when_the_rest_comes_are_settled_before_it(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    settlement = PlainSettlement(matter())
    is_away = False

    @activity.defn(name="settle")
    async def settle(batch: Batch) -> Settled:
        if is_away:
            raise ConnectionError("the store is away")
        return settlement.settle(batch)

    async with serving(settle) as queue:
        handle, filing = await told(skipping, queue, 47 * DAY)
        await skipping.sleep(RESTS_AFTER - MINUTE)
        is_away = True
        urge = backfilled("urge", filing.occurred_at + DAY, {"text": "请抓紧"}, filing.case_id)
        accept = backfilled("accept", filing.occurred_at + 2 * DAY, {}, filing.case_id)
        asked = [
            await handle.start_update(
                ApprovalWorkflow.act,
                Orders(commands=(command,)),
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            )
            for command in (urge, accept)
        ]
        await skipping.sleep(2 * MINUTE)
        assert await armed(handle) == []  # its timer has fired
        is_away = False
        await skipping.sleep(MINUTE)
        answers = [(await one.result()).outcomes[0] for one in asked]
        assert [one.status for one in answers] == ["done", "done"], answers
        assert (passed(settlement), (await state_of(handle)).accept_mode) == ([], "plain")
        await skipping.sleep(RESTS_AFTER + MINUTE)
        assert [key for key, _ in passed(settlement)][-1] == "statutory"


# --- what is to come ---


async def test_an_instant_to_come_has_its_timer_at_its_instant(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    settlement = PlainSettlement(matter())
    async with serving(settlement.settle) as queue:
        handle, _ = await told(skipping, queue, DAY)
        due_at = pending(await state_of(handle)).due_at
        (fires_at,) = await armed(handle)
        assert abs(fires_at - due_at) < SECOND
        await skipping.sleep(due_at - await skipping.get_current_time() + SECOND)
        assert passed(settlement)[0] == ("notice", due_at)


# --- workers that come and go ---


@asynccontextmanager
async def working(
    skipping: WorkflowEnvironment, settlement: PlainSettlement
) -> AsyncIterator[None]:
    """Run a worker that remembers no case: what it does, the next one does from history alone."""
    with ThreadPoolExecutor(2) as threads:
        async with Worker(
            skipping.client,
            task_queue=QUEUE,
            workflows=WORKFLOWS,
            workflow_runner=ContextFreeRunner(skipping.client.data_converter),
            activities=[settlement.settle],
            activity_executor=threads,
            max_concurrent_activities=2,
            max_cached_workflows=0,
        ):
            yield


async def test_another_worker_rings_at_the_rest_what_the_first_has_seen_told(
    skipping: WorkflowEnvironment,
) -> None:
    settlement = PlainSettlement(matter())
    async with working(skipping, settlement):
        handle, _ = await told(skipping, QUEUE, 47 * DAY)
        before = await armed(handle)
    async with working(skipping, settlement):
        await skipping.sleep(RESTS_AFTER - MINUTE)
        assert (passed(settlement), await armed(handle)) == ([], before)
        await skipping.sleep(2 * MINUTE)
        assert passed(settlement)[-1][0] == "statutory"
        assert len(before) == 1


@pytest.mark.long
async def test_a_rest_that_workers_slept_through_begins_anew(
    skipping: WorkflowEnvironment,
) -> None:
    """The rest of the stream waits where the workers were, or behind them: it comes first."""
    settlement = PlainSettlement(matter())
    async with working(skipping, settlement):
        handle, filing = await told(skipping, QUEUE, 47 * DAY)
        await skipping.sleep(RESTS_AFTER - SECOND)
    await asyncio.sleep((AWAY + 5 * SECOND).total_seconds())  # nobody takes its task meanwhile
    async with working(skipping, settlement):
        accept = backfilled("accept", filing.occurred_at + DAY, {}, filing.case_id)
        await asyncio.sleep(1)
        assert passed(settlement) == []
        assert await refusal_of(handle, accept) == ""
        assert (await state_of(handle)).accept_mode == "plain"
        await skipping.sleep(RESTS_AFTER + MINUTE)
        assert passed(settlement)[-1][0] == "statutory"
        await handle.terminate("done")
