"""One order to the register of versions, and what a signature sets going in the open cases."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.retiming import RetimeFound, RetimePass
    from cases.dossier_rows import SimulationMade
    from cases.messages import Command
    from cases.releasing import ReleaseAnswer, ReleaseOrder
    from cases.retiming import RetimingInput

RELEASE = "release"
"""Name of the one activity that settles an order (activities/releasing.py)."""
RELEASE_WITHIN = timedelta(minutes=30)
"""A preview looks at every open case: 100,000 of them take minutes."""
ALIVE_WITHIN = timedelta(minutes=2)
"""The gate may start an engine in a child and prove a policy over every pair of roles; a preview
tells each page. Silence longer than this is a worker that died."""

SIMULATE = "simulate"
"""Name of the activity that tries a version over the past (activities/simulating.py)."""
SIMULATE_WITHIN = timedelta(hours=6)
SIMULATE_ALIVE_WITHIN = timedelta(minutes=2)
"""A process of its own tells each page; its start takes seconds on a busy machine."""

RETIME = "retime"
"""Name of the activity that tells the cases (activities/retiming.py)."""
PASS_WITHIN = timedelta(hours=6)
PASS_ALIVE_WITHIN = timedelta(minutes=1)
PASS_AGAIN = timedelta(seconds=3)
"""How long cases have to settle what they were told, before they are looked at again."""
PASS_AGAIN_AT_MOST = timedelta(minutes=5)
"""… where some do not answer: whoever mends them is not hurried."""
SETTLED_AFTER = timedelta(seconds=90)
"""So long a worker may still have served the former version (`STALE_AFTER_S` of a register that
cannot be read); then a pass that finds nothing is the last."""

PASSES_PER_RUN = 300
"""Then continue as new: a retiming may wait for days until a case is mended."""

_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=20)
)


def release_workflow_id(command_id: str) -> str:
    return f"release-{command_id}"


def retiming_workflow_id(cause_id: str) -> str:
    return f"retiming-{cause_id}"


@workflow.defn(name="release")
class ReleaseWorkflow:
    """The life of one order. Its id is `release_workflow_id(command.id)`."""

    @workflow.run
    async def run(self, command: Command) -> ReleaseAnswer:
        """Return what came of the order; what it sets going in the cases goes on by itself."""
        # The server's instant: a warrant that was good then is good whenever a worker comes back.
        order = ReleaseOrder(command=command, admitted_at=workflow.info().start_time)
        answer: ReleaseAnswer = await workflow.execute_activity(
            RELEASE,
            order,
            result_type=ReleaseAnswer,
            start_to_close_timeout=RELEASE_WITHIN,
            heartbeat_timeout=ALIVE_WITHIN,
            retry_policy=_RETRY,
        )
        if answer.simulation is not None:
            made: SimulationMade = await workflow.execute_activity(
                SIMULATE,
                answer.simulation,
                result_type=SimulationMade,
                start_to_close_timeout=SIMULATE_WITHIN,
                heartbeat_timeout=SIMULATE_ALIVE_WITHIN,
                retry_policy=_RETRY,
            )
            answer = answer.model_copy(update={"dossier": made.digest})
        if answer.retiming is not None:
            # Begun before the answer is given: who signed need not come back for it.
            await workflow.start_child_workflow(
                RetimingWorkflow.run,
                RetimingInput(cause=answer.retiming),
                id=retiming_workflow_id(answer.retiming.id),
                parent_close_policy=ParentClosePolicy.ABANDON,
            )
        return answer


@workflow.defn(name="retiming")
class RetimingWorkflow:
    """Goes on until every open case counts by what is in force. Id: `retiming_workflow_id`."""

    @workflow.run
    async def run(self, given: RetimingInput) -> int:
        """Return how many cases were told."""
        cause, told, idle = given.cause, given.told, 0
        await _sleep_until(cause.at)
        began = given.began or workflow.now()
        for number in range(given.passes, given.passes + PASSES_PER_RUN):
            found = await self._pass(RetimePass(cause=cause, number=number, told=told))
            told += found.told
            idle = 0 if found.told else idle + 1
            left = began + SETTLED_AFTER - workflow.now()
            quiet = not found.told and not found.away and left <= timedelta(0)
            if quiet or found.overtaken:
                await self._pass(
                    RetimePass(
                        cause=cause,
                        number=number,
                        told=told,
                        last=True,
                        overtaken=found.overtaken,
                    )
                )
                return told
            await workflow.sleep(_pause(found, idle, left), summary="再查")
        workflow.continue_as_new(
            RetimingInput(cause=cause, told=told, passes=given.passes + PASSES_PER_RUN, began=began)
        )

    async def _pass(self, order: RetimePass) -> RetimeFound:
        found: RetimeFound = await workflow.execute_activity(
            RETIME,
            order,
            result_type=RetimeFound,
            start_to_close_timeout=PASS_WITHIN,
            heartbeat_timeout=PASS_ALIVE_WITHIN,
            retry_policy=_RETRY,
        )
        return found


def _pause(found: RetimeFound, idle: int, left: timedelta) -> timedelta:
    if found.told:
        return PASS_AGAIN
    if found.away:
        return min(PASS_AGAIN * int(2 ** min(idle, 10)), PASS_AGAIN_AT_MOST)
    return max(left, PASS_AGAIN)


async def _sleep_until(at: datetime) -> None:
    delay = at - workflow.now()
    if delay > timedelta(0):
        await workflow.sleep(delay, summary="生效")
