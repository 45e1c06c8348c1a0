"""Money through the real doors: allotted, contracted, asked for, reviewed, paid, used, countered;
by three people, once each, within every cap; each step with its entry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator
from sqlalchemy import Connection, text

import yichuang.worker
from benchmarks import ground
from benchmarks.step import SOURCE
from cases import fund as f
from cases import fund_rows as rows
from cases.database import open_engine, reading
from cases.fund_orders import Grounds
from cases.messages import Actor, Grant, Outcome
from cases.payments import PaymentAnswer, RequestPayment
from cases.projection import after_of
from cases.reception import Request
from tests.yichuang.registry import Town, city, settings, template
from yichuang import asyncapi
from yichuang.events import EventInvalid
from yichuang.fund_door import FundDoor, WithFund
from yichuang.orders import order_event, request_of
from yichuang.payment_door import PaymentDoor
from yichuang.settings import Settings
from yichuang.subjects import parse_order

__all__ = ["settings", "template"]

PROJECT = "P-2026-1"
MILLION = 100_000_000
"""One million yuan in fen."""


def person(name: str, role: str, department: str = "zjj") -> Actor:
    return Actor(
        id=f"u:{name}", department=department, grants=(Grant(role=role, department=department),)
    )


CLERK = person("xiangmu", "project_clerk")
REVIEWER = person("shenhe", "payment_reviewer", "fgw")
PAYER = person("guoku", "treasurer", "fgw")


@dataclass
class Projects:
    """What the rooms of projects would say, for tests of money alone."""

    milestones: dict[str, f.MilestoneSeen] = field(default_factory=dict)
    payable: dict[int, f.Payable] = field(default_factory=dict)

    def grounds(self) -> Grounds:
        def milestone(_c: Connection, _project: str, name: str) -> f.MilestoneSeen | None:
            return self.milestones.get(name)

        def payable(_c: Connection, _project: str, year: int) -> f.Payable | None:
            return self.payable.get(year)

        return Grounds(milestone, payable)


DONE = f.MilestoneSeen("主体完工", date(2026, 11, 1), 1)


@dataclass
class Money:
    """A city with people who move money."""

    town: Town
    projects: Projects
    door: FundDoor
    payments: PaymentDoor

    async def act(
        self, who: Actor, verb: str, thing: str = "", key: str = "", **body: Any
    ) -> f.FundAnswer:
        ground.admit(self.town.settings, who)
        return await self.door.act(who, SOURCE, key or str(uuid4()), verb, thing, body)

    async def opened(self, allot_fen: int = 100 * MILLION, **contract: Any) -> str:
        """Open the fund, allot, sign a contract; return its id."""
        limit = f.FUND_LIMIT_FEN
        assert (
            await self.act(REVIEWER, f.OPEN, title="专项基金", limit_fen=limit)
        ).status == "done"
        assert (await self.allot(allot_fen)).status == "done"
        made = await self.contract(**contract)
        assert made.status == "done", made
        return made.thing

    async def allot(self, amount_fen: int, **changes: Any) -> f.FundAnswer:
        body: dict[str, Any] = {
            "project": PROJECT, "department": "zjj", "budget_year": 2026,
            "amount_fen": amount_fen, "document": "云财〔2026〕1号",
        } | changes  # fmt: skip
        return await self.act(REVIEWER, f.ALLOT, **body)

    async def contract(self, who: Actor = CLERK, **changes: Any) -> f.FundAnswer:
        body: dict[str, Any] = {
            "project": PROJECT, "department": "zjj", "number": str(uuid4()), "title": "一期",
            "payee": "云川建设有限公司", "payee_code": "91440300708461136T",
            "amount_fen": 50 * MILLION, "signed_on": "2026-01-05",
        } | changes  # fmt: skip
        return await self.act(who, f.CONTRACT, **body)

    async def request(
        self, contract: str, amount_fen: int = MILLION, who: Actor = CLERK, **changes: Any
    ) -> PaymentAnswer:
        body = {
            "department": "zjj", "project": PROJECT, "purpose": "进度款",
            "payee": "云川建设有限公司", "payee_code": "91440300708461136T",
            "amount_fen": amount_fen, "budget_year": 2026, "contract": contract,
            "milestone": "done",
        } | changes  # fmt: skip
        ground.admit(self.town.settings, who)
        asked = RequestPayment.model_validate(body)
        return await self.payments.request(who, SOURCE, str(uuid4()), asked)

    async def paid(self, contract: str, amount_fen: int = MILLION) -> str:
        """Ask, review and pay; return the payment."""
        asked = await self.request(contract, amount_fen)
        assert asked.status == "done", asked
        await self.did(REVIEWER, f.REVIEW, asked.payment, opinion="同意")
        await self.did(PAYER, f.PAY, asked.payment, voucher="GK-1")
        return asked.payment

    async def did(self, who: Actor, verb: str, thing: str, **body: Any) -> f.FundAnswer:
        made = await self.act(who, verb, thing, **body)
        assert made.status == "done", made
        return made

    def sums(self, scope: str = "fund", key: str = f.FUND) -> f.Sums:
        with reading(self.town.shop.cases) as connection:
            return rows.sums(connection, scope, key)


@pytest_asyncio.fixture
async def money(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Money]:
    projects = Projects({"done": DONE})
    monkeypatch.setattr(yichuang.worker, "project_grounds", projects.grounds)
    async with city(settings) as (town, working), working():
        release = town.door
        engine = open_engine(town.settings.store_url("cases"), read_only=True)
        given: dict[str, Any] = {
            "access": town.access, "engine": engine, "refusals": release._refusals,
        }  # fmt: skip
        yield Money(
            town,
            projects,
            FundDoor(release._client, release._task_queue, **given),
            PaymentDoor(release._client, release._task_queue, **given),
        )


def day(days_ago: int) -> str:
    return (datetime.now(UTC) + timedelta(hours=8) - timedelta(days=days_ago)).date().isoformat()


async def test_money_goes_from_the_allotment_to_its_use_by_three_people(money: Money) -> None:
    contract = await money.opened(retention_bp=300)
    asked = await money.request(contract, 10 * MILLION)
    assert asked.verdict is not None and asked.verdict.outcome == "may_pay"
    await money.did(REVIEWER, f.REVIEW, asked.payment, opinion="同意")
    made = await money.did(PAYER, f.PAY, asked.payment, voucher="GK-1")
    assert (made.paid_fen, made.retained_fen, made.interest_fen) == (970_000_000, 30_000_000, 0)
    used = await money.act(
        CLERK, f.USE, contract=contract, budget_year=2026, amount_fen=970_000_000,
        used_on=day(0), purpose="钢材",
    )  # fmt: skip
    assert used.status == "done", used
    await money.did(PAYER, f.RELEASE, asked.payment, voucher="GK-2")
    assert money.sums() == f.Sums(
        f.FUND_LIMIT_FEN, 100 * MILLION, 10 * MILLION, 0, 970_000_000, 0
    )  # fmt: skip
    entries = money.town.entries(f"fund:{asked.payment}")
    assert [one["act"] for one in entries] == ["payment_review", "payment_pay", "payment_release"]
    assert len({one["who"]["id"] for one in entries[:2]}) == 2
    with reading(money.town.shop.cases) as connection:
        query = text("SELECT entry_id, digests FROM fund_order")
        said = {e: after_of(d) for e, d in connection.execute(query)}
        assert list(rows.check(connection, said)) == []
    told = [one["after"] for one in entries]
    assert set(told) <= set(said.values())


async def test_every_order_of_money_is_an_entry_under_its_own_stream(money: Money) -> None:
    contract = await money.opened()
    used = await money.paid(contract)
    assert used
    spent = await money.did(
        CLERK, f.USE, "", contract=contract, budget_year=2026, amount_fen=MILLION,
        used_on=day(0), purpose="钢材",
    )  # fmt: skip
    back = await money.request(contract)
    await money.did(REVIEWER, f.RETURN, back.payment, reason="缺发票")

    def acts(thing: str) -> list[str]:
        return [one["act"] for one in money.town.entries(f"fund:{thing}")]

    assert acts(f.FUND) == ["fund_open"]
    assert acts(contract) == ["fund_contract"]
    assert acts(spent.thing) == ["fund_use"]
    assert acts(back.payment) == ["payment_return"]


async def test_the_same_order_gets_the_same_answer_and_moves_money_once(money: Money) -> None:
    contract = await money.opened()
    asked = await money.request(contract)
    await money.did(REVIEWER, f.REVIEW, asked.payment, opinion="同意")
    same = await asyncio.gather(
        *(money.act(PAYER, f.PAY, asked.payment, "pay-once", voucher="GK-1") for _ in range(5))
    )
    assert {one.status for one in same} == {"done"} and len({one.entry for one in same}) == 1
    late = await money.act(PAYER, f.PAY, asked.payment, "pay-once", voucher="GK-1")
    assert late.repeated and late.paid_fen == MILLION
    other = await money.act(PAYER, f.PAY, asked.payment, "pay-once", voucher="GK-9")
    assert (other.status, other.code) == ("refused", "id_reused")
    again = await money.act(PAYER, f.PAY, asked.payment, voucher="GK-1")
    assert (again.status, again.code) == ("refused", "not_now")
    assert money.sums().paid_fen == MILLION


async def test_nobody_does_two_of_the_three_steps_whatever_they_hold(money: Money) -> None:
    contract = await money.opened()
    every = ("project_clerk", "payment_reviewer", "treasurer")
    both = Actor(
        id="u:both",
        department="zjj",
        grants=tuple(Grant(role=role, department="zjj") for role in every),
    )
    asked = await money.request(contract, who=both)
    no = await money.act(both, f.REVIEW, asked.payment, opinion="同意")
    assert (no.status, no.code, no.basis) == ("refused", "separation", "YCYX-12")
    await money.did(REVIEWER, f.REVIEW, asked.payment, opinion="同意")
    assert (await money.act(both, f.PAY, asked.payment, voucher="1")).code == "separation"
    other = await money.request(contract)
    await money.did(both, f.REVIEW, other.payment, opinion="同意")
    assert (await money.act(both, f.PAY, other.payment, voucher="1")).code == "separation"
    assert money.sums().paid_fen == 0


async def test_who_has_no_right_or_acts_for_another_moves_nothing(money: Money) -> None:
    contract = await money.opened()
    asked = await money.request(contract)
    for who, verb, body in (
        (CLERK, f.REVIEW, {"opinion": "x"}),
        (PAYER, f.REVIEW, {"opinion": "x"}),
        (REVIEWER, f.PAY, {"voucher": "1"}),
        (CLERK, f.PAY, {"voucher": "1"}),
        (person("admin", "sysadmin", "*"), f.PAY, {"voucher": "1"}),
    ):
        no = await money.act(who, verb, asked.payment, **body)
        assert no.status == "refused" and no.code in ("no_right", "forbidden"), no
    for who, verb in ((CLERK, f.ALLOT), (PAYER, f.ALLOT)):
        no = await money.act(
            who, verb, project="P", department="zjj", budget_year=2026, amount_fen=1, document="x"
        )
        assert (no.status, no.code) == ("refused", "no_right")
    deputy = REVIEWER.model_copy(update={"id": "u:deputy", "on_behalf": REVIEWER.id})
    no = await money.act(deputy, f.REVIEW, asked.payment, opinion="同意")
    assert no.status == "refused", no
    assert money.town.entries(f"fund:{asked.payment}") == []


REFUSED_REQUESTS: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"milestone": "no-such"}, "unknown_milestone", "body.milestone"),
    ({"milestone": "later"}, "milestone_not_achieved", "body.milestone"),
    ({"milestone": "gate"}, "gate_not_passed", "body.milestone"),
    ({"milestone": "bare"}, "no_evidence", "body.milestone"),
    ({"contract": str(uuid4())}, "unknown_contract", "body.contract"),
    ({"project": "P-other"}, "not_of_the_contract", "body.project"),
    ({"payee_code": "914403001922038216"}, "not_of_the_contract", "body.payee_code"),
    ({"amount_fen": 50 * MILLION + 1}, "beyond_contract", "body.amount_fen"),
    ({"amount_fen": 20 * MILLION + 1}, "beyond_year", "body.amount_fen"),
    ({"budget_year": 2027}, "beyond_year", "body.amount_fen"),
    ({"facts": {"fund": {"allotted_fen": 1}}}, "facts", "body.facts.fund"),
)


async def test_a_request_without_its_ground_is_refused_by_name_with_its_source(
    money: Money,
) -> None:
    contract = await money.opened(20 * MILLION)
    money.projects.milestones |= {
        "later": replace(DONE, achieved_on=None),
        "gate": replace(DONE, gate_open=True),
        "bare": replace(DONE, evidence=0),
    }
    for changes, code, place in REFUSED_REQUESTS:
        made = await money.request(**{"contract": contract, **changes})
        assert (made.status, made.code, made.field) == ("refused", code, place), made
        assert made.reason and made.basis == "YCYX-12"
    assert (await money.request(contract, 20 * MILLION)).status == "done"


async def test_what_was_asked_within_the_cap_is_not_paid_beyond_it(money: Money) -> None:
    contract = await money.opened(10 * MILLION)
    first, second = [await money.request(contract, 6 * MILLION) for _ in range(2)]
    for one in (first, second):
        await money.did(REVIEWER, f.REVIEW, one.payment, opinion="同意")
    await money.did(PAYER, f.PAY, first.payment, voucher="1")
    no = await money.act(PAYER, f.PAY, second.payment, voucher="2")
    assert (no.status, no.code) == ("refused", "beyond_year")
    assert "4,000,000.00 元" in no.reason
    await money.did(REVIEWER, f.RETURN, second.payment, reason="本年指标不足")
    no = await money.act(PAYER, f.PAY, second.payment, voucher="2")
    assert no.code == "not_now"


async def test_allotments_end_at_five_hundred_million_yuan(money: Money) -> None:
    await money.opened(f.FUND_LIMIT_FEN - 1)
    assert (await money.allot(2)).code == "beyond_limit"
    assert (await money.allot(1, project="P-2")).status == "done"
    assert (await money.allot(1)).basis == "CSFA-5"
    assert (await money.allot(-f.FUND_LIMIT_FEN)).code == "already_paid"
    again = await money.act(REVIEWER, f.OPEN, title="又一个", limit_fen=1)
    assert again.code == "fund_exists"
    larger = await money.act(REVIEWER, f.OPEN, title="x", limit_fen=f.FUND_LIMIT_FEN + 1)
    assert (larger.status, larger.code, larger.field) == ("refused", "malformed", "body.limit_fen")
    for wrong in (0, -1, 1.5, "1", True, None):
        made = await money.contract(amount_fen=wrong)
        assert (made.status, made.code, made.field) == ("refused", "malformed", "body.amount_fen")


async def test_performance_pay_never_exceeds_what_is_payable(money: Money) -> None:
    contract = await money.opened(linked=True)
    no = await money.request(contract)
    assert (no.code, no.basis) == ("not_evaluated", "CZGF-30")
    money.projects.payable[2026] = f.Payable(2 * MILLION, "0.9")
    await money.paid(contract, MILLION)
    no = await money.request(contract, MILLION + 1)
    assert (no.status, no.code) == ("refused", "beyond_payable")
    asked = await money.request(contract, MILLION)
    await money.did(REVIEWER, f.REVIEW, asked.payment, opinion="同意")
    money.projects.payable[2026] = f.Payable(2 * MILLION - 1, "0.89")
    assert (await money.act(PAYER, f.PAY, asked.payment, voucher="1")).code == "beyond_payable"


async def test_who_supplied_a_small_firm_is_paid_with_the_interest_of_the_days_late(
    money: Money,
) -> None:
    contract = await money.opened(sme=True)
    assert (await money.request(contract)).field == "body.delivered_on"
    asked = await money.request(contract, 50_000_00, delivered_on=day(32))
    assert asked.verdict is not None
    assert (asked.verdict.limit_days, asked.verdict.overdue_days) == (30, 2)
    await money.did(REVIEWER, f.REVIEW, asked.payment, opinion="同意")
    made = await money.did(PAYER, f.PAY, asked.payment, voucher="1")
    assert (made.paid_fen, made.interest_fen) == (50_000_00, 50_00)
    assert money.sums().interest_fen == 50_00


async def test_more_than_three_percent_is_not_kept_back_by_the_article(money: Money) -> None:
    await money.opened(retention_bp=300)
    no = await money.contract(retention_bp=301)
    assert (no.status, no.code, no.basis, no.field) == (
        "refused", "retention", "ZLBZ-7", "body.retention_bp"
    )  # fmt: skip


async def test_a_wrong_payment_is_countered_and_the_money_is_there_again(money: Money) -> None:
    contract = await money.opened(10 * MILLION, retention_bp=300)
    paid = await money.paid(contract, 10 * MILLION)
    assert (await money.act(PAYER, f.REVERSE, paid, reason="x")).code == "no_right"
    await money.did(REVIEWER, f.REVERSE, paid, reason="收款单位有误")
    assert money.sums() == f.Sums(f.FUND_LIMIT_FEN, 10 * MILLION)
    await money.paid(contract, 10 * MILLION)
    with reading(money.town.shop.cases) as connection:
        journal = rows.journal(connection)
    assert [one.kind for one in journal] == [
        "fund_allot", "payment_pay", "payment_reverse", "payment_pay"
    ]  # fmt: skip
    assert all(sum(line.amount_fen for line in one.lines) == 0 for one in journal)


async def test_a_crash_between_order_and_entry_leaves_neither(
    money: Money, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = await money.opened()
    asked = await money.request(contract)
    await money.did(REVIEWER, f.REVIEW, asked.payment, opinion="同意")
    funding = type(money.town.shop.funding)
    entry, calls = funding._entry, []

    def once(self: Any, *given: Any) -> Any:
        calls.append(given)
        if len(calls) == 1:
            raise OSError("killed")
        return entry(self, *given)

    monkeypatch.setattr(funding, "_entry", once)
    await money.did(PAYER, f.PAY, asked.payment, voucher="1")
    assert len(calls) == 2
    assert money.sums().paid_fen == MILLION
    acts = [one["act"] for one in money.town.entries(f"fund:{asked.payment}")]
    assert acts == ["payment_review", "payment_pay"]


def using(contract: str, **changes: Any) -> dict[str, Any]:
    return {
        "contract": contract, "budget_year": 2026, "amount_fen": 1, "used_on": day(0),
        "purpose": "药剂", **changes,
    }  # fmt: skip


async def test_the_paying_departments_system_tells_over_nats_what_was_used_and_no_other_does(
    money: Money,
) -> None:
    contract = await money.opened()
    await money.paid(contract)
    reception = WithFund(money.town.reception, money.door)

    async def told(who: Actor, key: str, body: dict[str, Any]) -> Outcome:
        ground.admit(money.town.settings, who)
        request = Request(id=key, verb=f.USE, body=body)
        (outcome,) = await reception.handle(who, SOURCE, (request,))
        return outcome

    def system(name: str, department: str) -> Actor:
        grants = (Grant(role="service_project", department=department),)
        return Actor(id=f"s:{name}", kind="service", department=department, grants=grants)

    ours, theirs = system("ours", "zjj"), system("theirs", "fgw")
    first = await told(ours, "m:1", using(contract))
    assert first.status == "done" and first.entry
    again = await told(ours, "m:1", using(contract))
    assert again.repeated and again.case_id == first.case_id
    assert (await told(ours, "m:1", using(contract, amount_fen=2))).code == "id_reused"
    # What is another's contract and what is none are refused alike.
    no = [await told(theirs, f"m:{n}", using(one)) for n, one in ((2, contract), (3, "none"))]
    assert [(one.code, one.reason) for one in no] == [("no_right", no[0].reason)] * 2
    over = await told(ours, "m:4", using(contract, amount_fen=MILLION))
    assert (over.status, over.code) == ("refused", "beyond_paid"), over
    assert money.sums().used_fen == 1


async def test_a_system_moves_no_money_by_any_other_order(money: Money) -> None:
    contract = await money.opened()
    asked = await money.request(contract)
    system = Actor(
        id="s:all", kind="service", department="zjj",
        grants=(Grant(role="service_project", department="*"),),
    )  # fmt: skip
    body = {"project": PROJECT, "department": "zjj", "budget_year": 2026, "amount_fen": 1,
            "document": "x"}  # fmt: skip
    for verb, thing, said in (
        (f.ALLOT, "", body), (f.REVIEW, asked.payment, {"opinion": "同意"}),
        (f.PAY, asked.payment, {"voucher": "GK"}),
    ):  # fmt: skip
        made = await money.act(system, verb, thing, **said)
        assert (made.status, made.code) == ("refused", "no_right"), verb


def test_a_use_is_understood_by_its_subject_and_refused_by_its_field() -> None:
    subject = parse_order("cmd.yunchuan.zjj.gx-sys.fund.use")
    assert subject is not None
    schema = Draft202012Validator(asyncapi.use_schema())

    def understood(data: dict[str, Any]) -> Request:
        event = order_event("yunchuan", "use", data, source="/x", event_id="1", thing="fund")
        return request_of(event, subject)

    assert schema.is_valid({"body": using("c")})
    assert understood({"body": using("c")}).verb == f.USE
    for place, wrong in (
        ("amount_fen", 0), ("amount_fen", 1.5), ("budget_year", 1999), ("more", 1),
    ):  # fmt: skip
        bad = {"body": using("c", **{place: wrong})}
        assert not schema.is_valid(bad)
        with pytest.raises(EventInvalid) as no:
            understood(bad)
        assert no.value.field == f"data.body.{place}"
    other = parse_order("cmd.yunchuan.zjj.gx-sys.fund.allot")
    assert other is not None
    with pytest.raises(EventInvalid):
        request_of(order_event("yunchuan", "allot", {"body": {}}, source="/x", thing="fund"), other)
