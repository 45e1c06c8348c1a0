"""The designer's desk in a real browser: with the mouse, and without scripts, to the end."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from tests.forms.entering import sign_in_by_browser
from tests.forms.test_browser import address as address
from tests.forms.test_browser import chromium as chromium
from tests.forms.test_browser import pytestmark as pytestmark
from tests.forms.town import Town


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_editor_drafts_a_version_and_a_signer_signs_it(
    town: Town, chromium: Chromium, address: str, scripts: bool
) -> None:
    page = _page(town, chromium, address, "editor", scripts)
    page.get_by_role("link", name="事项编制").first.click()
    page.get_by_role("button", name="起草新版本 食品经营许可").click()
    page.get_by_role("button", name="加一行：表单字段").click()
    page.wait_for_url("**#row-fields-*")
    row = page.locator("fieldset[id^=row-fields]").last
    row.get_by_label("字段标识").fill("menu")
    row.locator("[name$='.title']").fill("主要菜品")
    row.get_by_label("英文名称").fill("Dishes")
    row.get_by_label("类型").select_option(label="多行文字")
    page.get_by_role("button", name="保存并检查").click()
    expect(page.get_by_text("检查通过，可以提交。")).to_be_visible()
    page.get_by_role("link", name="窗口看到的表单").click()
    expect(page.get_by_text("主要菜品")).to_be_visible()
    page.get_by_role("link", name="返回").click()
    page.get_by_role("button", name="保存，看改了什么并提交").click()
    expect(page.get_by_role("cell", name=re.compile("主要菜品 · 类型"))).to_be_visible()
    page.get_by_role("button", name="提交检查，等待他人签署").click()
    expect(page.get_by_text("须由另一名事项复核签署人签署。")).to_be_visible()
    where = page.url
    signer = _page(town, chromium, address, "signer", scripts)
    signer.goto(where)
    signer.get_by_role("button", name="签署并生效").click()
    expect(signer.get_by_role("heading", name="请核对")).to_be_visible()
    signer.get_by_role("button", name="并使其生效").click()
    expect(signer.locator(".head .tag")).to_have_text("有效")
    made = town.releases.releases[-1]
    assert (made.state, made.signed_by) == ("active", town.actor("signer").id)


def _page(town: Town, chromium: Chromium, address: str, login: str, scripts: bool) -> Page:
    context = chromium.new_context(
        base_url=address, viewport={"width": 1366, "height": 768}, java_script_enabled=scripts
    )
    page = context.new_page()
    sign_in_by_browser(page, town, login)
    return page
