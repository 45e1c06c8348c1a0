"""Money on pages: three people release it, who may not is not offered it, the reason of each no."""

from __future__ import annotations

import hashlib
import html
import re
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from cases import fund as f
from cases import fund_rows, payment_rows
from cases.payment_turns import WAITED_FOR, waits_for
from forms.fund import journal_csv
from forms.fund_charts import money_curve_svg
from tests.forms.conftest import Browser, Browsers
from tests.forms.project_rows import Maker
from tests.forms.town import Town

CODE = "91440300708461136T"


def sent(page: Browser, path: str, **typed: str) -> Any:
    form = {"step": "confirmed"} | typed | {"csrf": page.token(path), "command": str(uuid4())}
    return page.post(path, data=form, follow_redirects=False)


def did(page: Browser, path: str, **typed: str) -> str:
    answer = sent(page, path, **typed)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


@pytest.fixture
def project() -> str:
    """A project of this test's own: the fund is the town's."""
    return f"P-{uuid4().hex[:8]}"


@pytest.fixture
def contract(browser: Browsers, town: Town, project: str) -> str:
    """A contract of the project, with money allotted; its id."""
    reviewer, clerk = browser("shenhe"), browser("xiangmu")
    if not town.ports.fund.view(town.actor("shenhe")).title:
        did(reviewer, "/fund/open", title="云川专项基金", limit_fen="500,000,000")
    did(
        reviewer, "/fund/allotments/new", project=project, department="zjj", budget_year="2026",
        amount_fen="1000000", document="云财〔2026〕1号",
    )  # fmt: skip
    did(
        clerk, "/fund/contracts/new", project=project, department="zjj", number=f"HT-{project}",
        title="数据中心一期", payee="云川建设有限公司", payee_code=CODE, amount_fen="800000",
        retention_bp="3", sme="no", linked="no", signed_on="2026-01-05",
    )  # fmt: skip
    found = town.ports.fund.contracts(town.actor("xiangmu"))
    return next(one.id for one in found if one.project == project)


def asked(page: Browser, project: str, contract: str, **changes: str) -> Any:
    form = {
        "department": "zjj", "project": project, "purpose": "进度款", "payee": "云川建设有限公司",
        "payee_code": CODE, "amount": "100000", "budget_year": "2026", "contract": contract,
        "milestone": "done",
    } | changes  # fmt: skip
    return sent(page, "/payments/new", **form)


def test_a_clerk_is_refused_mends_it_and_three_people_release_the_money(
    browser: Browsers, project: str, contract: str, town: Town
) -> None:
    clerk, reviewer, payer = browser("xiangmu"), browser("shenhe"), browser("guoku")
    town.projects.milestones["later"] = f.MilestoneSeen("竣工", None, 0)
    no = asked(clerk, project, contract, milestone="later")
    assert no.status_code == 422
    assert (
        "里程碑「竣工」尚未完成，不得付费（" in no.text
        and "云川市城市运行监测与处置办法" in no.text
    )
    there = str(asked(clerk, project, contract).headers["location"])

    def listed() -> str:
        row = re.search(rf'<a href="{there}">.*?</tr>', clerk.get("/payments").text)
        assert row
        return row[0]

    assert "已申请" in listed()
    shown = clerk.get(there).text
    assert "已申请" in shown and f"HT-{project}" in shown and f"{there}/review" not in shown
    assert f"{there}/pay" not in reviewer.get(there).text
    did(reviewer, f"{there}/review", opinion="佐证齐全")
    assert "已审核" in listed()
    assert f"{there}/review" not in reviewer.get(there).text
    did(payer, f"{there}/pay", voucher="GK-1")
    assert "已支付" in listed() and "已审核" not in listed()
    shown = clerk.get(there).text
    for part in ("已支付", "付费审核", "佐证齐全", "国库支付", "GK-1"):
        assert part in shown, part
    whole = reviewer.get("/fund").text
    for part in ("云川专项基金", "500,000,000.00", "1,000,000.00", "97,000.00", "3,000.00", "<svg"):
        assert part in whole, part
    one = reviewer.get("/fund/projects/" + project).text
    assert there in one and "已支付" in one and "云财〔2026〕1号" in one
    book = reviewer.get("/fund/journal").text
    assert "借贷平衡" in book and "质保金" in book and "账不平" not in book


def test_each_finds_what_waits_for_them_and_it_goes_once_they_have_done_it(
    browser: Browsers, project: str, contract: str, town: Town
) -> None:
    clerk, reviewer, payer = browser("xiangmu"), browser("shenhe"), browser("guoku")
    there = str(asked(clerk, project, contract).headers["location"])
    more = {"packs": "sme_payment", "f.sme_payment.payer": "organ", "delivered_on": "2026-01-05"}
    bare = asked(clerk, project, "", milestone="", **more).headers["location"]

    def waits(page: Browser) -> tuple[bool, int]:
        shown = page.get("/payments?turn=mine&outcome=stopped").text
        found = re.search(r'aria-current="true">待我办理 \((\d+)\)', shown)
        assert found and bare not in shown
        assert f"待我办理 ({found[1]})" in page.get("/payments").text or page is clerk
        return f'href="{there}"' in shown, int(found[1])

    (here, n), (later, m) = waits(reviewer), waits(payer)
    assert here and n >= 1 and not later
    assert waits(clerk) == (False, 0) and "待我办理" not in clerk.get("/payments").text
    did(reviewer, f"{there}/review", opinion="佐证齐全")
    assert waits(reviewer) == (False, n - 1) and waits(payer) == (True, m + 1)
    did(payer, f"{there}/pay", voucher="GK-9")
    assert waits(payer) == (False, m) and waits(reviewer) == (False, n - 1)
    other = str(asked(clerk, project, contract, amount="100").headers["location"])
    assert waits(reviewer)[1] == n
    for login, turn in (("xiangmu", False), ("guoku", True)):  # once a hand in it, no other
        which = waits_for(town.actor(login).id, dict.fromkeys(WAITED_FOR, ("zjj",)))
        with town.cases.connect() as connection:
            found, _ = payment_rows.waiting(connection, ["zjj"], which, 1)
        assert (other.removeprefix("/payments/") in {one.id for one in found}) is turn
    did(reviewer, f"{other}/return", reason="发票不符")
    assert waits(reviewer)[1] == n - 1
    beyond = {
        "packs": "fund", "paid_before": "0", "f.fund.allotted_yuan": "1",
        "f.fund.allotted_total_yuan": "400000000", "f.fund.fund_total_yuan": "500000000",
    }  # fmt: skip
    stopped = asked(clerk, project, "", milestone="", **beyond).headers["location"]
    assert "停付" in clerk.get(stopped).text and waits(reviewer)[1] == n - 1
    with town.cases.begin() as connection:  # stopped, and on a contract: it can only be returned
        fund_rows.claim(connection, stopped.removeprefix("/payments/"), contract, "done")
    assert f'href="{stopped}"' in reviewer.get("/payments?turn=mine").text
    assert f'href="{stopped}"' not in payer.get("/payments?turn=mine").text


def test_what_policy_or_the_caps_forbid_is_not_done(
    browser: Browsers, project: str, contract: str, town: Town
) -> None:
    clerk, reviewer, payer = browser("xiangmu"), browser("shenhe"), browser("guoku")
    there = str(asked(clerk, project, contract).headers["location"])
    assert clerk.get(f"{there}/review").status_code == 403
    assert payer.get(f"{there}/review").status_code == 403
    early = sent(payer, f"{there}/pay", voucher="1")
    assert early.status_code == 422 and "不能支付" in early.text
    beyond = asked(clerk, project, contract, amount="800000.01")
    assert beyond.status_code == 422 and "超出合同余额 800,000.00 元" in beyond.text
    clerk.get("/language/en?next=/sign-in")
    beyond = asked(clerk, project, contract, amount="800000.01")
    assert beyond.status_code == 422 and "超出合同余额" not in beyond.text
    assert "More than is left of the contract: 800,000.00 yuan" in beyond.text
    clerk.get("/language/zh?next=/sign-in")
    for path in ("/fund", "/fund/journal", "/fund/journal.csv", f"/fund/projects/{project}"):
        assert browser("zhao").get(path).status_code == 403
    assert reviewer.get("/fund/projects/no-such").status_code == 404
    assert reviewer.get("/payments/no-such/review").status_code == 404
    larger = sent(
        reviewer, "/fund/allotments/new", project=project, department="zjj", budget_year="2026",
        amount_fen="499000000.01", document="x",
    )  # fmt: skip
    assert larger.status_code == 422 and "指标合计超出基金总额" in larger.text
    found = town.ports.fund.project(town.actor("feng"), project)
    assert found is not None and found.money.sums.allotted_fen == 100_000_000


@pytest.mark.parametrize("typed", ["1.001", "abc", "1e9", "", "--1"])
def test_a_sum_that_is_none_comes_back_beside_its_field(browser: Browsers, typed: str) -> None:
    answer = sent(browser("shenhe"), "/fund/open", title="x", limit_fen=typed)
    assert answer.status_code == 422 and 'role="alert"' in answer.text


def test_the_journal_is_handed_out_with_its_digest(
    browser: Browsers, project: str, contract: str
) -> None:
    answer = browser("shenhe").get("/fund/journal.csv")
    lines = answer.text.removeprefix("\ufeff").split("\r\n")
    assert lines[-2].startswith("SHA-256,") and lines[-1] == ""
    above = answer.text.removeprefix("\ufeff").partition("SHA-256,")[0]
    assert hashlib.sha256(above.encode()).hexdigest() in lines[-2]
    assert any(re.search(rf",{project},.*,可用指标,100000000,0$", line) for line in lines)
    assert "".join(journal_csv(())).count("\r\n") == 2


def command_of(shown: str) -> str:
    found = re.search(r'name="command" value="([^"]+)"', shown)
    assert found
    return found[1]


def test_what_is_mended_after_a_refusal_goes_out_under_a_new_id(
    browser: Browsers, project: str, contract: str
) -> None:
    clerk, reviewer = browser("xiangmu"), browser("shenhe")
    key = str(uuid4())
    form = {
        "department": "zjj", "project": project, "purpose": "进度款", "payee": "云川建设有限公司",
        "payee_code": CODE, "amount": "1.001", "budget_year": "2026", "contract": contract,
        "milestone": "done", "csrf": clerk.token("/payments/new"), "command": key,
    }  # fmt: skip
    unread = clerk.post("/payments/new", data=form)
    assert unread.status_code == 422 and command_of(unread.text) == key
    refused = clerk.post("/payments/new", data=form | {"amount": "800000.01"})
    mended = command_of(refused.text)
    assert refused.status_code == 422 and mended != key
    done = clerk.post(
        "/payments/new", data=form | {"amount": "1", "command": mended}, follow_redirects=False
    )
    assert done.status_code == 303
    form = {
        "project": project, "department": "zjj", "budget_year": "2026", "document": "x",
        "amount_fen": "499999999.99", "csrf": reviewer.token("/fund/allotments/new"),
        "command": key + "a",
    }  # fmt: skip
    no = reviewer.post("/fund/allotments/new", data=form)
    assert no.status_code == 422 and command_of(no.text) != key + "a"


def test_money_is_planned_by_the_milestones_that_pay(browser: Browsers, town: Town) -> None:
    state = Maker(town.cases, date(2026, 11, 27)).project(f"曲线 {uuid4()}")
    days = [one.plan_on for one in state.milestones if one.pays]
    assert len(days) > 2
    clerk = browser("xiangmu")
    did(
        clerk, "/fund/contracts/new", project=state.project_id, department="zjj",
        number=f"HT-{state.project_id}", title="施工", payee="云川建设有限公司", payee_code=CODE,
        amount_fen="100000", retention_bp="0", sme="no", linked="no", signed_on="2026-01-05",
    )  # fmt: skip
    found = town.ports.fund.project(town.actor("shenhe"), state.project_id)
    assert found is not None
    planned = {one.month: one.planned_fen for one in found.curve}
    assert planned[min(days).replace(day=1)] == 100_000_00 // len(days)
    assert found.curve[-1].planned_fen == 100_000_00
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
    assert found.curve[-1].month == max(*days, today).replace(day=1)
    shown = browser("shenhe").get(f"/fund/projects/{state.project_id}").text
    assert "按里程碑计划" in shown and "<svg" in shown


def test_a_late_payment_shows_what_waiting_has_cost_by_today(
    browser: Browsers, project: str, contract: str
) -> None:
    clerk = browser("xiangmu")
    did(
        clerk, "/fund/contracts/new", project=project, department="zjj", number=f"ZX-{project}",
        title="小厂供货", payee="云川建设有限公司", payee_code=CODE, amount_fen="100000",
        retention_bp="3", sme="yes", linked="no", signed_on="2026-01-05",
    )  # fmt: skip
    shown = clerk.get("/payments/new").text
    small = re.search(rf'<option value="([^"]+)"[^>]*>ZX-{project}', shown)
    assert small
    first = asked(clerk, project, contract, amount="100").headers["location"]
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
    for days, late in ((30, False), (32, True)):
        there = asked(
            clerk, project, small[1], amount="1000",
            delivered_on=(today - timedelta(days=days)).isoformat(),
        ).headers["location"]  # fmt: skip
        shown = clerk.get(there).text
        assert ("截至今日" in shown) is late
    said = r"截至今日</dt>.*逾期 2 日.*应付逾期利息 .*>0\.97 元.*质保金不计息.*支付条例.*第十七条"
    assert re.search(said, shown)
    waiting = browser("shenhe").get("/payments?turn=mine").text
    assert waiting.index(f'href="{there}"') < waiting.index(f'href="{first}"')  # due comes first


def test_the_curve_has_a_point_for_each_month_and_nothing_without() -> None:
    assert money_curve_svg([], [], []) == ""
    months = [date(2026, 1 + n, 1) for n in range(3)]
    picture = money_curve_svg(months, [0, 10**9, 10**9], [0, 0, 5 * 10**8], unit="万元")
    assert picture.startswith("<svg") and "2026-03" in picture and "万元" in picture


def test_the_pages_are_there_in_english(browser: Browsers, project: str, contract: str) -> None:
    page = browser("shenhe")
    page.get("/language/en")
    for path in ("/fund", "/fund/journal", f"/fund/projects/{project}", "/fund/allotments/new"):
        shown = page.get(path).text
        assert not re.search(r"\{|%\(", shown) and "Special fund" in shown, path


# --- what is for good is asked once more ---------------------------------------------------------


def allotment(page: Browser, project: str, amount: str = "1234.5") -> dict[str, str]:
    return {
        "project": project, "department": "zjj", "budget_year": "2026", "amount_fen": amount,
        "document": "云财〔2026〕9号", "csrf": page.token("/fund/allotments/new"),
        "command": str(uuid4()),
    }  # fmt: skip


def shown_of(text: str) -> str:
    found = re.search(r'name="shown" value="([^"]*)"', text)
    assert found
    return html.unescape(found[1])


def booked(town: Town, project: str) -> int:
    found = town.ports.fund.project(town.actor("feng"), project)
    assert found is not None
    return found.money.sums.allotted_fen


@pytest.mark.usefixtures("contract")
def test_an_allotment_is_asked_once_more_with_what_it_changes(
    browser: Browsers, project: str, town: Town
) -> None:
    page, path = browser("shenhe"), "/fund/allotments/new"
    form = allotment(page, project)
    asked = page.post(path, data=form, follow_redirects=False)
    assert asked.status_code == 200 and "请核对" in asked.text
    for words in (
        "1,000,000.00 元",
        "1,001,234.50 元",
        "云财〔2026〕9号",
        "autofocus>下达指标 1,234.50",
        "<dd>1,234.50 元</dd>",
    ):
        assert words in asked.text, words
    assert booked(town, project) == 100_000_000, "nothing is done by asking"
    back = page.post(path, data=form | {"step": "back"})
    assert 'value="1234.5"' in back.text and "云财〔2026〕9号" in back.text
    sure = form | {"step": "confirmed", "shown": shown_of(asked.text)}
    there = [page.post(path, data=sure, follow_redirects=False).headers["location"]
             for _ in range(2)]  # fmt: skip
    assert there == ["/fund", "/fund"] and booked(town, project) == 100_123_450


@pytest.mark.usefixtures("contract")
def test_what_somebody_booked_meanwhile_is_told_before_it_is_done(
    browser: Browsers, project: str, town: Town
) -> None:
    page, path = browser("shenhe"), "/fund/allotments/new"
    form = allotment(page, project)
    asked = page.post(path, data=form)
    did(browser("shenhe"), path, **allotment(page, project, "100"))
    late = page.post(path, data=form | {"step": "confirmed", "shown": shown_of(asked.text)})
    assert late.status_code == 409 and "情况有变" in late.text
    assert "<del>1,000,000.00 元</del> → <strong>1,000,100.00 元</strong>" in late.text
    assert "autofocus>下达指标" not in late.text, "Enter reads first"
    assert booked(town, project) == 100_010_000
    sure = form | {"step": "confirmed", "shown": shown_of(late.text)}
    assert page.post(path, data=sure, follow_redirects=False).status_code == 303
    assert booked(town, project) == 100_133_450


@pytest.mark.parametrize("junk", ["{", "[[1]]", "7", '{"a": 1}', "[" * 5000])
@pytest.mark.usefixtures("contract")
def test_whatever_comes_back_as_shown_breaks_nothing(
    browser: Browsers, project: str, junk: str
) -> None:
    page = browser("shenhe")
    form = allotment(page, project) | {"step": "confirmed", "shown": junk}
    answer = page.post("/fund/allotments/new", data=form, follow_redirects=False)
    assert answer.status_code == 303


def test_a_payment_says_to_whom_it_goes_and_what_is_kept_back(
    browser: Browsers, project: str, contract: str
) -> None:
    there = str(asked(browser("xiangmu"), project, contract).headers["location"])
    did(browser("shenhe"), f"{there}/review", opinion="佐证齐全")
    payer = browser("guoku")
    page = sent(payer, f"{there}/pay", voucher="GK-7", step="")
    assert page.status_code == 200
    for words in ("向收款单位支付 97,000.00 元", "云川建设有限公司", CODE, "预留质保金 3,000.00 元",
                  "已审核", "GK-7", "第十二条"):  # fmt: skip
        assert words in page.text, words
    assert "国库支付" in payer.get(there).text, "nothing is done by asking"
    did(payer, f"{there}/pay", voucher="GK-7")
    mine = sent(payer, f"{there}/reverse", reason="付错", step="")
    assert mine.status_code in (200, 403, 404, 422)
    undone = sent(browser("shenhe"), f"{there}/reverse", reason="付错", step="")
    assert "冲正这笔 100,000.00 元的付费" in undone.text and "已冲正" in undone.text
    assert "云川建设有限公司" in undone.text, "to whom it went"
