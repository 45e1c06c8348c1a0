"""A project from its template to the money, and onto the leading group's dashboard, in Chromium.

The office's clerk builds it, is refused a payment with the reason and its article, brings what was
lacking, and three people release the money, each with a sign-in of their own. Everything is real,
the whole city with Temporal, NATS, the stores, worker and signer; every act is a form that a link
led to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.chaos.city import City
from tests.e2e.test_construction_permit import (  # noqa: F401 -- a fixture
    CHROMIUM,
    Office,
    _type,
    chromium,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）"),
]

TITLE = "滨江路智慧灯杆改造"
PAYEE = "云川建设有限公司"
PAPER: FilePayload = {
    "name": "合同.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 contract",
}  # fmt: skip
LEFT_OUT = ("proposal", "feasibility", "tender", "acceptance", "settlement", "delivery")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with City(tmp_path_factory.mktemp("money") / "var") as city:
        city.start()
        yield city


def send(page: Page, **typed: str) -> None:
    """Fill the form that is open and send it."""
    form = page.locator("main form[method=post]")
    for name, value in typed.items():
        _type(form, name, value)
    form.locator("button[type=submit]").click()


def done(page: Page) -> None:
    faults = page.locator(".errors")
    assert not faults.count(), faults.inner_text()


def to_milestone(page: Page, project: str, milestone: str, verb: str) -> None:
    """Go from the project's page to the form of an order to one of its milestones."""
    page.goto(project)
    page.locator(f"#m-{milestone} a[href*='/do/{verb}']").click()


def prove(page: Page, project: str, milestone: str) -> None:
    """Upload the paper that the milestone still lacks; its name stands in the form already."""
    to_milestone(page, project, milestone, "add_evidence")
    page.locator("#f-attach").set_input_files(PAPER)
    send(page)
    done(page)


def built(office: Office) -> str:
    """立项 from a template; return the address of the project's page."""
    page = office.desk("xiangmu1")
    page.goto("/projects")
    page.get_by_role("link", name="立项").click()
    page.get_by_role("link", name="政府投资项目").click()
    for step in LEFT_OUT:
        page.locator(f'[name="leaves_out"][value="{step}"]').check()
    send(page, title=TITLE, sector="城市照明", feasibility_fen="900000")
    done(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(TITLE)
    return page.url.partition("?")[0]


def funded(office: Office) -> None:
    """设立 the fund, 下达 its allotment, 登记 the contract, each chosen by name."""
    page = office.desk("caizheng1")
    page.goto("/fund")
    page.locator('a[href="/fund/open"]').click()
    send(page, title="云川市智慧城市专项基金", limit_fen="500,000,000")
    done(page)
    page.locator('a[href="/fund/allotments/new"]').click()
    _named(page, "#f-project")
    send(page, department="zxb", amount_fen="800000", document="云财指〔2026〕1号")
    done(page)
    page = office.desk("xiangmu1")
    page.goto("/fund")
    page.locator('a[href="/fund/contracts/new"]').click()
    _named(page, "#f-project")
    send(
        page, department="zxb", number="云合〔2026〕1号", title="灯杆改造总承包", payee=PAYEE,
        payee_code="91440300708461136T", amount_fen="600000", retention_bp="3", sme="no",
        linked="no", signed_on=datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat(),
    )  # fmt: skip
    done(page)


def _named(page: Page, field: str) -> None:
    """Choose the project by the name that the list shows."""
    options = page.locator(f"{field} option", has_text=TITLE)
    value = options.get_attribute("value")
    assert value
    page.locator(field).select_option(value)


def ask(page: Page) -> None:
    """Open the form of a payment from its contract and send it."""
    page.goto("/payments")
    page.get_by_role("link", name="提出付费申请").click()
    page.get_by_role("link", name="灯杆改造总承包").click()
    expect(page.locator("#f-payee")).to_have_value(PAYEE)
    send(page, milestone="contract", amount="100000", purpose="合同预付款")


def test_a_refused_payment_is_mended_and_three_people_release_it(
    city: City,
    chromium: Browser,  # noqa: F811
) -> None:
    office = Office(city, chromium)
    clerk = office.desk("xiangmu1")
    project = built(office)
    funded(office)

    # too early: refused with the reason and its article; nothing of it is kept
    ask(clerk)
    refusal = clerk.locator(".errors")
    expect(refusal).to_contain_text("里程碑「签订合同」尚未完成，不得付费（")
    expect(clerk.locator("#f-milestone-fault")).to_be_visible()
    clerk.goto("/payments")
    assert "没有这样的付费申请" in clerk.locator("main").inner_text()

    # mended: the design's gate by two people, then the contract with its paper
    prove(clerk, project, "estimate")
    for login in ("fagai1", "fagai2"):
        page = office.desk(login)
        to_milestone(page, project, "estimate", "pass_gate")
        send(page, opinion="同意")
        done(page)
    to_milestone(clerk, project, "estimate", "achieve")
    send(clerk)
    done(clerk)
    prove(clerk, project, "contract")
    to_milestone(clerk, project, "contract", "achieve")
    send(clerk)
    done(clerk)
    paper = clerk.locator("#m-contract").get_by_role("link", name="合同")
    assert clerk.request.get(paper.get_attribute("href") or "").body() == PAPER["buffer"]

    # asked again, reviewed and paid: three people
    ask(clerk)
    done(clerk)
    payment = clerk.url
    assert re.search(r"/payments/[\w-]+$", payment)
    expect(clerk.locator("main")).to_contain_text("签订合同")
    expect(clerk.get_by_role("link", name="审核付费申请")).to_have_count(0)
    for login, words, typed in (
        ("caizheng1", "审核付费申请", {"opinion": "佐证齐全，同意"}),
        ("guoku1", "国库支付", {"voucher": "国库-2026-1"}),
    ):
        page = office.desk(login)
        page.goto("/payments")
        page.locator("table a").first.click()
        page.get_by_role("link", name=words).click()
        send(page, **typed)
        done(page)
    expect(page.locator("main")).to_contain_text("已支付")

    # the leader sees it, and what lies behind
    leader = office.desk("lingdao1")
    leader.get_by_role("link", name="领导小组一览").click()
    expect(leader.locator("main")).to_contain_text("97,000.00")  # less the retention of 3 %
    leader.get_by_role("link", name="全部项目").click()
    row = leader.locator("tr", has_text=TITLE)
    expect(row).to_contain_text("97,000.00 / 800,000.00")
    row.get_by_role("link").first.click()
    expect(leader.get_by_role("heading", level=1)).to_have_text(TITLE)


def test_the_log_of_it_verifies_and_the_sums_are_its_own(city: City) -> None:
    verified = city.answer("audit", "verify")
    assert (verified["exit_code"], verified["wrong_rows"]) == (0, 0), verified
    assert city.command("fund", "verify").returncode == 0
