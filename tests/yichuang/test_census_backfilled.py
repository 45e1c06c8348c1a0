"""The census and backfilled cases on the real server: what is past has its timer at the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from benchmarks.ground import admit
from benchmarks.step import CLERK, DEPARTMENT, SOURCE, steps_of_a_case
from cases.armed import RESTS_AFTER
from cases.messages import Grant
from cases.reception import Request
from cases.tables import clock_event, step
from tests.activities.conftest import PlainPress
from tests.yichuang.censused import Ground, Town, served, serving, town
from tests.yichuang.censused_mutant import Meddled
from workflows.approval import ApprovalWorkflow

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]

TELLER = CLERK.model_copy(
    update={"grants": (*CLERK.grants, Grant(role="service_backfill", department=DEPARTMENT))}
)
TWO = timedelta(seconds=2)
PRINTING = (ApprovalWorkflow, PlainPress())
"""The case's workflow, and a press for what its cards are told with."""


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with served() as there:
        yield there


async def told(there: Town, days: int = 90) -> str:
    """Backfill a filing of so many days ago, and no more: the case was left at the window."""
    admit(there.settings, TELLER)
    case, at = str(uuid4()), datetime.now(UTC) - timedelta(days=days)
    _, verb, body = steps_of_a_case()[0]
    request = Request(id=str(uuid4()), verb=verb, body=body, case_id=case, occurred_at=at)
    (outcome,) = await there.reception.handle(TELLER, SOURCE, (request,))
    assert outcome.status == "done", outcome
    return case


def rest(there: Town, case: str) -> None:
    """Let the rows say that its telling ended as long ago as a rest takes, and a minute more."""
    earlier = datetime.now(UTC) - RESTS_AFTER - timedelta(minutes=1)
    with there.engine.begin() as connection:
        connection.execute(update(step).where(step.c.case_id == case).values(recorded_at=earlier))


def rung(there: Town, case: str) -> list[tuple[str, datetime]]:
    """Return the instants that were settled, in the order of their steps."""
    query = (
        select(clock_event.c.detail, clock_event.c.at)
        .where(clock_event.c.case_id == case, clock_event.c.kind == "timer_passed")
        .order_by(clock_event.c.seq, clock_event.c.n)
    )
    with there.engine.connect() as connection:
        return [(row.detail, row.at) for row in connection.execute(query)]


async def test_a_case_whose_past_is_being_told_is_armed_at_its_rest_and_well(
    ground: Ground,
) -> None:
    async with town(ground.settings, working=False) as there, serving(there, *PRINTING):
        case = await told(there)
        figures = await there.until_well()
        assert (figures["unarmed"], figures["stray"], figures["overdue"]) == (0, 0, 0)
        due_at = there.row(case).due_at
        (fires_at,) = (await there.seen(case)).armed.values()
        assert due_at is not None and abs(fires_at - due_at) < TWO
        assert abs(due_at - datetime.now(UTC) - RESTS_AFTER) < timedelta(seconds=60)


async def test_a_case_lost_before_its_rest_is_started_again_and_armed_at_it(ground: Ground) -> None:
    async with town(ground.settings, working=False) as there, serving(there, *PRINTING):
        case = await told(there)
        await there.until_well()
        due_at = there.row(case).due_at
        await there.handle(case).terminate()
        await there.round()
        assert there.wrong() == {case: "closed"}
        await there.until_well()
        (fires_at,) = (await there.seen(case)).armed.values()
        assert due_at is not None and abs(fires_at - due_at) < TWO
        assert rung(there, case) == []


async def test_a_case_lost_over_its_rest_rings_all_that_is_past_in_order(ground: Ground) -> None:
    async with town(ground.settings, working=False) as there, serving(there, *PRINTING):
        case = await told(there)
        await there.until_well()
        await there.handle(case).terminate()
        rest(there, case)
        assert case in there.overdue(60)
        await there.round()
        assert there.wrong() == {case: "closed"}
        await there.until_well(60)
        assert (there.wrong(), there.overdue(60)) == ({}, [])
        instants = [at for _, at in rung(there, case)]
        assert len(instants) > 3 and instants == sorted(instants)
        assert all(at < datetime.now(UTC) for at in instants)
        assert '"timer":"notice"' in rung(there, case)[0][0]
        late = there.late_seconds(case)
        assert len(late) == len(instants)
        # Late by the minute that it was lost for, from its rest and not from the instants.
        assert 60 <= max(late) < 600


async def test_a_case_at_rest_without_a_timer_is_named_and_mended(ground: Ground) -> None:
    async with (
        town(ground.settings, working=False) as there,
        serving(there, Meddled, PlainPress()),
    ):
        case = await told(there)
        await there.until_well()
        await there.handle(case).signal("drop_timer")
        async with asyncio.timeout(60):
            while (await there.seen(case)).armed:  # noqa: ASYNC110 -- the worker tells nobody
                await asyncio.sleep(0.05)
        rest(there, case)
        await there.round()
        assert there.wrong() == {case: "unarmed"}
        assert case in there.overdue(60)
        await there.until_well(60)
        assert "unarmed" in there.mended(case)[0]
        assert (there.overdue(60), len(rung(there, case)) > 3) == ([], True)
