"""What the update admits, refuses and answers; what becomes of repetition, crowds and faults."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from cases.messages import Actor, Command
from cases.orders import ApprovalInput, Doubted
from cases.settling import Batch, Settled
from tests.histories.paths import BY_NAME
from tests.histories.sample import OPEN, PlainSettlement, body_of_file, matter, order
from tests.histories.walking import act, file_case, refusal_of, walk_path
from tests.workflows.conftest import Serving
from workflows.approval import ApprovalWorkflow, timer_command, workflow_id


class Doubts:
    """Notes the codes of what the workflow doubts."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @activity.defn(name="doubt")
    def doubt(self, doubted: Doubted) -> None:
        self.told.append(doubted.code)


async def filing(environment: WorkflowEnvironment) -> Command:
    at = await environment.get_current_time()
    return order("file", body_of_file(), case_id=str(uuid4()), at=at)


def next_order(verb: str, after: Command, minutes: float = 1, **more: object) -> Command:
    at = after.occurred_at + timedelta(minutes=minutes)
    return order(verb, more, case_id=after.case_id, at=at, warranted_at=after.occurred_at)


async def test_an_impossible_order_is_refused_and_neither_accepted_nor_settled(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    settlement = PlainSettlement(matter())
    async with serving(settlement.settle) as queue:
        first = await filing(skipping)
        handle, _ = await file_case(skipping.client, queue, first)
        assert await refusal_of(handle, next_order("decide", first, result="grant")) == (
            "wrong_stage"
        )
        accepted = [
            event
            for event in (await handle.fetch_history()).events
            if event.HasField("workflow_execution_update_accepted_event_attributes")
        ]
        assert (len(accepted), settlement.calls) == (1, 1)


@pytest.mark.parametrize("fault", ["none", "other actor", "expired", "other case", "timer"])
async def test_an_order_without_its_warrant_is_refused(
    skipping: WorkflowEnvironment, serving: Serving, fault: str
) -> None:
    doubts = Doubts()
    async with serving(PlainSettlement(matter()).settle, doubts.doubt) as queue:
        first = await filing(skipping)
        handle, _ = await file_case(skipping.client, queue, first)
        good = next_order("accept", first)
        assert good.warrant is not None
        state = await handle.query(ApprovalWorkflow.state)
        assert state is not None
        past = good.warrant.model_copy(update={"expires_at": first.occurred_at})
        bad = {
            "none": (good.model_copy(update={"warrant": None}), "no_warrant"),
            "other actor": (good.model_copy(update={"actor": Actor(id="u:x")}), "wrong_warrant"),
            "expired": (good.model_copy(update={"warrant": past}), "warrant_expired"),
            "other case": (order("accept", case_id="another"), "wrong_case"),
            "timer": (timer_command(first.case_id, state.timers[0]), "wrong_case"),
        }
        command, code = bad[fault]
        assert await refusal_of(handle, command, update_id="another way") == code
        # An outage leaves what has expired; all else no door can have sent, and it is told.
        assert doubts.told == ([] if fault == "expired" else [code])
        assert await refusal_of(handle, good) == ""


async def test_the_same_order_again_gets_the_same_answer_and_is_settled_once(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    settlement = PlainSettlement(matter())
    async with serving(settlement.settle) as queue:
        first = await filing(skipping)
        handle, filed = await file_case(skipping.client, queue, first)
        _, again = await file_case(skipping.client, queue, first)
        assert again == filed
        accept = next_order("accept", first)
        one = await act(handle, accept)
        # Under another update id, as a door does that sends it in another batch.
        two = await act(handle, accept, update_id="another")
        assert one == two
        state = await handle.query(ApprovalWorkflow.state)
        assert state is not None and state.seq == 2


async def test_an_order_repeated_after_continue_as_new_is_not_applied_again(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    settlement = PlainSettlement(matter(**OPEN))
    async with serving(settlement.settle) as queue:
        first = await filing(skipping)
        handle, _ = await file_case(skipping.client, queue, first, steps_per_run=2)
        handle = skipping.client.get_workflow_handle_for(ApprovalWorkflow.run, handle.id)
        steps = [next_order("record_step", first, n, step=f"T{n}") for n in range(1, 6)]
        answers = [await act(handle, step) for step in steps]
        again = [await act(handle, step) for step in steps]
        assert again == answers
        state = await handle.query(ApprovalWorkflow.state)
        assert state is not None and state.seq == 6


async def test_orders_that_queue_are_settled_together_and_in_order(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    settlement = PlainSettlement(matter())
    async with serving(settlement.settle) as queue:
        first = await filing(skipping)
        handle, _ = await file_case(skipping.client, queue, first)
        task = {"task": "review-review", "result": "agree", "text": "同意"}
        batch = (
            next_order("accept", first, 1),
            next_order("opine", first, 2, **task),
            next_order("decide", first, 3, result="grant"),
        )
        answers = await act(handle, *batch, update_id="batch")
        assert [one.code for one in answers.outcomes] == ["", "", "same_person"]
        assert settlement.calls == 2


async def test_eight_clients_at_once_lose_nothing_through_continue_as_new(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    async with serving(PlainSettlement(matter(**OPEN)).settle) as queue:
        first = await filing(skipping)
        handle, _ = await file_case(skipping.client, queue, first, steps_per_run=7)
        handle = skipping.client.get_workflow_handle_for(ApprovalWorkflow.run, handle.id)

        async def client(who: int) -> list[int]:
            found = []
            for n in range(5):
                step = next_order("record_step", first, who * 10 + n, step=f"{who}-{n}")
                found.append((await act(handle, step)).outcomes[0].seq)
            return found

        numbers = await asyncio.gather(*(client(who) for who in range(8)))
        assert sorted(n for one in numbers for n in one) == list(range(2, 42))


async def test_an_archived_case_refuses_and_its_workflow_is_over(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    path = BY_NAME["withdrawal"]
    async with serving(PlainSettlement(path.matter()).settle) as queue:
        handle, _ = await walk_path(skipping, queue, path)
        assert await handle.result() == "withdrawn"


async def test_a_case_whose_filing_is_refused_ends_and_may_be_filed_again(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    async with serving(PlainSettlement(matter()).settle) as queue:
        first = await filing(skipping)
        wrong = order(
            "file", body_of_file("other-matter"), case_id=first.case_id, at=first.occurred_at,
            name="wrong",
        )  # fmt: skip
        handle, outcome = await file_case(skipping.client, queue, wrong)
        assert outcome.code == "wrong_matter"
        assert await handle.result() == ""
        _, outcome = await file_case(skipping.client, queue, first)
        assert outcome.status == "done"


async def test_a_case_that_nobody_files_gives_up(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    async with serving(PlainSettlement(matter()).settle) as queue:
        case_id = str(uuid4())
        accept = order("accept", case_id=case_id, at=await skipping.get_current_time())
        handle = await skipping.client.start_workflow(
            ApprovalWorkflow.run,
            ApprovalInput(case_id=case_id),
            id=workflow_id(case_id),
            task_queue=queue,
        )
        assert await refusal_of(handle, accept) == "not_filed"
        assert await handle.result() == ""


async def test_a_broken_invariant_reaches_the_caller_and_leaves_the_case_alive(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    good = PlainSettlement(matter())

    @activity.defn(name="settle")
    def settle(batch: Batch) -> Settled:
        if batch.commands[0].verb == "urge":
            raise ApplicationError("expected 3, found 2", type="HistoryDiffers")
        return good.settle(batch)

    async with serving(settle) as queue:
        first = await filing(skipping)
        handle, _ = await file_case(skipping.client, queue, first)
        with pytest.raises(WorkflowUpdateFailedError) as broken:
            await act(handle, next_order("urge", first, text="请抓紧"))
        assert "expected 3, found 2" in str(broken.value.cause)
        assert await refusal_of(handle, next_order("accept", first, 2)) == ""


async def test_a_timer_rings_once_at_its_instant_and_names_its_article(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    async with serving(PlainSettlement(matter()).settle) as queue:
        first = await filing(skipping)
        handle, _ = await file_case(skipping.client, queue, first)
        await skipping.sleep(timedelta(days=7))
        state = await handle.query(ApprovalWorkflow.state)
        assert state is not None
        assert (state.accept_mode, state.accepted_at) == ("deemed", first.occurred_at)
        started = [
            event.user_metadata.summary.data
            for event in (await handle.fetch_history()).events
            if event.HasField("timer_started_event_attributes")
        ]
        converter = skipping.client.data_converter
        payloads = [e.user_metadata.summary for e in (await handle.fetch_history()).events
                    if e.HasField("timer_started_event_attributes")]  # fmt: skip
        assert converter.payload_codec is not None
        plain = await converter.payload_codec.decode(payloads)
        assert plain[0].data.decode().strip('"') == "notice XKF-32-4"
        assert b"notice" not in started[0]


async def test_what_temporal_keeps_is_ciphertext(
    skipping: WorkflowEnvironment, serving: Serving
) -> None:
    async with serving(PlainSettlement(matter()).settle) as queue:
        first = await filing(skipping)
        handle, _ = await file_case(skipping.client, queue, first)
        kept = (await handle.fetch_history()).to_json()
        for secret in ("某某公司", "sample-permit", "u:clerk"):
            assert secret not in kept
