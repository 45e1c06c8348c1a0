"""Projects, performance, fund and plan in the large form: PostgreSQL with the roles that compose
makes and the grants that `init` gives; orders through the real doors, settled by the worker's role,
read by the pages'."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock, sentinel
from uuid import uuid4
from zoneinfo import ZoneInfo

import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, make_url, select, text
from sqlalchemy.exc import DBAPIError
from temporalio.testing import WorkflowEnvironment

from audit.tables import audit_outbox
from benchmarks import ground
from benchmarks.step import SOURCE, NothingToPrint
from cases import fund as f
from cases import fund_rows, performance_rows, plan_rows, project_lists
from cases.database import open_engine, reading
from cases.life_rows import digest_of
from cases.messages import Actor, Grant
from cases.payments import RequestPayment
from cases.plan.messages import ReportFigure
from cases.project_lists import Filters
from cases.projection import after_of
from cases.projects import performing_messages as p
from cases.projects.messages import project_id_for
from cases.tables import cases_metadata
from catalogue.kpis import load_kpis
from catalogue.load import load_catalogue
from catalogue.programme import load_programme
from policies.access import Access
from tests.postgres.test_backup_large import Large, server
from tests.workflows.conftest import TEST_SERVER
from yichuang import joining
from yichuang.codec import codec_of
from yichuang.fund_door import FundDoor
from yichuang.initialise import initialise
from yichuang.payment_door import PaymentDoor
from yichuang.performance_door import PerformanceDoor
from yichuang.plan_door import PlanDoor
from yichuang.project_door import ProjectDoor
from yichuang.project_grounds import project_grounds
from yichuang.refusals import RefusalLog
from yichuang.settings import STORES, Settings
from yichuang.stores import PROJECT_TABLES
from yichuang.temporal import data_converter, make_worker, master_keys
from yichuang.web_fund import WebFund
from yichuang.web_plan import WebPlan
from yichuang.web_projects import WebProjects
from yichuang.worker import Workshop, workshop

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

ZONE = ZoneInfo("Asia/Shanghai")
OURS = ("project", "fund_", "journal_", "payment", "performance", "plan_")
"""With what the names of the tables begin that are looked at here."""


@pytest.fixture(scope="module")
def large() -> Iterator[Large]:
    with server() as made:
        initialise(made.settings.model_copy(update={"page_role": "yichuang_page"}))
        yield made


def as_role(settings: Settings, **urls: tuple[str, str]) -> Settings:
    """Return the settings of a process that comes to these stores as others: name → role, store."""

    def url(role: str, store: str) -> SecretStr:
        made = make_url(settings.store_url("cases")).set(username=role)
        return SecretStr(
            made.update_query_dict({"schema": store}).render_as_string(hide_password=False)
        )

    return settings.model_copy(update={name: url(*named) for name, named in urls.items()})


def of_worker(settings: Settings) -> Settings:
    """As docker-compose.yml has it for the service `worker`."""
    return as_role(
        settings, web_url=("yichuang_cases", "web"), readings_url=("yichuang_reader", "readings"),
        log_url=("yichuang_reader", "log"),
    )  # fmt: skip


def of_web(settings: Settings) -> Settings:
    """As docker-compose.yml has it for the service `web`, as far as projects need it."""
    return as_role(settings, cases_url=("yichuang_reader", "cases"))


def test_init_lets_each_role_read_what_it_needs_and_write_nothing(large: Large) -> None:
    tables = [one for one in sorted(cases_metadata.tables) if one.startswith(OURS)]
    assert {"project_gate", "fund_total", "journal_line", "payment_hand"} <= set(tables)
    assert {"performance_act", "plan_report", "plan_snapshot"} <= set(tables)

    def may(role: str, right: str) -> set[str]:
        asked = ", ".join(f"has_table_privilege('{role}', 'cases.{one}', '{right}')"
                          for one in tables)  # fmt: skip
        (found,) = large.sql(f"SELECT {asked}")
        return {one for one, has in zip(tables, found, strict=True) if has}

    assert may("yichuang_reader", "SELECT") == set(tables)
    assert may("yichuang_page", "SELECT") == set(PROJECT_TABLES)
    assert may("yichuang_cases", "INSERT, UPDATE") == set(tables)
    for role in ("yichuang_reader", "yichuang_page"):
        for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER"):
            assert may(role, right) == set(), (role, right)
    for store in set(STORES) - {"cases"}:
        engine = open_engine(
            as_role(large.settings, cases_url=(f"yichuang_{store}", "cases")).store_url("cases")
        )
        with pytest.raises(DBAPIError, match="permission denied"), engine.connect() as connection:
            connection.execute(text("SELECT 1 FROM cases.fund_order"))
        engine.dispose()


# --- one project from its beginning to its money ----------------------------------------------


def person(name: str, role: str, department: str) -> Actor:
    return Actor(
        id=f"u:{name}", department=department, grants=(Grant(role=role, department=department),)
    )


CLERK = person("xiangmu", "project_clerk", "zxb")
LEAD = person("fuze", "project_lead", "zxb")
GATES = (person("guan1", "gate_approver", "fgw"), person("guan2", "gate_approver", "fgw"))
OPERATOR = person("yunying", "operator", "spv1")
STRANGER = person("biede", "operator", "sw")
EVALUATOR = person("pingjia", "performance_evaluator", "pjzx")
REVIEWER = person("shenhe", "payment_reviewer", "czj")
PAYER = person("guoku", "treasurer", "czj")
HYGIENE = person("huanwei", "section_clerk", "cgj")
LEADER = person("lingdao", "leader", "*")
PEOPLE = (
    CLERK, LEAD, *GATES, OPERATOR, STRANGER, EVALUATOR, REVIEWER, PAYER, HYGIENE, LEADER,
)  # fmt: skip


@dataclass
class City:
    """The doors of a city, their reader, and the worker behind them."""

    shop: Workshop
    cases: Engine
    """As the pages come to it."""
    access: Access
    projects: ProjectDoor
    performances: PerformanceDoor
    fund: FundDoor
    payments: PaymentDoor
    plan: PlanDoor

    async def ordered(self, who: Actor, project: str, verb: str, **body: Any) -> None:
        made = await self.projects.order(who, SOURCE, str(uuid4()), project, verb, body)
        assert made.status == "done", (verb, made)

    async def performed(self, who: Actor, project: str, verb: str, **body: Any) -> None:
        made = await self.performances.act(who, SOURCE, str(uuid4()), verb, project, body)
        assert made.status == "done", (verb, made)

    async def funded(self, who: Actor, verb: str, thing: str = "", **body: Any) -> str:
        made = await self.fund.act(who, SOURCE, str(uuid4()), verb, thing, body)
        assert made.status == "done", (verb, made)
        return made.thing


@asynccontextmanager
async def city(settings: Settings) -> AsyncIterator[City]:
    worker, web = of_worker(settings), of_web(settings)
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(TEST_SERVER),
        data_converter=data_converter(codec_of(master_keys(worker))),
    )
    with workshop(worker, NothingToPrint()) as shop, ThreadPoolExecutor(3) as threads:
        async with environment:
            shop.signals.client = environment.client
            ground.admit(settings, *PEOPLE)
            cases = open_engine(web.store_url("cases"), read_only=True)
            released = joining.released_of(web, cases)
            access = joining.access_of(web, "web", released)
            sealer = joining.sealer_of(settings, joining.vault_of(settings))
            accounts = open_engine(settings.store_url("web"))
            refusals = RefusalLog(accounts, "web", sealer.who)
            given: dict[str, Any] = {"access": access, "engine": cases, "refusals": refusals}
            doors = [
                door(environment.client, "large", **given)
                for door in (ProjectDoor, PerformanceDoor, FundDoor, PaymentDoor, PlanDoor)
            ]
            with environment.auto_time_skipping_disabled():
                async with make_worker(environment.client, "large", shop.activities(), threads, 3):
                    yield City(shop, cases, access, *doors)  # type: ignore[arg-type]  # in order
            # The server waits for whoever is still there when it is asked to stop.
            cases.dispose()
            accounts.dispose()


def today() -> str:
    return datetime.now(UTC).astimezone(ZONE).date().isoformat()


def paper(name: str) -> dict[str, str]:
    return {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest()}


async def reached(one: City, project: str) -> None:
    """Establish a stock project whose first phase is proved, let pass by two, and reached."""
    phase = {"id": "phase1", "stage": "identification", "title": "一期", "days": 30,
             "needs": ["验收单"], "gate": True, "pays": True}  # fmt: skip
    await one.ordered(
        CLERK, project, "establish", template="stock", title="污水处理厂", department="zxb",
        regime="stock", procured_before_stop=True, term_years=20, starts_on=today(),
        milestones=[phase],
    )  # fmt: skip
    await one.ordered(
        LEAD, project, "sign_contract", operator="spv1", number="XY-1", signed_on=today(),
        ends_on=f"{int(today()[:4]) + 20}-01-01",
    )  # fmt: skip
    await one.ordered(OPERATOR, project, "add_evidence", milestone="phase1", paper=paper("验收单"))
    for who in GATES:
        await one.ordered(who, project, "pass_gate", milestone="phase1")
    await one.ordered(LEAD, project, "achieve", milestone="phase1", on=today())


async def evaluated(one: City, project: str, year: int) -> None:
    kinds = (("A", "output", 5_000), ("B", "effect", 3_000), ("C", "management", 2_000))
    await one.performed(
        CLERK, project, p.PLAN, regime="stock", department="zxb", operator="spv1",
        since_year=year, until_year=year + 19,
        terms={"availability_fen": 100_000_000, "operation_fen": 20_000_000, "linked_bp": 3_000},
        indicators=[{"code": code, "branch": branch, "title": code, "weight_bp": weight}
                    for code, branch, weight in kinds],
    )  # fmt: skip
    lines = [{"code": code, "points": 7_000, "evidence": "监测报告 12 号"} for code in "ABC"]
    await one.performed(EVALUATOR, project, p.EVALUATE, year=year, scores=lines)
    await one.performed(OPERATOR, project, p.ACCEPT, year=year)
    await one.performed(LEAD, project, p.CONFIRM, year=year)


async def paid(one: City, project: str, year: int) -> tuple[str, str]:
    """Return a contract and a payment on it: refused above what is payable, then paid, used."""
    await one.funded(REVIEWER, f.OPEN, title="专项基金", limit_fen=f.FUND_LIMIT_FEN)
    await one.funded(
        REVIEWER, f.ALLOT, project=project, department="zxb", budget_year=year,
        amount_fen=150_000_000, document="云财〔2026〕1号",
    )  # fmt: skip
    contract = await one.funded(
        CLERK, f.CONTRACT, project=project, department="zxb", number="HT-1", title="运营",
        payee="云川建设有限公司", payee_code="91440300708461136T", amount_fen=140_000_000,
        retention_bp=300, linked=True, signed_on=today(),
    )  # fmt: skip
    body = {
        "department": "zxb", "project": project, "purpose": "运营费", "budget_year": year,
        "payee": "云川建设有限公司", "payee_code": "91440300708461136T", "contract": contract,
        "milestone": "phase1",
    }  # fmt: skip

    async def asked(amount_fen: int) -> Any:
        request = RequestPayment.model_validate({**body, "amount_fen": amount_fen})
        return await one.payments.request(CLERK, SOURCE, str(uuid4()), request)

    # 70 of 100 points make a coefficient of 0.75: 70 and 0.75 of 30 and of 20 million.
    over = await asked(107_500_001)
    assert over.status == "refused" or over.verdict.outcome == "stopped", over
    made = await asked(107_500_000)
    assert made.status == "done" and made.verdict.outcome == "may_pay", made
    await one.funded(REVIEWER, f.REVIEW, made.payment, opinion="同意")
    await one.funded(PAYER, f.PAY, made.payment, voucher="GK-1")
    await one.funded(
        CLERK, f.USE, contract=contract, budget_year=year, amount_fen=1_000_001,
        used_on=today(), purpose="药剂",
    )  # fmt: skip
    return contract, made.payment


async def test_a_project_is_carried_evaluated_paid_and_seen_under_the_roles_of_the_large_form(
    large: Large,
) -> None:
    project, year = project_id_for(str(uuid4())), int(today()[:4])
    async with city(large.settings) as one:
        await reached(one, project)
        await evaluated(one, project, year)
        _, payment = await paid(one, project, year)
        figure = {"kpi": "waste", "department": "cgj", "on": "2026-06-30", "numerator": 7_000,
                  "denominator": 10_000}  # fmt: skip
        told = await one.plan.report(HYGIENE, SOURCE, "waste", ReportFigure.model_validate(figure))
        assert told.status == "done", told
        again = await one.plan.report(HYGIENE, SOURCE, "waste", ReportFigure.model_validate(figure))
        assert again.repeated and again.report == told.report
        await asyncio.to_thread(bound_by_entries, one, project)
        await asyncio.to_thread(seen_on_pages, one, project, payment)


def bound_by_entries(one: City, project: str) -> None:
    """Every row is what its entry in the outbox of the log says."""
    with reading(one.shop.cases) as connection:
        told = select(audit_outbox.c.stream, audit_outbox.c.body)
        rows = connection.execute(told.order_by(audit_outbox.c.stream, audit_outbox.c.seq))
        bodies = [(row.stream, orjson.loads(row.body)) for row in rows]
        after = {body["id"]: body.get("after") for _, body in bodies}
        of_project = [body for stream, body in bodies if stream == f"project:{project}"]
        state = project_lists.state_of(connection, project)
        assert state is not None and of_project[-1]["after"] == digest_of(state)
        assert len(of_project) == state.seq == len(project_lists.events(connection, project))
        orders = {row.entry_id: after_of(row.digests) for row in connection.execute(
            text("SELECT entry_id, digests FROM fund_order"))}  # fmt: skip
        assert orders and all(after[entry] == said for entry, said in orders.items())
        assert list(fund_rows.check(connection, orders)) == []
        performance = {
            project: [body for stream, body in bodies if stream == f"performance:{project}"][-1][
                "after"
            ]
        }
        assert list(performance_rows.check(connection, performance)) == []
        plans = {
            stream.partition(":")[2]: body["after"]
            for stream, body in bodies
            if stream.startswith("plan:")
        }
        assert plans and list(plan_rows.check(connection, plans)) == []
        journal = fund_rows.journal(connection)
        assert [one.kind for one in journal] == [f.ALLOT, f.PAY, f.USE]
        assert sum(line.amount_fen for one in journal for line in one.lines) == 0


def seen_on_pages(one: City, project: str, payment: str) -> None:
    """The pages' own classes, over the role that the web has in compose."""
    catalogue = load_catalogue()

    def now() -> datetime:
        return datetime.now(UTC)

    names = Mock(names=lambda _users: {})
    pages = WebProjects(
        one.cases, one.access, names, lambda: catalogue, sentinel.door, now, ZONE, "yichuang_page"
    )
    for reader, sees in ((CLERK, True), (OPERATOR, True), (LEADER, True), (STRANGER, False)):
        listed = pages.listing(reader, Filters(), 1, 20)
        assert [row.id for row in listed.rows] == ([project] if sees else []), reader
        assert sum(pages.dashboard(reader).slippages.values()) == sees
        shown = pages.project(reader, project)
        assert (shown is not None) is sees
        assert shown is None or (shown.money.paid_fen, shown.money.used_fen) == (
            104_275_000, 1_000_001,
        )  # fmt: skip
    fund = WebFund(one.cases, one.access, sentinel.ask, project_grounds(), str(ZONE), now)
    for reader, sees in ((REVIEWER, True), (LEADER, True), (OPERATOR, False)):
        view = fund.view(reader)
        assert (view.sums.paid_fen == 104_275_000) is sees, reader
        journal = fund.journal(reader, 0, 50)
        assert (journal.total, len(journal.entries)) == ((3, 3) if sees else (0, 0))
        assert journal.differing == ()
        assert (fund.project(reader, project) is not None) is sees
    claim = fund.claim(payment)
    assert claim is not None
    plan = WebPlan(
        one.cases, one.access, sentinel.ask, load_kpis(), load_programme(), str(ZONE), now
    )
    lines = {line.kpi.code: line.standing.value for line in plan.lines()}
    assert len(lines) == 17 and lines["waste"] == 70
    assert len(plan.reports("waste")) == 1 and plan.statistics()
    # What the web comes as reads and writes nothing, whatever it says.
    for statement in (
        "UPDATE fund_total SET paid_fen = 0", "DELETE FROM project_gate",
        "INSERT INTO performance_act SELECT * FROM performance_act",
    ):  # fmt: skip
        with pytest.raises(DBAPIError), one.cases.begin() as connection:
            connection.execute(text(statement))
