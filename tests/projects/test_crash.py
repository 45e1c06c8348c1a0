"""A project's orders under fire: killed anywhere, asked twice, by two at once, by a deputy."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, select

from activities.projects import ProjectSettlement
from benchmarks import ground
from cases.database import open_engine, reading
from cases.lives import Admitted, ring_command
from cases.messages import Actor, Command, Outcome
from cases.notices_out import of_incident
from cases.performance_tables import performance_act
from cases.project_lists import state_of
from cases.project_tables import project_event
from cases.projects import performing_messages as performing
from cases.projects.orders import ProjectBatch
from cases.tables import outbox
from policies.access import Access, Thing
from tests.deputies import delegated, ended, in_the_name_of
from tests.mortal import Mortal
from tests.projects.town import (
    CLERK,
    GATE_ONE,
    GATE_TWO,
    LEAD,
    OPERATOR,
    SOURCE,
    Town,
    actor,
    concession,
    paper,
)
from tests.projects.treasury import EVALUATOR, plan, scores, treasury_of
from workflows.project import workflow_id
from yichuang import joining
from yichuang.life_watch import PROJECTS, LifeWatch
from yichuang.project_door import department_of, project_id_for, project_thing
from yichuang.settings import Settings
from yichuang.worker import LawfulRings, Workshop

SUBSTITUTE = actor("daiban", "certificate_desk", "fgw")
"""Holds nothing of projects; what they may is what is delegated to them."""


@dataclass
class Hand:
    """A worker's settlement that may die, and what its orders left."""

    settlement: ProjectSettlement
    mortal: Mortal
    access: Access
    town: Town

    def warranted(
        self, who: Actor, project: str, verb: str, body: Mapping[str, Any], key: str = ""
    ) -> ProjectBatch:
        """Return an order as its workflow hands it on."""
        at = datetime.now(UTC)
        command = Command(
            id=key or str(uuid4()), verb=verb, case_id=project, body=dict(body), actor=who,
            source=SOURCE, occurred_at=at,
        )  # fmt: skip
        with reading(self.town.shop.cases) as connection:
            state = state_of(connection, project)
        thing = project_thing(project, state, department_of(command))
        warrant = self.access.warrant_on(command, thing, verb, at)
        order = Admitted(command=command.model_copy(update={"warrant": warrant}), admitted_at=at)
        return ProjectBatch(project_id=project, seq=0, commands=(order,))

    def settle(self, batch: ProjectBatch) -> Outcome:
        return self.settlement.settle(batch).outcomes[0]

    def left(self, project: str) -> tuple[int, int, int, int]:
        """Return how many orders, entries, events and tellings of the project there are."""
        with reading(self.town.shop.cases) as connection:
            orders = select(func.count()).where(project_event.c.project_id == project)
            events = select(func.count()).where(outbox.c.case_id == project)
            entries = self.town.entries(f"project:{project}")
            return (
                connection.execute(orders).scalar_one(),
                sum(one["res"] == "ok" for one in entries),
                connection.execute(events).scalar_one(),
                len(of_incident(connection, project)),
            )


@pytest.fixture
def hand(town: Town, shared: tuple[Settings, Workshop]) -> Iterator[Hand]:
    settings, _ = shared
    engine = open_engine(settings.store_url("cases"))
    law = town.shop.projects.law
    assert isinstance(law, LawfulRings)
    later = replace(law, now=lambda: datetime.now(UTC) + timedelta(days=400))
    settlement = replace(town.shop.projects, engine=engine, law=later)
    yield Hand(settlement, Mortal(engine), joining.access_of(settings, "web"), town)
    engine.dispose()


@pytest.fixture
def web(shared: tuple[Settings, Workshop]) -> Iterator[Engine]:
    ground.admit(shared[0], SUBSTITUTE)
    engine = open_engine(shared[0].store_url("web"))
    yield engine
    engine.dispose()


def _life(town: Town) -> tuple[tuple[Actor, str, dict[str, Any]], ...]:
    """Orders of every kind of writing: numbers, milestones, papers, gates, tellings, an end."""
    today = town.today.isoformat()
    scheme, review = {"milestone": "scheme"}, {"milestone": "feasibility"}
    return (
        (CLERK, "establish", concession(town.today)),
        (CLERK, "add_evidence", scheme | {"paper": paper("特许经营方案")}),
        (LEAD, "achieve", scheme | {"on": today}),
        (CLERK, "add_evidence", review | {"paper": paper("可行性论证报告")}),
        (LEAD, "achieve", review | {"on": today}),
        (CLERK, "add_evidence", {"milestone": "scheme_review", "paper": paper("审核意见")}),
        (GATE_ONE, "pass_gate", {"milestone": "scheme_review"}),
        (LEAD, "propose_change", {"kind": "scope", "ground": "减少车位", "paper": paper("方案")}),
        (LEAD, "terminate", {"ground": "agreed", "reason": "双方协商", "on": today,
                             "paper": paper("终止协议")}),
    )  # fmt: skip


async def test_killed_between_any_two_writes_an_order_is_carried_out_whole_and_once(
    town: Town, hand: Hand
) -> None:
    project = project_id_for(str(uuid4()))
    for who, verb, body in _life(town):
        before, deaths = hand.left(project), 0
        batch = hand.warranted(who, project, verb, body)

        def settled(dies_at: int, batch: ProjectBatch = batch) -> bool:
            return hand.mortal.survives(dies_at, lambda: hand.settle(batch))

        while not await asyncio.to_thread(settled, deaths + 1):
            deaths += 1
            after = hand.left(project)
            # All of it or nothing: order, entry and event stand or fall together.
            steps = {now - then for now, then in zip(after[:3], before[:3], strict=True)}
            assert steps in ({0}, {1}), (verb, deaths, before, after)
            assert steps == {1} or after == before, (verb, deaths)
        assert deaths > 6, verb
        done = hand.left(project)
        assert [now - then for now, then in zip(done[:3], before[:3], strict=True)] == [1, 1, 1]
        # The answer was lost on its way: the same order again is the same answer.
        again = hand.settle(batch)
        assert (again.status, again.repeated) == ("done", True), verb
        assert hand.left(project) == done
    state = town.state(project)
    assert (state.stage, state.seq) == ("terminated", len(_life(town)))


async def test_killed_anywhere_over_an_instant_it_rings_once(town: Town, hand: Hand) -> None:
    project = await town.established()
    due = town.state(project).timers[0]
    order = Admitted(command=ring_command(project, due), admitted_at=due.due_at)
    batch = ProjectBatch(project_id=project, seq=0, commands=(order,))
    before, deaths = hand.left(project), 0
    while not await asyncio.to_thread(hand.mortal.survives, deaths + 1, lambda: hand.settle(batch)):
        deaths += 1
        assert hand.left(project)[0] - before[0] in (0, 1)
    assert deaths > 6
    done = hand.left(project)
    assert [now - then for now, then in zip(done[:3], before[:3], strict=True)] == [1, 1, 1]
    several = [asyncio.to_thread(hand.settle, batch) for _ in range(4)]
    await asyncio.gather(*several, return_exceptions=True)
    assert hand.left(project) == done


async def test_killed_between_any_two_writes_an_evaluation_is_kept_whole_and_once(
    town: Town, hand: Hand
) -> None:
    treasury_of(town.settings, town)
    project, year = await town.established(department="zxb"), town.today.year
    settling = replace(town.shop.performing, engine=hand.mortal.engine)
    points = dict.fromkeys("ABC", 70)
    for n, (who, verb, body, department) in enumerate((
        (CLERK, performing.PLAN, plan(year, year), "zxb"),
        (EVALUATOR, performing.EVALUATE, scores(year, points), ""),
        (OPERATOR, performing.ACCEPT, {"year": year}, "spv1"),
        (LEAD, performing.CONFIRM, {"year": year}, "zxb"),
    )):  # fmt: skip
        at = datetime.now(UTC)
        command = Command(
            id=str(uuid4()), verb=verb, case_id=project, body=body, actor=who, source=SOURCE,
            occurred_at=at,
        )  # fmt: skip
        thing = Thing(performing.OBJECT, project, department=department)
        warrant = hand.access.warrant_on(command, thing, verb, at)
        order = performing.PerformanceOrder(
            command=command.model_copy(update={"warrant": warrant}), admitted_at=at
        )

        def settled(dies_at: int, order: performing.PerformanceOrder = order) -> bool:
            return hand.mortal.survives(dies_at, lambda: settling.settle(order))

        deaths = 0
        while not await asyncio.to_thread(settled, deaths + 1):
            deaths += 1
            acts, entries, events = _evaluations(town, project)
            # All of it or nothing: act, entry and event.
            assert acts == entries == events and acts in (n, n + 1), (verb, deaths)
        assert deaths > 4, verb
        assert settling.settle(order).repeated
        assert _evaluations(town, project) == (n + 1,) * 3


def _evaluations(town: Town, project: str) -> tuple[int, int, int]:
    """Return how many acts, entries and events of a project's performance there are."""
    with reading(town.shop.cases) as connection:
        acts = select(func.count()).where(performance_act.c.project == project)
        told = outbox.c.subject.like("%.performance.changed")
        events = select(func.count()).where(outbox.c.case_id == project, told)
        return (
            connection.execute(acts).scalar_one(),
            len(town.entries(f"performance:{project}")),
            connection.execute(events).scalar_one(),
        )


async def test_of_workers_that_settle_one_order_at_once_one_writes_it(
    town: Town, hand: Hand
) -> None:
    project = await town.established()
    paid = {"title": "管线不明", "level": "high"}
    batch = hand.warranted(CLERK, project, "add_risk", paid)
    before = hand.left(project)
    several = [asyncio.to_thread(hand.settle, batch) for _ in range(4)]
    answers = await asyncio.gather(*several, return_exceptions=True)
    # Who lost the race raises, and is tried again: then it finds what was written.
    assert any(isinstance(one, Outcome) for one in answers)
    assert hand.settle(batch).repeated
    assert hand.left(project)[:3] == tuple(one + 1 for one in before[:3])
    assert len(town.state(project).risks) == 1


async def test_the_same_message_twice_is_one_order_and_another_under_its_id_is_refused(
    town: Town,
) -> None:
    project = await town.established()
    risk = {"title": "管线不明", "level": "high"}
    key = str(uuid4())
    same = await asyncio.gather(
        *(town.order(CLERK, project, "add_risk", risk, key) for _ in range(4))
    )
    late = await town.order(CLERK, project, "add_risk", risk, key)
    assert late.repeated
    assert {(one.status, one.seq, one.entry) for one in (*same, late)} == {
        ("done", 2, late.entry)
    }  # fmt: skip
    other = await town.order(CLERK, project, "add_risk", risk | {"level": "low"}, key)
    assert (other.status, other.code) == ("refused", "id_reused")
    somebody = await town.order(LEAD, project, "add_risk", risk, key)
    assert (somebody.status, somebody.code) == ("refused", "id_reused")
    assert len(town.state(project).risks) == 1


async def test_of_two_orders_under_one_id_at_once_one_is_done_and_the_other_is_told_so(
    town: Town, hand: Hand
) -> None:
    project, key = await town.established(), str(uuid4())
    both = await asyncio.gather(
        *(
            town.order(CLERK, project, "add_risk", {"title": title, "level": "high"}, key)
            for title in ("管线不明", "资金不足")
        )
    )
    assert sorted((one.status, one.code) for one in both) == [
        ("done", ""), ("refused", "id_reused"),
    ]  # fmt: skip
    assert len(town.state(project).risks) == 1
    # A worker that is handed another order under an id that was settled refuses it itself.
    other = hand.warranted(CLERK, project, "add_risk", {"title": "另一件", "level": "low"}, key)
    no = hand.settle(other)
    assert (no.status, no.code) == ("refused", "id_reused")
    assert len(town.state(project).risks) == 1


async def test_two_at_once_are_one_after_the_other_and_the_second_is_told(town: Town) -> None:
    project = await town.established()
    scheme = {"milestone": "scheme"}
    await town.done(CLERK, project, "add_evidence", scheme | {"paper": paper("特许经营方案")})
    reached = scheme | {"on": town.today.isoformat()}
    both = await asyncio.gather(
        town.order(CLERK, project, "achieve", reached),
        town.order(LEAD, project, "achieve", reached),
    )
    assert sorted((one.status, one.code, one.basis) for one in both) == [
        ("done", "", ""), ("refused", "achieved_already", "YCJX-10"),
    ]  # fmt: skip
    await town.reach(project, "feasibility")
    review = {"milestone": "scheme_review"}
    await town.done(CLERK, project, "add_evidence", review | {"paper": paper("审核意见")})
    gates = await asyncio.gather(
        *(town.order(who, project, "pass_gate", review) for who in (GATE_ONE, GATE_TWO, GATE_ONE))
    )
    assert Counter((one.status, one.code) for one in gates) == {
        ("done", ""): 2, ("refused", "same_person"): 1,
    }  # fmt: skip
    found = town.state(project).milestone("scheme_review")
    assert found is not None and not found.gate_open and len(found.passes) == 2


def _signed(town: Town, project: str, act: str) -> list[dict[str, Any]]:
    """The entries of what was carried out."""
    entries = town.entries(f"project:{project}")
    return [one for one in entries if (one["act"], one["res"]) == (act, "ok")]


async def test_a_deputy_opens_a_gate_for_whom_they_stand_for_and_for_nobody_twice(
    town: Town, web: Engine
) -> None:
    project = await town.established()
    for key in ("scheme", "feasibility"):
        await town.reach(project, key)
    gate = {"milestone": "scheme_review"}
    await town.done(CLERK, project, "add_evidence", gate | {"paper": paper("审核意见")})
    deputy = in_the_name_of(SUBSTITUTE, GATE_ONE)
    # Nobody has lent them anything yet, and in their own name they hold nothing.
    assert (await town.refused(deputy, project, "pass_gate", gate))[0] == "right_ended"
    assert (await town.refused(SUBSTITUTE, project, "pass_gate", gate))[0] == "no_right"
    key = delegated(web, GATE_ONE, SUBSTITUTE, town.now())
    await town.done(deputy, project, "pass_gate", gate)
    (signed,) = _signed(town, project, "pass_gate")
    assert signed["who"]["id"] != signed["who"]["on_behalf"]
    # Both names have had their say: neither is the second person.
    for who in (deputy, GATE_ONE):
        assert await town.refused(who, project, "pass_gate", gate) == ("same_person", "YCJX-8")
    # Nor does a deputy do what the delegator never held.
    paid = {"total_fen": 1, "reason": "开工"}
    assert (await town.refused(deputy, project, "set_cost", paid))[0] == "no_right"
    ended(web, key, GATE_ONE, town.now())
    back = gate | {"reason": "意见不全"}
    assert (await town.refused(deputy, project, "return_gate", back))[0] == "right_ended"
    await town.done(GATE_TWO, project, "pass_gate", gate)


async def test_who_gave_the_papers_through_a_deputy_opens_no_gate(town: Town, web: Engine) -> None:
    project = await town.established()
    for key in ("scheme", "feasibility"):
        await town.reach(project, key)
    both = actor("liangyang", "gate_approver", "fgw")
    both = both.model_copy(update={"grants": (*both.grants, *CLERK.grants)})
    ground.admit(town.settings, both)
    delegated(web, both, SUBSTITUTE, town.now())
    deputy = in_the_name_of(SUBSTITUTE, both)
    gate = {"milestone": "scheme_review"}
    await town.done(deputy, project, "add_evidence", gate | {"paper": paper("审核意见")})
    for who in (both, deputy):
        assert await town.refused(who, project, "pass_gate", gate) == ("same_person", "YCJX-8")


async def test_a_life_lost_between_two_orders_goes_on_from_its_rows(town: Town) -> None:
    project = await town.established()
    handle = town.environment.client.get_workflow_handle(workflow_id(project))
    await handle.terminate("lost")
    risk = {"title": "管线不明", "level": "high"}
    assert (await town.done(CLERK, project, "add_risk", risk)).seq == 2
    await handle.terminate("lost again")
    watch = LifeWatch(town.shop.cases, town.environment.client, "town", PROJECTS, town.now)
    assert await watch.look() >= 1
    assert (await town.done(CLERK, project, "add_risk", risk)).seq == 3
