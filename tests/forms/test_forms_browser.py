"""Forms in a real Chromium: conditions, rows, drafts that save themselves, files with progress."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from forms.uploading import PIECE
from tests.forms.entering import sign_in_by_browser
from tests.forms.test_browser import ARGUMENTS, CHROMIUM
from tests.forms.town import Town

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）"),
]


@pytest.fixture(scope="module")
def address(town: Town) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        where = f"http://localhost:{listening.getsockname()[1]}"
        app = town.app(where, ["localhost"])
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        until = time.monotonic() + 60
        while not server.started and time.monotonic() < until:
            time.sleep(0.05)
        yield where
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def clerk(chromium: Browser, address: str, town: Town) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, base_url=address)
    page = context.new_page()
    sign_in_by_browser(page, town, "chen")
    yield page
    context.close()


def test_a_field_comes_and_goes_with_what_it_depends_on(clerk: Page) -> None:
    clerk.goto("/new/food-operation")
    web = clerk.locator("#f-form-online_address")
    expect(web).to_be_hidden()
    clerk.locator("#f-form-online_business").check()
    expect(web).to_be_visible()
    web.fill("云川外卖平台")
    clerk.locator("#f-form-online_business").uncheck()
    expect(web).to_be_hidden()
    assert web.is_disabled()
    clerk.locator("#f-form-online_business").check()
    assert web.input_value() == "云川外卖平台"
    expect(clerk.locator("#f-form-diners")).to_be_hidden()
    clerk.get_by_label("集中用餐单位食堂", exact=True).check()
    expect(clerk.locator("#f-form-diners")).to_be_visible()


def test_rows_come_and_go_and_take_the_focus(clerk: Page) -> None:
    clerk.goto("/new/enterprise-start")
    names = clerk.locator('[name^="form.investors."][name$=".name"]')
    expect(names).to_have_count(1)
    names.first.fill("张三丰")
    clerk.get_by_role("button", name="增加一行").click()
    expect(names).to_have_count(2)
    expect(names.nth(1)).to_be_focused()
    names.nth(1).fill("李四")
    clerk.get_by_role("button", name="删除第 1 行").click()
    expect(names).to_have_count(1)
    assert names.first.input_value() == "李四"
    clerk.get_by_label("企业类型").select_option("个人独资企业")
    expect(names.first).to_be_hidden()


def test_a_draft_keeps_itself_and_another_tab_sees_both(clerk: Page) -> None:
    clerk.goto("/new/enterprise-start")
    clerk.locator("#f-form-company_name").fill("自存有限公司")
    expect(clerk.locator("[data-kept-state]")).to_have_text(re.compile(r"已自动保存 \d\d:\d\d"))
    draft = clerk.locator('input[name="draft"]').first.input_value()
    other = clerk.context.new_page()
    other.goto(f"/new/enterprise-start?draft={draft}")
    assert other.locator("#f-form-company_name").input_value() == "自存有限公司"
    other.locator("#f-form-domicile").fill("云川市商务路1号")
    expect(other.locator("[data-kept-state]")).to_have_text(re.compile("已自动保存"))
    other.close()
    clerk.locator("#f-form-company_name").fill("另名有限公司")
    expect(clerk.locator("[data-kept-fault]")).to_have_text(re.compile("没有覆盖"))
    clerk.get_by_role("button", name="保存草稿").click()
    expect(clerk.get_by_role("heading", level=1)).to_have_text("同一份草稿有两个版本")
    clerk.get_by_role("button", name="按选择合并并保存草稿").click()
    assert clerk.locator("#f-form-company_name").input_value() == "另名有限公司"
    assert clerk.locator("#f-form-domicile").input_value() == "云川市商务路1号"


def test_what_is_typed_while_a_saving_is_on_its_way_is_kept_of_a_page_that_goes(
    clerk: Page,
) -> None:
    clerk.goto("/new/enterprise-start")
    company = clerk.locator("#f-form-company_name")
    draft = clerk.locator('input[name="draft"]').first.input_value()
    held: list[Route] = []

    def hold_once(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)  # never answered

    clerk.route("**/new/enterprise-start", hold_once)
    company.fill("先打的")
    expect(clerk.locator("[data-kept-state]")).to_have_text(re.compile("正在"))
    company.fill("后打的有限公司")
    with clerk.expect_response("**/new/enterprise-start"):
        clerk.evaluate(
            "Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' });"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
    other = clerk.context.new_page()
    other.goto(f"/new/enterprise-start?draft={draft}")
    assert other.locator("#f-form-company_name").input_value() == "后打的有限公司"
    assert len(held) == 1
    clerk.unroute("**/new/enterprise-start")
    other.close()


def test_a_large_file_goes_in_pieces_over_a_connection_that_breaks(
    clerk: Page, tmp_path: Path
) -> None:
    large = tmp_path / "章程.pdf"
    large.write_bytes(b"%PDF-1.7 " + b"x" * (4 * PIECE))
    broken: list[Route] = []

    def break_once(route: Route) -> None:
        if len(broken) < 2 and len(route.request.post_data_buffer or b"") > 100_000:
            broken.append(route)
            route.abort()
        else:
            route.continue_()

    clerk.goto("/new/enterprise-start")
    clerk.route("**/uploads", break_once)
    clerk.locator("#f-file-articles").set_input_files(large)
    expect(clerk.locator('input[name="upload.articles"]')).to_have_count(1)
    clerk.unroute("**/uploads")
    assert len(broken) == 2
    assert clerk.locator("#f-file-articles").input_value() == ""
    kept = clerk.locator('input[name="upload.articles"]').input_value()
    clerk.get_by_role("button", name="收件并出具收件凭证").click()
    expect(clerk).to_have_title(re.compile("^错误："))
    assert clerk.locator('input[name="upload.articles"]').input_value() == kept


def test_a_file_is_called_off_and_one_too_large_never_leaves(clerk: Page, tmp_path: Path) -> None:
    clerk.goto("/new/enterprise-start")
    slow = tmp_path / "慢.pdf"
    slow.write_bytes(b"%PDF-1.7 " + b"x" * PIECE)
    clerk.route("**/uploads", lambda route: None)  # never answered
    clerk.locator("#f-file-articles").set_input_files(slow)
    clerk.get_by_role("button", name="取消上传").click()
    expect(clerk.get_by_text("已取消上传")).to_be_visible()
    huge = tmp_path / "大.pdf"
    huge.write_bytes(b"%PDF-1.7 " + b"x" * 20 * 1024 * 1024)
    clerk.locator("#f-file-articles").set_input_files(huge)
    expect(clerk.get_by_text("文件超过 20 MB")).to_be_visible()
    clerk.unroute("**/uploads")
