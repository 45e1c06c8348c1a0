"""The demo city's projects: a dozen of all kinds, each told by real orders of people, and the money
of three of them from the allotment to the payment.

Nothing is written by hand: a story goes on until so many milestones are reached; what policy or the
law refuses stops the demo with its reason. Told again it changes nothing: every order has its id.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from cases import fund, performance_rows
from cases.accounts import Accounts
from cases.database import open_engine, reading
from cases.messages import Actor, Source
from cases.payments import PaymentAnswer, RequestPayment
from cases.project_lists import state_of
from cases.projects.messages import project_id_for
from cases.projects.performing_state import Performance
from cases.projects.schedule import in_order
from cases.projects.state import Milestone, ProjectState
from cases.reception import NotNow
from catalogue.kpis import load_kpis
from policies.identity import Credentials
from yichuang import demo_performance, joining, temporal
from yichuang.demo_people import PROJECTS
from yichuang.demo_performance import TALES, PerformanceStuck
from yichuang.fund_door import FundDoor
from yichuang.payment_door import PaymentDoor
from yichuang.performance_door import PerformanceDoor
from yichuang.plan_door import PlanDoor
from yichuang.project_door import ProjectDoor
from yichuang.refusals import RefusalLog
from yichuang.settings import Settings
from yichuang.web_accounts import recorder

CLERK, LEAD, GATE = "xiangmu1", "xiangmufz", ("fagai1", "fagai2")
REVIEWER, TREASURER = "caizheng1", "guoku1"
OFFICE: Final = "zxb"
"""专项办公室: it runs the demo's projects and pays for them."""
OPERATOR: Final = "spv1"
MILLION: Final = 100_000_000
"""One million yuan in fen."""
BEIJING: Final = ZoneInfo("Asia/Shanghai")
TRIES: Final = 30
AT_ONCE: Final = 3
PAYEE: Final = ("云川建设有限公司", "91440300708461136T")


class ProjectStuck(Exception):
    """An order of the plan was refused: the plan no longer fits the law it runs under."""


@dataclass(frozen=True)
class Story:
    """One project of the demo."""

    template: str
    title: str
    sector: str
    regime: str = "government"
    days_ago: int = 200
    """When it began."""
    reached: int = 0
    """How many of its milestones are reached, in the order of their dependencies."""
    term_years: int = 0
    estimate: int = 0
    """概算, in millions of yuan."""
    signed: bool = False
    risk: str = ""
    allotted: int = 0
    """指标, in millions of yuan."""
    paid: int = 0
    """Of it paid to a contract, in millions."""
    extra: Mapping[str, Any] = field(default_factory=dict)


STORIES: Final[Sequence[Story]] = (
    Story("concession", "滨江污水处理厂扩建特许经营", "生态环保", "concession", 900, 6, 30, 820,
          signed=True, risk="进水水质波动", extra={"user_pays": True, "pay": "user"}),
    Story("concession", "云川智慧停车特许经营", "交通", "concession", 300, 3, 20, 160,
          extra={"user_pays": True, "pay": "user"}),
    Story("stock", "城东垃圾焚烧发电 PPP", "生态环保", "stock", 2600, 14, 25, 1200, signed=True,
          risk="补贴资金到位滞后", extra={"procured_before_stop": True, "pay": "mixed"}),
    Story("stock", "云川有轨电车一期 PPP", "交通", "stock", 1800, 11, 30, 4600, signed=True,
          extra={"procured_before_stop": True, "pay": "mixed"}),
    Story("government", "城市运行指挥中心建设", "治理", days_ago=420, reached=6, estimate=180,
          allotted=60, paid=20),
    Story("government", "统一数据中台", "基础设施", days_ago=300, reached=4, estimate=95,
          allotted=40),
    Story("network_5g", "主城区 5G 和物联网覆盖", "基础设施", days_ago=260, reached=3, estimate=140,
          allotted=50, risk="站址协调"),
    Story("data_centre", "城市数据中心和同城灾备", "基础设施", days_ago=330, reached=4,
          estimate=210, allotted=80, paid=30),
    Story("pilot_area", "滨江智慧城市试点区域", "试点", days_ago=400, reached=6, estimate=35,
          allotted=20, paid=8),
    Story("pilot_area", "岭南街道试点区域", "试点", days_ago=120, reached=2, estimate=28),
    Story("mlps3", "政务云等保三级认证", "安全", days_ago=150, reached=3, estimate=6),
    Story("experience_day", "市民体验日（秋季）", "公众参与", days_ago=60, reached=3),
    Story("programme", "智慧城市建设实施计划", "治理", reached=2,
          extra={"starts_on": load_kpis().begins_on.isoformat()}),
)  # fmt: skip


def paper(project: str, name: str) -> dict[str, Any]:
    """Return a paper of the demo: its digest is that of its own name, the file lies nowhere."""
    return {"name": name, "sha256": hashlib.sha256(f"{project}\n{name}".encode()).hexdigest()}


def next_orders(
    state: ProjectState, story: Story, today: date
) -> Sequence[tuple[str, str, dict[str, Any]]]:
    """Return what is ordered next, by whom: login, verb, body; nothing where the story stops."""
    if story.estimate and not state.estimate_fen:
        fen = story.estimate * MILLION
        body = {"estimate_fen": fen, "design_fen": fen, "document": "云发改〔2026〕12号"}
        return [(GATE[0], "approve_estimate", body)]
    if story.estimate and not state.total_fen:
        body = {"total_fen": story.estimate * MILLION * 9 // 10, "reason": "按合同汇总"}
        return [(LEAD, "set_cost", body)]
    if story.signed and state.signed_on is None:
        signed = state.starts_on + timedelta(days=60)
        ends = signed.replace(year=signed.year + story.term_years, day=min(signed.day, 28))
        return [(LEAD, "sign_contract", {
            "operator": OPERATOR, "number": f"特许〔{signed.year}〕1号",
            "signed_on": signed.isoformat(), "ends_on": ends.isoformat(),
        })]  # fmt: skip
    if story.signed and not state.securities:
        until = today + timedelta(days=75)
        return [(CLERK, "add_security", {
            "kind": "guarantee", "title": "履约保函", "issuer": "云川银行",
            "amount_fen": 20 * MILLION, "until": until.isoformat(),
            "paper": paper(state.project_id, "履约保函"),
        })]  # fmt: skip
    if story.risk and not state.risks:
        return [(CLERK, "add_risk", {"title": story.risk, "level": "high", "answer": "专班协调"})]
    reached = [one for one in state.milestones if one.achieved]
    if len(reached) >= story.reached:
        return []
    by_id = {one.id: one for one in state.milestones}
    waiting = next(key for key in in_order(state.milestones) if not by_id[key].achieved)
    return _reach(state, by_id, by_id[waiting], today)


def _reach(
    state: ProjectState, by_id: Mapping[str, Milestone], one: Milestone, today: date
) -> Sequence[tuple[str, str, dict[str, Any]]]:
    """Return what brings one milestone about: its papers, its gate, its day."""
    if one.missing:
        return [
            (CLERK, "add_evidence",
             {"milestone": one.id, "paper": paper(f"{state.project_id} {one.id}", name)})
            for name in one.missing
        ]  # fmt: skip
    if one.gate_open:
        opinion = {"milestone": one.id, "opinion": "资料齐全，同意"}
        return [(who, "pass_gate", opinion) for who in GATE[len(one.passes) :]]
    before = max((by_id[key].actual_on or today for key in one.after), default=state.starts_on)
    on = max(before, min(one.plan_on, today))
    return [(LEAD, "achieve", {"milestone": one.id, "on": on.isoformat()})]


@dataclass
class ProjectTeller:
    """Carries the stories out through the doors."""

    projects: ProjectDoor
    money: FundDoor
    payments: PaymentDoor
    cases: Engine
    actors: Mapping[str, Actor]

    async def tell(self, number: int) -> str:
        """Carry one story to its stop; return the project's number. Raises `ProjectStuck`."""
        story, key = STORIES[number], f"demo-project-{number}"
        project, today = project_id_for(key), datetime.now(BEIJING).date()
        begins = today - timedelta(days=story.days_ago)
        await self._ordered(CLERK, f"{key}-establish", project, "establish", {
            "template": story.template, "title": story.title, "department": OFFICE,
            "sector": story.sector, "regime": story.regime, "term_years": story.term_years,
            "starts_on": begins.isoformat(), "feasibility_fen": story.estimate * MILLION,
            **story.extra,
        })  # fmt: skip
        while True:
            state = await asyncio.to_thread(self._state, project)
            orders = next_orders(state, story, today)
            if not orders:
                break
            for n, (login, verb, body) in enumerate(orders):
                await self._ordered(login, f"{key}-{state.seq}-{n}-{verb}", project, verb, body)
        if story.allotted:
            await self._pay(key, project, story, state)
        return state.number

    async def open_fund(self) -> None:
        """设立 the fund, once for the city."""
        body = {"title": "云川市智慧城市专项基金", "limit_fen": fund.FUND_LIMIT_FEN}
        await self._moved(REVIEWER, "demo-fund", fund.OPEN, "", body)

    async def _pay(self, key: str, project: str, story: Story, state: ProjectState) -> None:
        year, place = datetime.now(BEIJING).year, number_of(key)
        await self._moved(REVIEWER, f"{key}-allot", fund.ALLOT, "", {
            "project": project, "department": OFFICE, "budget_year": year,
            "amount_fen": story.allotted * MILLION, "document": f"云财指〔{year}〕{place + 1}号",
        })  # fmt: skip
        if not story.paid:
            return
        contract = await self._moved(CLERK, f"{key}-contract", fund.CONTRACT, "", {
            "project": project, "department": OFFICE, "number": f"云合〔{year}〕{place + 1}号",
            "title": f"{story.title}总承包", "payee": PAYEE[0], "payee_code": PAYEE[1],
            "amount_fen": story.allotted * MILLION, "signed_on": state.starts_on.isoformat(),
            "retention_bp": 300,
        })  # fmt: skip
        milestone = next(one.id for one in state.milestones if one.achieved and one.evidence)
        asked = RequestPayment.model_validate({
            "department": OFFICE, "project": project, "purpose": "进度款", "payee": PAYEE[0],
            "payee_code": PAYEE[1], "amount_fen": story.paid * MILLION, "budget_year": year,
            "contract": contract, "milestone": milestone,
        })  # fmt: skip
        answer: PaymentAnswer = await self._again(
            lambda: self.payments.request(
                self.actors[CLERK], Source(door="web"), f"{key}-request", asked
            )
        )
        if answer.status == "refused":
            raise ProjectStuck(f"{key}: {answer.code} {answer.reason}")
        payment = answer.payment
        await self._moved(
            REVIEWER, f"{key}-review", fund.REVIEW, payment, {"opinion": "佐证齐全，同意"}
        )
        if place % 2 == 0:  # the others wait for the treasury
            await self._moved(
                TREASURER, f"{key}-pay", fund.PAY, payment, {"voucher": f"国库-{key}"}
            )

    def _state(self, project: str) -> ProjectState:
        with reading(self.cases) as connection:
            state = state_of(connection, project)
        assert state is not None
        return state

    async def _ordered(
        self, login: str, command: str, project: str, verb: str, body: Mapping[str, Any]
    ) -> None:
        outcome = await self._again(
            lambda: self.projects.order(
                self.actors[login], Source(door="web"), command, project, verb, body
            )
        )
        if outcome.status == "refused":
            raise ProjectStuck(f"{command}: {outcome.code} {outcome.reason}")

    async def _moved(
        self, login: str, command: str, verb: str, thing: str, body: Mapping[str, Any]
    ) -> str:
        answer = await self._again(
            lambda: self.money.act(
                self.actors[login], Source(door="web"), command, verb, thing, dict(body)
            )
        )
        if answer.status == "refused":
            raise ProjectStuck(f"{command}: {answer.code} {answer.reason}")
        return str(answer.thing)

    @staticmethod
    async def _again(asked: Callable[[], Any]) -> Any:
        for attempt in range(1, TRIES + 1):
            try:
                return await asked()
            except NotNow:
                if attempt == TRIES:
                    raise
                await asyncio.sleep(attempt)
        raise AssertionError


async def tell_performance(
    cases: Engine, door: PerformanceDoor, actors: Mapping[str, Actor]
) -> None:
    """Tell the performance of the projects that have one. Raises `PerformanceStuck`."""

    def seen(project: str) -> Performance | None:
        with reading(cases) as connection:
            return performance_rows.state_of(connection, project)

    for number in TALES:
        with reading(cases) as connection:
            project = state_of(connection, project_id_for(f"demo-project-{number}"))
        assert project is not None
        today = datetime.now(BEIJING).date()
        await demo_performance.tell(number, project, seen, again_of(door.act), actors, today)


def again_of(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Return an order that is given again while the world is away."""

    async def asked(*order: Any) -> Any:
        return await ProjectTeller._again(lambda: ask(*order))

    return asked


def number_of(key: str) -> int:
    """Return the place of a story, from its key."""
    return int(key.rpartition("-")[2])


async def tell_all(settings: Settings, said: Callable[[str], None]) -> int:
    """Tell the stories in a running city; return how many. Raises `ProjectStuck`."""
    keys = open_engine(settings.store_url("keys"), read_only=True)
    web = open_engine(settings.store_url("web"))
    cases = open_engine(settings.store_url("cases"), read_only=True)
    sealer = joining.sealer_of(settings, joining.vault_of(settings, keys))
    released = joining.released_of(settings)
    accounts = Accounts(web, Credentials(), recorder(sealer.who, lambda: str(uuid4())))
    logins = {one.login for one in PROJECTS}
    client, queue = await temporal.connect(settings), settings.temporal_task_queue
    given: dict[str, Any] = {
        "access": joining.access_of(settings, "web", released), "engine": cases,
        "refusals": RefusalLog(web, "web", sealer.who),
    }  # fmt: skip
    teller = ProjectTeller(
        ProjectDoor(client, queue, **given),
        FundDoor(client, queue, **given),
        PaymentDoor(client, queue, **given),
        cases,
        {one.login: one.actor() for one in accounts.listing() if one.login in logins},
    )
    await teller.open_fund()
    waiting = iter(range(len(STORIES)))

    async def tell_on() -> None:
        for number in waiting:
            await teller.tell(number)

    await asyncio.gather(*(tell_on() for _ in range(AT_ONCE)))
    said(f"演示项目 {len(STORIES)} 个")
    try:
        await tell_performance(cases, PerformanceDoor(client, queue, **given), teller.actors)
        door, kpis = PlanDoor(client, queue, **given), load_kpis()
        told = await demo_performance.report_plan(
            kpis, again_of(door.report), list(teller.actors.values()),
            datetime.now(BEIJING).date(),
        )  # fmt: skip
    except PerformanceStuck as stuck:
        raise ProjectStuck(str(stuck)) from stuck
    said(f"演示绩效 {len(TALES)} 个项目，指标填报 {told} 份")
    return len(STORIES)
