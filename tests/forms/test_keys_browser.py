"""The queue in a real Chromium: by keys alone, with the keys off, without scripts, narrow."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.forms.test_browser import (  # noqa: F401 -- fixtures
    CHROMIUM,
    Opener,
    address,
    chromium,
    opened,
)
from tests.forms.test_case import accepted
from tests.forms.town import Town

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）"),
]


@pytest.fixture(scope="module")
def numbers(town: Town) -> list[str]:
    return [accepted(town)[0] for _ in range(3)]


def test_rows_are_chosen_ticked_and_claimed_by_keys_alone(
    opened: Opener,  # noqa: F811
    numbers: list[str],
) -> None:
    page = opened("zhao")
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page).to_have_url(re.compile("/team$"))
    page.wait_for_load_state("domcontentloaded")  # until then no script hears a key
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("tr.case.chosen")).to_have_count(1)
    expect(page.locator("tr.case input:checked")).to_have_count(2)
    button = page.locator("#bulk").get_by_role("button", name="签收")
    button.focus()
    page.keyboard.press("Enter")
    confirm = page.get_by_role("button", name="签收 2 个任务")
    confirm.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已办 2")
    page.wait_for_load_state("domcontentloaded")
    page.keyboard.press("g")
    page.keyboard.press("i")
    expect(page.get_by_role("heading", level=1)).to_have_text("待办")
    page.wait_for_load_state("domcontentloaded")
    page.keyboard.press("j")
    number = page.locator("tr.chosen td.number a").first.inner_text()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/cases/{number}$"))


def test_keys_rest_in_a_field_and_slash_leads_to_it(
    opened: Opener,  # noqa: F811
    numbers: list[str],
) -> None:
    page = opened("chen")
    page.goto("/cases")
    page.keyboard.press("/")
    expect(page.locator("#q-text")).to_be_focused()
    page.keyboard.type("jxg?")
    expect(page.locator("#q-text")).to_have_value("jxg?")
    expect(page.locator("tr.chosen")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="快捷键")).to_be_visible()


def test_switched_off_no_page_takes_a_key(opened: Opener, numbers: list[str]) -> None:  # noqa: F811
    page = opened("qian")
    page.goto("/preferences")
    page.get_by_role("group", name="单键快捷键").get_by_label("关").check()
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("status")).to_contain_text("已保存")
    page.goto("/team")
    for key in ("j", "x", "/", "?"):
        page.keyboard.press(key)
    expect(page.locator("tr.chosen, tr.case input:checked")).to_have_count(0)
    expect(page).to_have_url(re.compile("/team$"))


@pytest.mark.parametrize("width", [390, 1366])
def test_the_queue_and_its_dry_run_stick_out_nowhere_and_need_no_script(
    opened: Opener,  # noqa: F811
    numbers: list[str],
    width: int,
) -> None:
    page = opened("zhou", width=width, scripts=False)

    def sticks_out() -> bool:
        return page.locator("html").evaluate("one => one.scrollWidth > one.clientWidth") is True

    page.goto("/cases?stage=review")
    page.locator("input[name=whole]").check()
    page.locator("#bulk").get_by_role("button", name="催办").click()
    page.get_by_label("催办内容").fill("请抓紧办理")
    page.get_by_role("button", name="下一步").click()
    expect(page.get_by_role("status")).to_contain_text("什么都还没有改变")
    page.get_by_role("button", name=re.compile("发送催办，共 3 件")).click()
    expect(page.get_by_role("status")).to_contain_text("已办 3")
    page.reload()
    expect(page.get_by_role("status")).to_contain_text("此前已办，未重复 3")
    for path in ("/", "/team", "/cases?stage=review", "/bulk", "/filters", "/preferences"):
        page.goto(path)
        assert not sticks_out(), path


def test_filtering_changes_the_list_alone_is_announced_and_goes_back(
    opened: Opener,  # noqa: F811
    numbers: list[str],
) -> None:
    page = opened("li")
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto("/cases")
    page.evaluate("window.same = true")
    page.get_by_label("环节").select_option("review")
    page.get_by_role("button", name="筛选", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/cases\?stage=review$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("审查")
    expect(page.locator("#found")).to_contain_text("共 3 件")
    expect(page.locator("#side a[aria-current]")).to_contain_text("审查")
    page.get_by_role("link", name=re.compile("^超期")).click()
    expect(page).to_have_url(re.compile(r"stage=review&state=overdue$"))
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.get_by_text("没有符合筛选条件的办件")).to_be_visible()
    assert page.evaluate("window.same")
    page.go_back()
    expect(page.locator("tr.case")).to_have_count(3)
    page.locator("#q-text").fill(numbers[0])  # a number leads to its case: a page of its own
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/cases/{numbers[0]}$"))
    assert complaints == []


def test_numbers_keep_up_and_rows_stay_until_they_are_asked_for(
    opened: Opener,  # noqa: F811
    numbers: list[str],
    town: Town,
) -> None:
    page = opened("sun")
    page.clock.install()
    page.goto("/team")
    before = page.locator("tr.case").count()
    accepted(town)
    page.clock.run_for(31_000)
    expect(page.locator('#side a[href="/team"]')).to_contain_text(f"({before + 1})")
    expect(page.locator("tr.case")).to_have_count(before)
    page.get_by_role("link", name="列表已有变化，点此刷新").click()
    expect(page.locator("tr.case")).to_have_count(before + 1)


def test_the_queue_in_english_sticks_out_nowhere(
    opened: Opener,  # noqa: F811
    numbers: list[str],
) -> None:
    page = opened("zhou")
    page.goto("/language/en?next=/team")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert not page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
