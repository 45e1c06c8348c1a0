"""The board in a real Chromium: live, by keys alone, with an input method, with thousands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.forms.incident_rows import change, made, night, put
from tests.forms.test_browser import (  # noqa: F401 -- fixtures
    CHROMIUM,
    Opener,
    address,
    chromium,
    opened,
)
from tests.forms.test_incident_board import DUTY
from tests.forms.town import Town

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）"),
]


@pytest.fixture(scope="module", autouse=True)
def night_town(town: Town) -> Town:
    town.settle_in("ding", DUTY)
    kinds = list(town.incidents.kinds.values())
    put(town.cases, night(kinds, town.incidents.grid, 2000, datetime.now(UTC)))
    return town


def test_a_red_incident_comes_to_the_top_without_a_reload_and_goes_when_it_is_over(
    opened: Opener,  # noqa: F811
    town: Town,
) -> None:
    page = opened("ding")
    page.goto("/incidents")
    expect(page.locator("#live")).to_have_text("实时")
    expect(page.locator("tr.incident")).to_have_count(50)
    page.evaluate("window.same = true")
    long_ago = datetime.now(UTC) - timedelta(hours=3)
    kind = town.incidents.kinds["gas_leak"]
    one = made(7001, kind, town.incidents.grid, long_ago, level="red")
    put(town.cases, [one])
    first = page.locator("tr.incident").first
    expect(first).to_contain_text(one.number)
    expect(page.locator("tr.incident")).to_have_count(50)
    expect(page.locator("#news li").first).to_contain_text(f"{one.number} 接报")
    expect(page.locator(f"#s-{one.incident_id}")).to_have_count(1)
    over = one.model_copy(update={"seq": 2, "stage": "unfounded", "updated_at": datetime.now(UTC)})
    change(town.cases, over, "verify")
    expect(first).not_to_contain_text(one.number)
    expect(page.locator(f"#s-{one.incident_id}")).to_have_count(0)
    assert page.evaluate("window.same")


def test_a_link_is_followed_though_its_line_changed_while_it_was_pressed(
    opened: Opener,  # noqa: F811
    town: Town,
) -> None:
    page = opened("ding")
    page.goto("/incidents")
    expect(page.locator("#live")).to_have_text("实时")
    kind = town.incidents.kinds["gas_leak"]
    one = made(7003, kind, town.incidents.grid, datetime.now(UTC) - timedelta(hours=4), level="red")
    put(town.cases, [one])
    link = page.locator("tr.incident").first.locator("a.open")
    expect(page.locator("tr.incident").first).to_contain_text(one.number)
    link.hover()
    page.mouse.down()
    known = page.locator("#news li").count()
    later = one.model_copy(update={"seq": 2, "stage": "verified", "updated_at": datetime.now(UTC)})
    change(town.cases, later, "verify")
    page.wait_for_timeout(2500)  # the change has come, and waits
    assert page.locator("#news li").count() == known
    page.mouse.up()
    page.wait_for_url(f"**/incidents/{one.incident_id}")
    over = later.model_copy(update={"seq": 3, "stage": "unfounded"})
    change(town.cases, over, "verify")


def test_a_line_is_chosen_and_an_act_begun_by_keys_alone(opened: Opener) -> None:  # noqa: F811
    page = opened("ding")
    page.goto("/incidents?stage=verified")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("tr.incident").nth(1)).to_have_class("incident lv-red chosen")
    chosen = page.locator("tr.chosen a.open").text_content()
    page.keyboard.press("g")
    page.wait_for_url("**/do/grade*")  # until it is loaded whole: the keys are a script's
    expect(page.get_by_role("heading", level=1)).to_contain_text("研判定级")
    expect(page.locator("aside h2")).to_have_text(chosen or "")
    page.keyboard.press("4")
    expect(page.get_by_label("一般（Ⅳ）")).to_be_checked()
    page.keyboard.press("q")
    expect(page.get_by_role("link", name="返回看板")).to_be_visible()


def test_a_key_that_an_input_method_or_a_field_takes_does_nothing(
    opened: Opener,  # noqa: F811
) -> None:
    page = opened("ding")
    page.goto("/incidents?stage=verified")
    page.evaluate(
        """() => document.dispatchEvent(new KeyboardEvent("keydown",
             {code: "KeyG", key: "Process", isComposing: true, bubbles: true}))"""
    )
    page.locator("#q-level").focus()
    page.keyboard.press("g")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+g")
    assert "/do/" not in page.url
    # A Chinese input method that is on names the key "Process" where nothing is composed.
    page.evaluate(
        """() => document.dispatchEvent(new KeyboardEvent("keydown",
             {code: "KeyJ", key: "Process", bubbles: true}))"""
    )
    expect(page.locator("tr.chosen")).to_have_count(1)


def test_the_keys_can_be_switched_off(opened: Opener) -> None:  # noqa: F811
    page = opened("ding")
    page.goto("/incidents")
    page.keyboard.press("?")
    page.get_by_role("button", name="关闭快捷键").click()
    expect(page.get_by_role("status")).to_contain_text("已保存")
    page.goto("/incidents")
    page.keyboard.press("j")
    expect(page.locator("tr.chosen")).to_have_count(0)
    page.locator("#help summary").click()
    page.get_by_role("button", name="打开快捷键").click()
    expect(page.get_by_role("status")).to_contain_text("已保存")


@pytest.mark.parametrize("width", [1366, 390])
def test_nothing_sticks_out_of_the_board_or_an_incident(
    opened: Opener,  # noqa: F811
    town: Town,
    width: int,
) -> None:
    page = opened("ding", width=width)
    one = made(7002, town.incidents.kinds["fire"], town.incidents.grid, datetime.now(UTC), "graded")
    if town.incidents.known(one.incident_id) is None:
        put(town.cases, [one])
    for path in ("/incidents", f"/incidents/{one.incident_id}",
                 f"/incidents/{one.incident_id}/do/dispatch"):  # fmt: skip
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_without_a_script_the_board_refreshes_itself_and_offers_every_act_as_a_link(
    opened: Opener,  # noqa: F811
) -> None:
    page = opened("ding", scripts=False)
    page.goto("/incidents?stage=reported")
    assert '<meta http-equiv="refresh" content="30">' in page.content()
    page.locator("tr.incident").first.get_by_role("link", name="核实").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("核实")
