"""What is refused of a project's orders, each with its rule and its source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import Engine, select

from audit.tables import audit_outbox
from benchmarks import ground
from cases import fund as f
from cases.database import open_engine, reading
from cases.projects import performing_messages as m
from catalogue.load import load_catalogue
from tests.projects.town import (
    CLERK,
    GATE_ONE,
    GATE_TWO,
    LEAD,
    OUTSIDER,
    Town,
    actor,
    concession,
    paper,
)
from tests.projects.treasury import INDICATORS, PAYEE, Treasury, plan, scores, treasury_of
from yichuang.project_door import project_id_for

LAW = load_catalogue().law
BOTH = actor("liangmian", "operator", "spv1")
BOTH = BOTH.model_copy(
    update={"grants": (*BOTH.grants, *actor("", "performance_evaluator", "spv1").grants)}
)
"""One of the operator's own people, who evaluates too."""


@dataclass
class Bad:
    """Where bad input is handed in: the real doors of a project, its performance and its money."""

    town: Town
    money: Treasury

    async def established(self, **changed: Any) -> tuple[str, str]:
        body = concession(self.town.today, **changed)
        return await self.town.refused(CLERK, project_id_for(str(uuid4())), "establish", body)

    async def planned(self, **changed: Any) -> tuple[str, str]:
        project = await self.town.established(department="zxb")
        year = self.town.today.year
        no = await self.money.act(CLERK, m.PLAN, project, plan(year, year, **changed))
        assert no.status == "refused", no
        return no.code, no.basis

    async def scored_by_the_operator(self) -> tuple[str, str]:
        project, year = await self.town.established(department="zxb"), self.town.today.year
        ground.admit(self.town.settings, BOTH)
        await self.money.acted(CLERK, m.PLAN, project, plan(year, year))
        no = await self.money.act(BOTH, m.EVALUATE, project, scores(year, dict.fromkeys("ABC", 90)))
        assert no.status == "refused", no
        return no.code, no.basis

    async def paid_before_the_milestone(self) -> tuple[str, str]:
        project = await self.town.established(department="zxb")
        await self.money.opened(project, number=str(uuid4()))
        no = await self.money.request(project, self.town.today.year, 1, milestone="opening")
        assert no.status == "refused", no
        return no.code, no.basis

    async def cost(self, fen: Any) -> tuple[str, str]:
        project = await self.town.established()
        return await self.town.refused(
            CLERK, project, "set_cost", {"total_fen": fen, "reason": "开工"}
        )

    async def contracted(self, fen: Any) -> tuple[str, str]:
        no = await self.money.order(
            CLERK, f.CONTRACT, project="P", department="zxb", number="1", title="一期",
            amount_fen=fen, signed_on=self.town.today.isoformat(), **PAYEE,
        )  # fmt: skip
        assert no.status == "refused", no
        return no.code, no.basis


def _weighing(weight_bp: int) -> list[dict[str, Any]]:
    return [*INDICATORS[:2], {**INDICATORS[2], "weight_bp": weight_bp}]


CIRCLE = [
    {"id": "x_one", "stage": "building", "title": "甲", "days": 9, "after": ["x_two"]},
    {"id": "x_two", "stage": "building", "title": "乙", "days": 9, "after": ["x_one"]},
]
WHOLE = ("malformed", "YCYX-22")
TABLE: Mapping[str, tuple[Callable[[Bad], Awaitable[tuple[str, str]]], tuple[str, str]]] = {
    "weights sum to 99": (
        lambda bad: bad.planned(indicators=_weighing(1_900)), ("weights_not_whole", "YCJX-1"),
    ),
    "weights sum to 101": (
        lambda bad: bad.planned(indicators=_weighing(2_100)), ("weights_not_whole", "YCJX-1"),
    ),
    "evaluator is of the operator": (
        lambda bad: bad.scored_by_the_operator(), ("XM-APART", "YCJX-4"),
    ),
    "the office is its own operator": (
        lambda bad: bad.planned(operator="zxb"), ("one_side", "YCJX-4"),
    ),
    "building subsidised under another name": (
        lambda bad: bad.planned(
            terms={"availability_fen": 1, "operation_fen": 1, "linked_bp": 10_000}
        ),
        ("XM-SUBSIDY", "GBH115-5"),
    ),
    "payment before milestone": (
        lambda bad: bad.paid_before_the_milestone(), ("milestone_not_achieved", "YCYX-12"),
    ),
    "negative fen of a study": (lambda bad: bad.established(feasibility_fen=-1), WHOLE),
    "fractional fen of a study": (lambda bad: bad.established(feasibility_fen=0.5), WHOLE),
    "fen of a study as text": (lambda bad: bad.established(feasibility_fen="1"), WHOLE),
    "negative fen of a cost": (lambda bad: bad.cost(-1), WHOLE),
    "fractional fen of a cost": (lambda bad: bad.cost(100.5), WHOLE),
    "negative fen of a contract": (lambda bad: bad.contracted(-1), WHOLE),
    "fractional fen of a contract": (lambda bad: bad.contracted(0.01), WHOLE),
    "negative fen of a subsidy": (
        lambda bad: bad.planned(
            terms={"availability_fen": 0, "operation_fen": -1, "linked_bp": 10_000}
        ),
        WHOLE,
    ),
    "dependency circle": (lambda bad: bad.established(milestones=CIRCLE), ("circle", "YCJX-10")),
    "a milestone waits for itself": (
        lambda bad: bad.established(milestones=[CIRCLE[0] | {"after": ["x_one"]}]),
        ("circle", "YCJX-10"),
    ),
    "term of 41 years": (
        lambda bad: bad.established(term_years=41), ("XM-40-YEARS", "GBH115-2"),
    ),
    "stock project procured after the stop": (
        lambda bad: bad.established(regime="stock"), ("wrong_regime", "GBH115-1"),
    ),
}  # fmt: skip
"""What is wrong → how it is handed in, and the rule and the article that refuse it."""


@pytest.mark.parametrize("wrong", TABLE)
async def test_bad_input_is_refused_with_the_rule_and_its_source(town: Town, wrong: str) -> None:
    bad = Bad(town, treasury_of(town.settings, town))
    handed_in, expected = TABLE[wrong]
    before = _denied(town)
    assert await handed_in(bad) == expected
    assert LAW[expected[1]].covers(town.today, town.today)
    assert _denied(town) - before == Counter({expected[0]: 1})


async def test_forty_years_and_a_hundred_are_enough(town: Town) -> None:
    """The other side of each limit."""
    money, year = treasury_of(town.settings, town), town.today.year
    project = await town.established(department="zxb", term_years=40, feasibility_fen=0)
    await money.acted(CLERK, m.PLAN, project, plan(year, year, indicators=_weighing(2_000)))
    straight = [CIRCLE[0] | {"after": []}, CIRCLE[1]]
    assert town.state(await town.established(milestones=straight)).milestone("x_two") is not None
    code, _ = await town.refused(
        OUTSIDER, project_id_for(str(uuid4())), "establish", concession(town.today)
    )
    assert code == "no_right"


def _denied(town: Town) -> Counter[str]:
    """How often which code was refused, as the log of worker and doors says it."""
    web = open_engine(town.settings.store_url("web"), read_only=True)
    try:
        return _denials(town.shop.cases) + _denials(web)
    finally:
        web.dispose()


def _denials(store: Engine) -> Counter[str]:
    with reading(store) as connection:
        bodies = [
            orjson.loads(one) for one in connection.execute(select(audit_outbox.c.body)).scalars()
        ]
    return Counter(one["why"] for one in bodies if one["res"] == "deny")


async def test_one_person_opens_no_gate_and_who_gave_the_papers_opens_none(town: Town) -> None:
    project = await town.established()
    for key in ("scheme", "feasibility"):
        await town.reach(project, key)
    gate = {"milestone": "scheme_review"}
    assert (await town.refused(GATE_ONE, project, "pass_gate", gate))[0] == "evidence_missing"
    given = gate | {"paper": paper("审核意见")}
    await town.done(CLERK, project, "add_evidence", given)
    await town.done(GATE_ONE, project, "pass_gate", gate)
    assert await town.refused(GATE_ONE, project, "pass_gate", gate) == ("same_person", "YCJX-8")
    on = gate | {"on": town.today.isoformat()}
    assert await town.refused(LEAD, project, "achieve", on) == ("XM-TWO", "YCJX-8")
    assert (await town.refused(CLERK, project, "pass_gate", gate))[0] == "no_right"
    await town.done(GATE_TWO, project, "return_gate", gate | {"reason": "意见不全"})
    for who in (GATE_ONE, GATE_TWO):
        await town.done(who, project, "pass_gate", gate)
    await town.done(LEAD, project, "achieve", on)
    before = {"milestone": "company", "on": town.today.isoformat()}
    assert await town.refused(LEAD, project, "achieve", before) == ("not_yet", "YCJX-10")
