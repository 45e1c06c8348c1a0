"""The page before what is for good, in a real browser: Enter does it, axe finds nothing, and what
somebody did meanwhile is read first; with scripts and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from tests.forms.conftest import Browsers
from tests.forms.crawling import Look
from tests.forms.entering import sign_in_by_browser
from tests.forms.test_browser import address as address
from tests.forms.test_browser import chromium as chromium
from tests.forms.test_browser import pytestmark as pytestmark
from tests.forms.test_fund import contract as contract
from tests.forms.test_fund import did
from tests.forms.test_fund import project as project
from tests.forms.town import Town


def allotted(page: Page, project: str) -> None:
    """Fill an allotment and send it: the page before it is shown."""
    page.goto(f"/fund/allotments/new?project={project}")
    page.get_by_label("实施机构").select_option("zjj")
    page.get_by_label("预算年度").fill("2026")
    page.get_by_label("金额").fill("1234.5")
    page.get_by_label("指标文号").fill("云财〔2026〕12号")
    page.get_by_role("main").get_by_role("button", name="下达、调减指标").click()
    expect(page.get_by_role("heading", name="请核对")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.usefixtures("contract")
def test_enter_does_what_the_button_says_once_what_changed_was_read(
    town: Town, chromium: Chromium, address: str, browser: Browsers, project: str, scripts: bool
) -> None:
    context = chromium.new_context(
        base_url=address, viewport={"width": 1366, "height": 768}, java_script_enabled=scripts,
        reduced_motion="reduce",
    )  # fmt: skip
    page, look = context.new_page(), Look()
    page.on("console", look.heard)
    sign_in_by_browser(page, town, "shenhe")
    allotted(page, project)
    sure = page.get_by_role("button", name="下达指标 1,234.50 元")
    expect(sure).to_be_focused()
    did(
        browser("shenhe"), "/fund/allotments/new", project=project, department="zjj",
        budget_year="2026", amount_fen="100", document="云财〔2026〕13号",
    )  # fmt: skip
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("1,000,000.00 元 → 1,000,100.00 元")
    expect(sure).not_to_be_focused()
    if scripts:
        look.judge(page, page.url)
        told = [one for one in look.said if "409" not in one]  # the answer's own status
        assert not look.faults and not look.wide and not told
    sure.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/fund")
    found = town.ports.fund.project(town.actor("feng"), project)
    assert found is not None and found.money.sums.allotted_fen == 100_133_450
    context.close()
