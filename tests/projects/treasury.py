"""A project's money on the town's clock: evaluations, the fund, payments by three people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import uuid4

from benchmarks import ground
from cases import fund as f
from cases import fund_rows, performance_rows
from cases.database import open_engine, reading
from cases.payments import PaymentAnswer, RequestPayment
from cases.projects import performing_messages as m
from cases.projects.performing_messages import PerformanceAnswer
from cases.projects.performing_state import Performance
from tests.projects.town import CLERK, LEAD, OPERATOR, QUEUE, SOURCE, Town, actor
from yichuang import joining
from yichuang.commands.fund import verified
from yichuang.fund_door import FundDoor
from yichuang.payment_door import PaymentDoor
from yichuang.performance_door import PerformanceDoor
from yichuang.refusals import RefusalLog
from yichuang.settings import Settings

EVALUATOR = actor("pingjia1", "performance_evaluator", "pjzx")
REVIEWER = actor("caizheng1", "payment_reviewer", "czj")
TREASURER = actor("guoku1", "treasurer", "czj")
PAYEE = {"payee": "云川停车运营有限公司", "payee_code": "91440300708461136T"}
YEARLY = 1_000_000_000
"""分: operation subsidy of a year with a coefficient of one."""
WEIGHTS = {"A": 50, "B": 30, "C": 20}
"""Percent."""
INDICATORS: Sequence[dict[str, Any]] = tuple(
    {"code": code, "branch": branch, "title": title, "weight_bp": WEIGHTS[code] * 100}
    for code, branch, title in zip(
        WEIGHTS, ("output", "effect", "management"), ("车位可用率", "满意度", "报表"), strict=True
    )
)


def plan(since: int, until: int, **changed: Any) -> dict[str, Any]:
    """Indicators and terms of a concession: nothing for building, all of operation linked."""
    return {
        "regime": "concession", "department": "zxb", "operator": "spv1", "since_year": since,
        "until_year": until,
        "terms": {"availability_fen": 0, "operation_fen": YEARLY, "linked_bp": 10_000},
        "indicators": [dict(one) for one in INDICATORS],
    } | changed  # fmt: skip


def scores(year: int, points: Mapping[str, int]) -> dict[str, Any]:
    return {
        "year": year,
        "scores": [
            {"code": code, "points": each * 100, "evidence": f"{year} 年监测报告"}
            for code, each in points.items()
        ],
    }


def payable_by_hand(points: Mapping[str, int]) -> int:
    """Return what a year's scores let be paid, reckoned apart from the code: 分."""
    score = Decimal(sum(WEIGHTS[code] * each for code, each in points.items())) / 100
    if score >= 90:
        coefficient = Decimal(1)
    elif score >= 80:
        coefficient = Decimal("0.9") + (score - 80) / 100
    elif score >= 60:
        coefficient = Decimal("0.6") + (score - 60) * Decimal("0.015")
    else:
        coefficient = Decimal(0)
    return int((coefficient * YEARLY).quantize(Decimal(1), ROUND_HALF_UP))


@dataclass
class Treasury:
    """Doors of performance and money beside a town's own."""

    town: Town
    performance: PerformanceDoor
    fund: FundDoor
    payments: PaymentDoor
    contract: str = ""
    made: dict[int, int] = field(default_factory=dict)
    """Year → what was paid for it, as the answers said."""

    async def act(
        self, who: Any, verb: str, project: str, body: Mapping[str, Any]
    ) -> PerformanceAnswer:
        return await self.performance.act(who, SOURCE, str(uuid4()), verb, project, dict(body))

    async def acted(self, who: Any, verb: str, project: str, body: Mapping[str, Any]) -> None:
        answer = await self.act(who, verb, project, body)
        assert answer.status == "done", (verb, answer)

    async def order(self, who: Any, verb: str, thing: str = "", **body: Any) -> f.FundAnswer:
        return await self.fund.act(who, SOURCE, str(uuid4()), verb, thing, body)

    async def ordered(self, who: Any, verb: str, thing: str = "", **body: Any) -> f.FundAnswer:
        answer = await self.order(who, verb, thing, **body)
        assert answer.status == "done", (verb, answer)
        return answer

    async def opened(self, project: str, **contract: Any) -> None:
        """The fund, once in a city, and the contract that is paid by performance."""
        opened = await self.order(
            REVIEWER, f.OPEN, title="专项基金", limit_fen=f.FUND_LIMIT_FEN
        )  # fmt: skip
        assert opened.status == "done" or opened.code == "fund_exists", opened
        body: dict[str, Any] = {
            "project": project, "department": "zxb", "number": "特许〔2026〕1号",
            "title": "停车运营补助", "amount_fen": 40 * YEARLY, "linked": True,
            "signed_on": self.town.today.isoformat(), **PAYEE,
        } | contract  # fmt: skip
        self.contract = (await self.ordered(CLERK, f.CONTRACT, **body)).thing

    async def allot(self, project: str, year: int, amount_fen: int = YEARLY) -> None:
        await self.ordered(
            REVIEWER, f.ALLOT, project=project, department="zxb", budget_year=year,
            amount_fen=amount_fen, document=f"财〔{year}〕1号",
        )  # fmt: skip

    async def request(
        self, project: str, year: int, amount_fen: Any, milestone: str = "opening"
    ) -> PaymentAnswer:
        body = RequestPayment(
            department="zxb", project=project, purpose=f"{year} 年运营补助", amount_fen=amount_fen,
            budget_year=year, contract=self.contract, milestone=milestone, **PAYEE,
        )  # fmt: skip
        return await self.payments.request(CLERK, SOURCE, str(uuid4()), body)

    async def evaluated(
        self, project: str, year: int, points: Mapping[str, int], ground: str = ""
    ) -> None:
        """Score a year and confirm it; with a ground the operator objects and is answered."""
        await self.acted(EVALUATOR, m.EVALUATE, project, scores(year, points))
        of_year: dict[str, Any] = {"year": year}
        if ground:
            await self.acted(OPERATOR, m.OBJECT_TO, project, {**of_year, "ground": ground})
            await self.acted(LEAD, m.CONFIRM, project, {**of_year, "answer": "已复核，点位无误"})
            return
        await self.acted(OPERATOR, m.ACCEPT, project, of_year)
        await self.acted(LEAD, m.CONFIRM, project, of_year)

    async def paid(
        self, project: str, year: int, amount_fen: int, milestone: str = "opening"
    ) -> str:
        """Ask, review and pay, by three people; spend it; return the payment."""
        asked = await self.request(project, year, amount_fen, milestone)
        assert asked.verdict is not None and asked.verdict.outcome == "may_pay", asked
        await self.ordered(REVIEWER, f.REVIEW, asked.payment, opinion="按绩效应付")
        done = await self.ordered(TREASURER, f.PAY, asked.payment, voucher=f"GK-{year}")
        self.made[year] = done.paid_fen
        await self.ordered(
            CLERK, f.USE, contract=self.contract, budget_year=year, amount_fen=done.paid_fen,
            used_on=self.town.today.isoformat(), purpose="运营补助",
        )  # fmt: skip
        return asked.payment

    def sums(self) -> f.Sums:
        with reading(self.town.shop.cases) as connection:
            return fund_rows.sums(connection, "fund", f.FUND)

    def faults(self) -> list[str]:
        """Return what of the sums does not follow from the journal."""
        with reading(self.town.shop.cases) as connection:
            return verified(connection)[0]

    def state(self, project: str) -> Performance:
        with reading(self.town.shop.cases) as connection:
            found = performance_rows.state_of(connection, project)
        assert found is not None
        return found


def treasury_of(settings: Settings, town: Town) -> Treasury:
    """Return the doors of money of a town, on its clock."""
    ground.admit(settings, EVALUATOR, REVIEWER, TREASURER)
    access, client = joining.access_of(settings, "web"), town.environment.client
    sealer = joining.sealer_of(settings, joining.vault_of(settings))

    def now() -> datetime:
        return town.now()

    given: dict[str, Any] = {
        "access": access, "now": now,
        "engine": open_engine(settings.store_url("cases"), read_only=True),
        "refusals": RefusalLog(open_engine(settings.store_url("web")), "web", sealer.who),
    }  # fmt: skip
    return Treasury(
        town,
        PerformanceDoor(client, QUEUE, **given),
        FundDoor(client, QUEUE, **given),
        PaymentDoor(client, QUEUE, **given),
    )
