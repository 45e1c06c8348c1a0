"""付费申请 on pages and over REST: asked, refused by field, listed by department, explained."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from audit import yichuang_verify
from cases.messages import Grant
from forms.payments import fen_of
from tests.cases.test_payments import FUND, body
from tests.forms.conftest import Browser, Browsers
from tests.forms.test_receipts import issues
from tests.forms.town import ADDRESS, TRUST, Town

FILLED = {
    "department": "zjj", "project": "数据中心一期", "purpose": "第一期工程款",
    "payee": "云川建设有限公司", "payee_code": "91440300708461136T", "amount": "50,000.00",
    "budget_year": "2026", "paid_before": "0", "packs": "fund", "f.fund.allotted_yuan": "100000",
    "f.fund.allotted_total_yuan": "400000000", "f.fund.fund_total_yuan": "500000000",
}  # fmt: skip


def sent(page: Browser, command: str = "", **changes: str) -> tuple[int, str, str]:
    """Post the form; return status, the address it leads to, and the page."""
    form = FILLED | changes
    form |= {"csrf": page.token("/payments/new"), "command": command or str(uuid4())}
    answer = page.post("/payments/new", data=form, follow_redirects=False)
    return answer.status_code, answer.headers.get("location", ""), answer.text


@pytest.mark.parametrize(
    ("typed", "fen"),
    [("0", 0), ("0.01", 1), ("1.5", 150), ("1,234.50", 123450), (" 12，000 ", 1200000),
     ("-1", None), ("1.234", None), ("1e5", None), ("", None), ("١٢", None), ("9" * 16, None),
     ("0x10", None), ("1.", None), (".5", None)],
)  # fmt: skip
def test_a_typed_sum_is_whole_fen_or_none(typed: str, fen: int | None) -> None:
    assert fen_of(typed) == fen


def test_a_clerk_asks_and_sees_that_it_may_be_paid_and_why(browser: Browsers) -> None:
    page = browser("zhao")
    status, there, _ = sent(page)
    assert status == 303 and re.fullmatch(r"/payments/[0-9a-f-]{36}", there)
    shown = page.get(there).text
    for part in ("可以支付", "50,000.00 元", "云川建设有限公司", "赵住建", "没有规则命中",
                 "改动最小而结果不同", "专项基金红线"):  # fmt: skip
        assert part in shown, part
    assert "为何停付" not in shown


def test_a_step_of_a_payment_is_proved_by_a_file_that_a_stranger_checks(
    town: Town, browser: Browsers
) -> None:
    page = browser("zhao")
    _, there, _ = sent(page)
    shown = page.get(there).text
    (entry,) = re.findall(r'name="entry" value="([^"]+)"', shown)
    before = len(issues(town))
    form = {"csrf": page.token(there), "entry": entry}
    answer = page.post(f"{there}/receipt", data=form)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    report = yichuang_verify.verify(answer.content, TRUST)
    assert report.marks[:1] == ["unsealed"] and not report.faults
    assert [one["act"] for one in report.steps] == ["payment_request"]
    (issue,) = issues(town)[before:]
    assert (issue["act"], issue["obj"]["type"]) == ("receipt.issued", "payment")
    assert issue["obj"]["doc"] == hashlib.sha256(answer.content).hexdigest()


def test_no_receipt_of_another_step_and_none_for_who_may_not_read_the_payment(
    browser: Browsers,
) -> None:
    page = browser("zhao")
    _, there, _ = sent(page)
    _, other, _ = sent(page)
    (entry,) = re.findall(r'name="entry" value="([^"]+)"', page.get(other).text)
    form = {"csrf": page.token(there), "entry": entry}
    assert page.post(f"{there}/receipt", data=form).status_code == 404
    stranger = browser("qian")
    form = {"csrf": stranger.token("/notices"), "entry": entry}
    assert stranger.post(f"{other}/receipt", data=form).status_code in (403, 404)


def test_a_payment_beyond_the_allotment_is_shown_stopped_with_article_and_change(
    browser: Browsers,
) -> None:
    page = browser("zhao")
    _, there, _ = sent(page, amount="100,000.01")
    shown = page.get(there).text
    for part in ("停付", "为何停付", "拨付合计不超过本项目指标", "FUND-PROJECT",
                 "云川市城市运行监测与处置办法", "超出本项目指标"):  # fmt: skip
        assert part in shown, part
    assert re.search(r"(由|变为) 100,000\.0[01] 元", shown)
    page.get("/language/en")
    english = page.get(there).text
    for part in ("Stopped", "Why it is stopped", "Payments within the allotment",
                 "beyond the allotment of the project"):  # fmt: skip
        assert part in english, part


def test_a_late_payment_to_a_small_enterprise_shows_day_and_interest(browser: Browsers) -> None:
    page = browser("zhao")
    more = {"packs": "sme_payment", "delivered_on": "2026-01-05", "f.sme_payment.payer": "organ"}
    _, there, _ = sent(page, **more)
    shown = page.get(there).text
    assert "2026-02-04" in shown and "30 日" in shown and "每日 0.05%" in shown
    assert re.search(r"逾期 \d+ 日", shown) and "机关、事业单位" in shown


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"amount": "-1"}, "金额应是不为负的数"),
        ({"amount": "1.001"}, "金额应是不为负的数"),
        ({"amount": "0"}, "申请金额"),
        ({"amount": ""}, "这一项必须填写"),
        ({"amount": "999999999999999"}, "申请金额"),
        ({"payee_code": "914403001922038217"}, "不是统一社会信用代码"),
        ({"packs": ""}, "请至少选择一个规则包"),
        ({"packs": "noise"}, "请至少选择一个规则包"),
        ({"budget_year": "26"}, "四位数字"),
        ({"paid_before": ""}, "此前已拨付的金额"),
        ({"f.fund.allotted_yuan": ""}, "allotted_fen"),
        ({"f.fund.allotted_yuan": "x"}, "金额应是不为负的数"),
        ({"f.fund.idle_days": "1.5"}, "应填整数"),
        ({"packs": "sme_payment"}, "交付、验收合格或者结算之日"),
    ],
)
def test_what_cannot_be_judged_comes_back_with_its_reason_and_what_was_typed(
    browser: Browsers, changes: Mapping[str, str], says: str
) -> None:
    status, _, shown = sent(browser("zhao"), **changes)
    assert status == 422 and says in shown
    assert "数据中心一期" in shown and 'role="alert"' in shown


def test_posted_twice_it_is_one_request(browser: Browsers) -> None:
    page, command = browser("zhao"), str(uuid4())
    assert sent(page, command)[1] == sent(page, command)[1]


def test_for_another_department_nobody_asks_even_by_hand(browser: Browsers) -> None:
    status, _, shown = sent(browser("zhao"), department="zrzy")
    assert status == 403 and "付款部门" in shown
    offered = browser("zhao").get("/payments/new").text
    assert 'value="zjj"' in offered and 'value="zrzy"' not in offered


def test_each_sees_the_requests_of_their_own_departments(browser: Browsers) -> None:
    page = browser("zhao")
    _, there, _ = sent(page, project="只有住建看得见")
    for login, sees in (("zhao", True), ("zhou", True), ("wu", True), ("feng", True),
                        ("qian", False)):  # fmt: skip
        one = browser(login)
        assert ("只有住建看得见" in one.get("/payments").text) is sees, login
        assert one.get(there).status_code == (200 if sees else 404), login
    for login in ("chen", "sysadmin", "editor"):
        assert browser(login).get("/payments").status_code == 403, login
    assert browser("wu").get("/payments/new").status_code == 403


def test_the_list_tells_stopped_ones_apart(browser: Browsers) -> None:
    page = browser("zhao")
    sent(page, project="可付的", amount="1")
    sent(page, project="停付的", amount="100,000.01")
    stopped, payable = (page.get(f"/payments?outcome={o}").text for o in ("stopped", "may_pay"))
    assert "停付的" in stopped and "可付的" not in stopped
    assert "可付的" in payable and "停付的" not in payable
    assert page.get("/payments?page=x&outcome=nothing").status_code == 200


# --- REST ----------------------------------------------------------------------------------------


@pytest.fixture
def service(town: Town, browser: Browsers) -> TestClient:
    token = town.accounts.create_account(
        f"s{uuid4().hex[:8]}", "财务系统", "zjj", at=datetime.now(UTC), by="system",
        kind="service", grants=(Grant(role="service_intake", department="zjj"),),
    )[1]  # fmt: skip
    return TestClient(town.app(), base_url=ADDRESS, headers={"authorization": f"Bearer {token}"})


def test_a_system_asks_over_rest_and_reads_the_answer(service: TestClient) -> None:
    key = {"idempotency-key": str(uuid4())}
    asked = body(department="zjj", amount_fen=100_000_01)
    made = service.post("/api/v1/payments", json=asked, headers=key)
    assert made.status_code == 201, made.text
    said = made.json()
    assert said["verdict"]["outcome"] == "stopped"
    assert said["verdict"]["stops"][0]["basis"] == "YCYX-12"
    again = service.post("/api/v1/payments", json=asked, headers=key)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["payment"] == said["payment"]
    read = service.get(made.headers["location"]).json()
    assert read["number"] == said["number"] and read["body"]["amount_fen"] == 100_000_01
    assert service.get(f"/api/v1/payments/{uuid4()}").status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "pointer"),
    [
        ({"amount_fen": -1}, 422, "#/amount_fen"),
        ({"amount_fen": 1.5}, 422, "#/amount_fen"),
        ({"amount_fen": 10**30}, 422, "#/amount_fen"),
        ({"currency": "USD"}, 422, "#/currency"),
        ({"more": 1}, 422, "#/more"),
        ({"facts": {"fund": {**FUND, "allotted_fen": -1}}}, 422, "#/facts/fund/allotted_fen"),
        ({"facts": {"nothing": {"a": 1}}}, 422, "#/facts/nothing"),
        ({"department": "zrzy"}, 403, ""),
    ],
)
def test_a_wrong_request_is_a_problem_at_its_place(
    service: TestClient, changes: Mapping[str, object], status: int, pointer: str
) -> None:
    asked = body(**({"department": "zjj"} | dict(changes)))
    key = {"idempotency-key": str(uuid4())}
    answer = service.post("/api/v1/payments", json=asked, headers=key)
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert problem["type"].startswith("urn:yichuang:problem:")
    assert not pointer or problem["errors"][0]["pointer"] == pointer


def test_without_a_key_or_with_a_number_that_is_none_nothing_is_asked(service: TestClient) -> None:
    assert service.post("/api/v1/payments", json=body(department="zjj")).status_code == 400
    key = {"idempotency-key": str(uuid4()), "content-type": "application/json"}
    nan = '{"amount_fen": NaN}'
    assert service.post("/api/v1/payments", content=nan, headers=key).status_code == 400
