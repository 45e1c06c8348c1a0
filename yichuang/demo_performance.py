"""The demo city's performance: indicators, years of evaluation, an objection that was answered and
one that waits, what must be put right; and the reports of the plan's numbers.

All by orders of the people through the doors. What is ordered next follows from what stands, so
that told again it changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Final

from cases.messages import Actor, Source
from cases.plan.figures import expected, last_whole_quarter, quarter_end
from cases.plan.messages import PlanReportAnswer, ReportFigure
from cases.projects import performing_messages as m
from cases.projects.performing_messages import PerformanceAnswer
from cases.projects.performing_state import Performance
from cases.projects.state import ProjectState
from catalogue.kpis import SCALE, Kpi, Kpis

CLERK, LEAD, EVALUATOR, OPERATOR = "xiangmu1", "xiangmufz", "pingjia1", "yunying1"
FINANCE: Final = "caizheng1"
YUAN: Final = 100
"""Fen."""

Next = tuple[str, str, dict[str, Any]]
"""Login, verb, body."""


@dataclass(frozen=True)
class Indicator:
    """One line of the demo's tree with what it is scored, in points."""

    code: str
    branch: str
    title: str
    weight: int
    points: int = 0
    standard: str = ""


@dataclass(frozen=True)
class Year:
    """One year of the demo's evaluations, by how far it has come."""

    less: int
    """Points below the tree's own, on each line."""
    ground: str = ""
    answer: str = ""
    waits: bool = False
    """Nobody of the operator or of 实施机构 has answered yet."""


@dataclass(frozen=True)
class Tale:
    """The performance of one project of the demo."""

    availability: int
    """Yuan a year."""
    operation: int
    tree: Sequence[Indicator]
    years: Sequence[Year]
    """The last of them is the year that runs."""
    rectify: tuple[str, str] = ("", "")
    """Line of the tree, and what must be put right; empty: nothing."""
    mid_term: str = ""
    duties: Sequence[tuple[str, int]] = ()
    """What it costs the budget a year: kind and millions of yuan."""


TALES: Final[Mapping[int, Tale]] = {
    2: Tale(
        86_000_000, 24_000_000,
        (
            Indicator("A", "output", "产出", 50),
            Indicator("A.1", "output", "垃圾处理量", 20, 97, "每少一个百分点扣二分"),
            Indicator("A.2", "output", "设备可用率", 15, 94, "低于 92% 每个百分点扣五分"),
            Indicator("A.3", "output", "烟气达标", 15, 96, "小时均值超标一次扣三分"),
            Indicator("B", "effect", "效果", 30),
            Indicator("B.1", "effect", "居民满意度", 15, 88, "抽样五百户"),
            Indicator("B.2", "effect", "吨均成本", 15, 91),
            Indicator("C", "management", "管理", 20),
            Indicator("C.1", "management", "安全生产", 10, 95, "一般事故一起为零分"),
            Indicator("C.2", "management", "报表和档案", 10, 90),
        ),
        (
            Year(1),
            Year(22, "二月停炉检修经批准，不应计入可用率", "已复核：检修期剔除后可用率仍低于 92%"),
            Year(9, "监测点位九月移动，数据不可比"),
        ),
        ("A.2", "更换二号炉引风机，恢复可用率"), "建设标准、服务范围未变，运行总体平稳",
        (("operation", 110), ("risk", 12)),
    ),
    3: Tale(
        210_000_000, 65_000_000,
        (
            Indicator("A", "output", "正点率", 40, 95, "早晚高峰分别计"),
            Indicator("B", "effect", "乘客满意度", 35, 90),
            Indicator("C", "management", "应急和安全", 25, 93),
        ),
        (Year(6), Year(0), Year(14, waits=True)),
        duties=(("operation", 275), ("equity", 40), ("supporting", 15)),
    ),
}  # fmt: skip
"""Number of the project's story → its performance."""


def next_order(
    tale: Tale, state: Performance | None, project: ProjectState, today: date
) -> Next | None:
    """Return what is ordered next; None where the tale stops."""
    first = today.year - len(tale.years) + 1
    if state is None:
        return CLERK, m.PLAN, _plan(tale, project, first)
    for n, told in enumerate(tale.years):
        found = _of_year(tale, told, state, first + n)
        if found is not None:
            return found
    code, what = tale.rectify
    if code and not state.tasks:
        due_on = today + timedelta(days=45)
        return LEAD, m.RECTIFY, {
            "year": first + 1, "code": code, "what": what, "due_on": due_on.isoformat(),
        }  # fmt: skip
    if tale.duties and state.fiscal is None:
        return FINANCE, m.FISCAL, _fiscal(tale, state, today)
    if tale.mid_term and not state.mid_terms:
        return EVALUATOR, m.MID_TERM, {"on": today.isoformat(), "findings": tale.mid_term}
    return None


def _of_year(tale: Tale, told: Year, state: Performance, year: int) -> Next | None:
    one = state.of_year(year)
    if one is None:
        return EVALUATOR, m.EVALUATE, {"year": year, "scores": _scores(tale, told, year)}
    if one.stage == "given" and not told.waits:
        if told.ground:
            return OPERATOR, m.OBJECT_TO, {"year": year, "ground": told.ground}
        return OPERATOR, m.ACCEPT, {"year": year}
    if one.stage == "accepted" or (one.stage == "objected" and told.answer):
        return LEAD, m.CONFIRM, {"year": year, "answer": told.answer}
    return None


def _plan(tale: Tale, project: ProjectState, first: int) -> dict[str, Any]:
    assert project.ends_on is not None, "only what is signed is evaluated"
    parents = {one.code.rpartition(".")[0] for one in tale.tree}
    standards = {one.code: one.standard for one in tale.tree if one.code not in parents}
    return {
        "regime": project.regime, "department": project.department, "operator": project.operator,
        "since_year": first, "until_year": project.ends_on.year,
        "terms": {
            "availability_fen": tale.availability * YUAN, "operation_fen": tale.operation * YUAN,
            "linked_bp": 3_000,
        },
        "indicators": [
            {
                "code": one.code, "branch": one.branch, "title": one.title,
                "weight_bp": one.weight * 100, "standard": standards.get(one.code, ""),
            }
            for one in tale.tree
        ],
    }  # fmt: skip


def _fiscal(tale: Tale, state: Performance, today: date) -> dict[str, Any]:
    plan, fen = state.plan, 1_000_000 * YUAN
    return {
        "assumptions": {
            "base_year": today.year - 1, "budget_fen": 6_800 * fen, "budget_growth_bp": 350,
            "price_growth_bp": 200, "source": f"云川市 {today.year - 1} 年财政决算报告",
        },
        "lines": [
            {
                "kind": kind, "since": plan.since_year, "until": plan.until_year,
                "yearly_fen": millions * fen, "indexed": kind == "operation",
            }
            for kind, millions in tale.duties
        ],
    }  # fmt: skip


def _scores(tale: Tale, told: Year, year: int) -> list[dict[str, Any]]:
    parents = {one.code.rpartition(".")[0] for one in tale.tree}
    return [
        {
            "code": one.code, "points": (one.points - told.less) * 100,
            "evidence": f"{year} 年度现场核查记录第 {n} 项",
        }
        for n, one in enumerate((one for one in tale.tree if one.code not in parents), 1)
    ]  # fmt: skip


class PerformanceStuck(Exception):
    """An order of the tale was refused: it no longer fits the law it runs under."""


Act = Callable[[Actor, Source, str, str, str, Mapping[str, Any]], Awaitable[PerformanceAnswer]]


async def tell(
    number: int,
    project: ProjectState,
    state_of: Callable[[str], Performance | None],
    act: Act,
    actors: Mapping[str, Actor],
    today: date,
) -> None:
    """Carry one tale to its stop. Raises `PerformanceStuck`."""
    tale, key = TALES[number], project.project_id
    while True:
        state = await asyncio.to_thread(state_of, key)
        found = next_order(tale, state, project, today)
        if found is None:
            return
        login, verb, body = found
        seq = state.seq if state else 0
        command = f"demo-performance-{number}-{seq}-{verb}"
        answer = await act(actors[login], Source(door="web"), command, verb, key, body)
        if answer.status == "refused":
            raise PerformanceStuck(f"{command}: {answer.code} {answer.reason}")


# --- the plan's numbers --------------------------------------------------------------------------

REACH: Final = (Fraction(108, 100), Fraction(96, 100), Fraction(102, 100), Fraction(80, 100))
"""How much of the path the demo's departments report, in turn: two lights green, one each of the
others."""
SAMPLE: Final = 10_000
"""Denominator of what is divided."""


def figure_of(kpi: Kpi, kpis: Kpis, on: date, reach: Fraction) -> tuple[int, int]:
    """Return counts that come to so much of a number's path by the end of a day."""
    asked = expected(kpi, kpis.begins_on, on) or Fraction(0)
    wanted = asked * reach if kpi.direction == "at_least" else asked / reach
    share = wanted / SCALE[kpi.unit]
    if kpi.countless:
        return int(share), 1
    if kpi.formula == "growth":
        share += 1
    elif kpi.formula == "reduction":
        share = 1 - share
    most = min(share, Fraction(1)) if kpi.formula == "ratio" else share
    return int(most * SAMPLE), SAMPLE


def reports(kpis: Kpis, today: date) -> Sequence[ReportFigure]:
    """Return a report of every number that departments report, at the end of the last quarter."""
    on = quarter_end(last_whole_quarter(today))
    found = []
    for n, kpi in enumerate(one for one in kpis.kpis if not one.own):
        if on < kpis.begins_on:
            continue
        numerator, denominator = figure_of(kpi, kpis, on, REACH[n % len(REACH)])
        found.append(
            ReportFigure(
                kpi=kpi.code, department=kpi.department, on=on, numerator=numerator,
                denominator=denominator, note="季度报送",
            )
        )  # fmt: skip
    return found


Report = Callable[[Actor, Source, str, ReportFigure], Awaitable[PlanReportAnswer]]


async def report_plan(kpis: Kpis, report: Report, actors: Sequence[Actor], today: date) -> int:
    """Have the numbers reported by who may in each department; return how many. Raises
    `PerformanceStuck`."""
    reporters = {
        grant.department: one
        for one in actors
        for grant in one.grants
        if grant.role == "plan_reporter"
    }
    told = 0
    for body in reports(kpis, today):
        who = reporters.get(body.department)
        if who is None:
            continue
        answer = await report(who, Source(door="web"), f"demo-plan-{body.kpi}-{body.on}", body)
        if answer.status == "refused":
            raise PerformanceStuck(f"{body.kpi}: {answer.code} {answer.reason}")
        told += 1
    return told
