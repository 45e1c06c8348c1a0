"""A concession of forty years on a time-skipping server, to its hand-over, and one ended early."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from temporalio.worker import Replayer

from cases.projects import performing_messages as m
from cases.projects.founding import anniversary
from tests.against_log import Log, wrong
from tests.projects.later import NextProjectWorkflow
from tests.projects.town import (
    CLERK,
    GATE_ONE,
    GATE_TWO,
    LEAD,
    OPERATOR,
    Town,
    installation,
    paper,
    town_of,
)
from tests.projects.treasury import EVALUATOR, Treasury, payable_by_hand, plan, treasury_of
from workflows.project import ProjectWorkflow
from yichuang.settings import Settings
from yichuang.temporal import WORKFLOWS
from yichuang.worker import Workshop

NEXT = (*(one for one in WORKFLOWS if one is not ProjectWorkflow), NextProjectWorkflow)
ESTIMATE = 80_000_000_00
"""分."""
OPENING = ("scheme", "feasibility", "scheme_review", "competition", "company")


@pytest.fixture
def installed() -> Iterator[tuple[Settings, Workshop]]:
    """One for each test: the log of a city takes no entry from before its newest."""
    with installation() as found:
        yield found


async def _contracted(town: Town) -> str:
    """A concession with its agreement of forty years and its approved estimate."""
    project = await town.established(department="zxb", pay="mixed")
    for key in OPENING:
        await town.reach(project, key)
    today = town.today
    ends_on = anniversary(today, 40) - timedelta(days=1)
    agreement = {
        "operator": "spv1", "number": "特许〔2026〕1号", "signed_on": today.isoformat(),
        "ends_on": ends_on.isoformat(), "tender_days": 20,
        "capital": [{"party": "operator", "due_on": (today + timedelta(days=90)).isoformat(),
                     "amount_fen": 20_000_000_00}],
    }  # fmt: skip
    too_long = agreement | {"ends_on": anniversary(today, 40).isoformat()}
    assert await town.refused(LEAD, project, "sign_contract", too_long) == (
        "XM-40-YEARS", "GBH115-2",
    )  # fmt: skip
    code, _ = await town.refused(LEAD, project, "sign_contract", agreement | {"tender_days": 19})
    assert code == "ZTBF-24"
    await town.done(LEAD, project, "sign_contract", agreement)
    await town.reach(project, "agreement")
    await town.reach(project, "permission")
    estimate = {"estimate_fen": ESTIMATE, "design_fen": ESTIMATE, "document": "发改批〔2026〕1号"}
    await town.done(GATE_ONE, project, "approve_estimate", estimate)
    await town.done(CLERK, project, "set_cost", {"total_fen": ESTIMATE, "reason": "开工"})
    await town.reach(project, "estimate")
    return project


async def _building(town: Town, project: str) -> None:
    """Capital, guarantee, and the overrun of the second year."""
    state = town.state(project)
    security = {
        "kind": "guarantee", "title": "履约保函", "issuer": "建设银行", "amount_fen": 4_000_000_00,
        "until": anniversary(town.today, 5).isoformat(), "paper": paper("保函"),
    }  # fmt: skip
    await town.done(CLERK, project, "add_security", security)
    await town.until(state.capital[0].due.due_on + timedelta(days=2))
    assert "pay_capital" in town.state(project).duties
    assert ("capital", "r:project_lead:*") in town.told(project)
    paid = {
        "item": 0, "amount_fen": 20_000_000_00, "paid_on": town.today.isoformat(),
        "paper": paper("验资报告"),
    }  # fmt: skip
    await town.done(CLERK, project, "pay_capital", paid)
    await town.until(anniversary(state.starts_on, 1) + timedelta(days=30))
    more = {"total_fen": ESTIMATE + 10_000_000_00, "reason": "地质条件变化"}
    assert await town.refused(CLERK, project, "set_cost", more) == ("ZFTZ-23", "ZFTZ-23")
    again = {
        "estimate_fen": ESTIMATE + 10_000_000_00, "design_fen": ESTIMATE + 10_000_000_00,
        "document": "发改批〔2027〕9号",
    }  # fmt: skip
    assert await town.refused(GATE_ONE, project, "approve_estimate", again) == (
        "report_first", "ZFTZ-12",
    )  # fmt: skip
    await town.done(GATE_ONE, project, "approve_estimate", again | {"reported": True})
    await town.done(CLERK, project, "set_cost", more)
    for key in ("build", "acceptance", "opening"):
        await town.reach(project, key)


async def _changed_law(town: Town, project: str) -> None:
    change = {"kind": "law", "ground": "停车收费管理办法修订", "paper": paper("修订文本")}
    await town.done(LEAD, project, "propose_change", change)
    await town.done(GATE_TWO, project, "decide_change", {"change": "1", "approve": True})


async def _handed_over(town: Town, project: str) -> None:
    """With a list of assets, and tests of which the last was passed; then it is closed."""
    if town.state(project).stage == "running":
        for key in ("transfer_preparation", "transfer_test", "asset_delivery"):
            await town.reach(project, key)
    to = {"to": "gxj", "on": town.today.isoformat(), "paper": paper("移交协议")}
    assert (await town.refused(LEAD, project, "hand_over", to))[0] == "no_assets"
    assets = {
        "assets": [{"name": "停车位", "quantity": 3000, "unit": "个", "condition": "good"}],
        "paper": paper("资产清单"),
    }  # fmt: skip
    await town.done(CLERK, project, "list_assets", assets)
    test = {"name": "道闸", "passed": False, "on": town.today.isoformat(), "paper": paper("测试")}
    await town.done(OPERATOR, project, "record_test", test)
    assert await town.refused(LEAD, project, "hand_over", to) == ("test_failed", "GBH115-5")
    await town.done(OPERATOR, project, "record_test", test | {"passed": True})
    await town.done(LEAD, project, "hand_over", to)
    await town.done(LEAD, project, "finish", {"summary": "移交完毕"})


GOOD, FAIR, POOR, FAILED, NEARLY = (
    {"A": 95, "B": 90, "C": 80}, {"A": 80, "B": 80, "C": 80}, {"A": 60, "B": 70, "C": 75},
    {"A": 50, "B": 60, "C": 65}, {"A": 89, "B": 90, "C": 90},
)  # fmt: skip
SCORED = (GOOD, FAIR, POOR, FAILED, NEARLY)
"""Points of each indicator, year by year and over again."""
FORGOTTEN = 12
"""In which year of operation nobody evaluates in time."""


async def _contracted_by_performance(
    town: Town, money: Treasury, project: str, first: int, last: int
) -> None:
    """The fund, the contract, the indicators; what may not be paid yet is refused."""
    await money.opened(project)
    await money.acted(CLERK, m.PLAN, project, plan(first, last))
    await money.allot(project, first)
    early = await money.request(project, first, 1, milestone="mid_term")
    assert (early.code, early.basis) == ("milestone_not_achieved", "YCYX-12")
    unscored = await money.request(project, first, 1)
    assert (unscored.code, unscored.basis) == ("not_evaluated", "CZGF-30")
    assert money.sums().paid_fen == 0


async def _paid_by_performance(town: Town, money: Treasury, project: str, n: int, year: int) -> int:
    """Evaluate one year and pay what it earns; return how much that is, reckoned by hand."""
    points = SCORED[n % len(SCORED)]
    due = payable_by_hand(points)
    if n:
        await money.allot(project, year)
    await money.evaluated(project, year, points, ground="监测点位有误" if points is POOR else "")
    if points in (POOR, FAILED):
        above = await money.request(project, year, due + 1)
        assert (above.code, above.basis) == ("beyond_payable", "CZGF-30"), above
    if points is FAILED:
        on = town.today + timedelta(days=90)
        task = {"year": year, "code": "A", "what": "更换道闸", "due_on": on.isoformat()}
        await money.acted(LEAD, m.RECTIFY, project, task)
        number = len(money.state(project).tasks)
        done = {"task": number, "evidence": "更换记录 3 号"}
        await money.acted(OPERATOR, m.RECTIFIED, project, done)
    if due:
        await money.paid(project, year, due)
    if n % 4 == 3:
        seen = {"on": town.today.isoformat(), "findings": "运行平稳"}
        await money.acted(EVALUATOR, m.MID_TERM, project, seen)
    return due


async def _noticed(town: Town, money: Treasury, project: str) -> None:
    """A year that nobody evaluated rings once thirteen months have passed since the last one."""
    key = f"performance_late:{project}:evaluation"
    watch = town.shop.performance_watch
    assert await asyncio.to_thread(watch.look) == ([], [])
    await town.until(town.today + timedelta(days=32))
    assert await asyncio.to_thread(watch.look) == ([key], [])


async def test_a_concession_lives_for_forty_years_through_restarts_and_other_code(
    installed: tuple[Settings, Workshop], trusted: Log
) -> None:
    async with town_of(*installed) as town:
        money = treasury_of(installed[0], town)
        runs: dict[str, None] = {}
        async with town.working():
            project = await _contracted(town)
            await _building(town, project)
            runs[await town.run_now(project)] = None
            state = town.state(project)
            assert state.ends_on is not None
            first, last = town.today.year, state.ends_on.year
            await _contracted_by_performance(town, money, project, first, last)
        due: dict[int, int] = {}
        for n, year in enumerate(range(first, last)):
            # Every year another worker, that remembers nothing; from the twentieth other code.
            async with town.working(NEXT if n >= 20 else WORKFLOWS):
                await town.until(date(year + 1, 1, 2))
                runs[await town.run_now(project)] = None
                assert town.state(project).year == year + 1
                if n == FORGOTTEN:
                    await _noticed(town, money, project)
                due[year] = await _paid_by_performance(town, money, project, n, year)
                if n == FORGOTTEN:
                    raised, gone = await asyncio.to_thread(town.shop.performance_watch.look)
                    assert (raised, len(gone)) == ([], 1)
                if year + 1 == first + 4:
                    for key in ("disclosure", "mid_term"):
                        await town.reach(project, key)
                if year + 1 == first + 9:
                    await _changed_law(town, project)
        async with town.working(NEXT):
            await town.until(state.ends_on)
            due[last] = await _paid_by_performance(town, money, project, last - first, last)
            await _handed_over(town, project)
        ended = town.state(project)
        assert (ended.stage, ended.timers, ended.handed_to) == ("finished", (), "gxj")
        assert all(one.achieved for one in ended.milestones)
        assert [one.state for one in ended.changes] == ["approved"]
        assert (ended.securities[0].lapsed, ended.total_fen) == (True, ESTIMATE + 10_000_000_00)
        # 90, 30 and 7 days before the guarantee ended, and when it had: each once.
        told = Counter(town.told(project))
        assert told["security", "r:project_clerk:*"] == 4
        assert told["security", "r:project_lead:*"] == 1
        done = [one for one in town.entries(f"project:{project}") if one["res"] == "ok"]
        assert [int(one["obj"]["step"]) for one in done] == list(range(1, ended.seq + 1))
        # Each year was paid what it earned, the years that failed nothing, and not a fen else.
        assert money.made == {year: fen for year, fen in due.items() if fen}
        assert list(due.values()).count(0) == sum(
            SCORED[n % len(SCORED)] is FAILED for n in range(len(due))
        )
        assert money.sums().paid_fen == money.sums().used_fen == sum(due.values())
        assert money.faults() == []
        assert wrong(town.shop.cases, trusted, "project", "performance", "payment", "fund") == []
        # A run for each calendar year, and each replays under the code of the end.
        assert len(runs) == last - first + 1
        replayer = Replayer(
            workflows=list(NEXT), data_converter=town.environment.client.data_converter
        )
        for run in runs:
            await replayer.replay_workflow(await town.history(project, run))


@pytest.mark.timeout(300)
async def test_a_project_that_ends_early_waits_for_no_milestone_and_is_handed_over(
    installed: tuple[Settings, Workshop], trusted: Log
) -> None:
    async with town_of(*installed) as town:
        async with town.working():
            project, year = await _ended_early(town, treasury_of(installed[0], town))
        # Another worker with other code; a year turns before it is handed over.
        async with town.working(NEXT):
            await town.until(date(year + 1, 1, 2))
            await _handed_over(town, project)
        ended = town.state(project)
        assert (ended.stage, ended.handed_to, ended.termination, ended.compensation_fen) == (
            "finished", "gxj", "operator_fault", 1,
        )  # fmt: skip
        assert [(one.name, one.passed) for one in ended.tests] == [("道闸", False), ("道闸", True)]
        assert not all(one.achieved for one in ended.milestones)
        assert ended.timers == ()
        assert wrong(town.shop.cases, trusted, "project", "payment", "fund") == []


async def _ended_early(town: Town, money: Treasury) -> tuple[str, int]:
    """Contracted, taken over for a while, terminated; what is refused before and after."""
    project = await _contracted(town)
    await town.until(anniversary(town.today, 3))
    year = town.today.year
    await money.opened(project)
    await money.allot(project, year)
    by = {"ground": "擅自停业", "by": "cgj", "paper": paper("接管决定")}
    await town.done(LEAD, project, "step_in", by)
    end = {
        "ground": "operator_fault", "reason": "停业逾期未改", "on": town.today.isoformat(),
        "compensation_fen": 1, "paper": paper("终止通知"),
    }  # fmt: skip
    assert (await town.refused(CLERK, project, "terminate", end))[0] == "no_right"
    assert (await town.refused(OPERATOR, project, "terminate", end))[0] == "no_right"
    ahead = (town.today + timedelta(days=1)).isoformat()
    assert await town.refused(LEAD, project, "terminate", end | {"on": ahead}) == (
        "in_the_future", "GBH115-5",
    )  # fmt: skip
    await town.done(LEAD, project, "terminate", end)
    assert {one.key.split(":")[0] for one in town.state(project).timers} == {"year"}
    code, _ = await town.refused(
        LEAD, project, "achieve", {"milestone": "build", "on": town.today.isoformat()}
    )
    assert code == "not_running"
    # What was never built is not paid for, terminated or not.
    unbuilt = await money.request(project, year, 1)
    assert (unbuilt.code, unbuilt.basis) == ("milestone_not_achieved", "YCYX-12")
    assert (await town.refused(LEAD, project, "finish", {"summary": "了结"}))[0] == (
        "not_handed_over"
    )
    return project, year
